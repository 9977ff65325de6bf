"""``python -m tests.browser.provide_chromium`` prints the path of a Chromium, and sees to it that there is one.

In this order: ``YAMLFLOW_CHROMIUM``, one on the path, Debian's package where we may install it, else the npm package that
carries the browser with its libraries.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".venv" / "chromium"
_PACKAGE = "@sparticuz/chromium@153.0.0"


def provide() -> str:
    """The browser's path; installs one where there is none. Raises ``CalledProcessError`` where that fails."""
    found = os.environ.get("YAMLFLOW_CHROMIUM") or shutil.which("chromium")
    if found:
        return found
    if (CACHE / "chromium").exists():
        return str(CACHE / "chromium")
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet = {"stdout": sys.stderr, "check": True, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"], **quiet)
        found = shutil.which("chromium")
        if found:
            return found
    return str(_from_npm())


def _from_npm() -> Path:
    import brotli

    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(CACHE), _PACKAGE], stdout=sys.stderr, check=True)
    parts = CACHE / "node_modules" / "@sparticuz" / "chromium" / "bin"
    for name in ("al2023", "swiftshader", "fonts"):
        packed = brotli.decompress((parts / f"{name}.tar.br").read_bytes())
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(CACHE, filter="data")
    scratch = CACHE / "chromium.part"
    scratch.write_bytes(brotli.decompress((parts / "chromium.br").read_bytes()))
    scratch.chmod(0o755)
    return scratch.rename(CACHE / "chromium")


if __name__ == "__main__":
    print(provide())
