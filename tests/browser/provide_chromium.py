"""``python -m tests.browser.provide_chromium`` prints the path of a Chromium, and sees to it that there is one.

In this order: ``YAMLFLOW_CHROMIUM``, one on the path, Debian's package where we may install it, else Playwright's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def provide() -> str:
    """The browser's path; installs one where there is none. Raises ``CalledProcessError`` where that fails."""
    return os.environ.get("YAMLFLOW_CHROMIUM") or shutil.which("chromium") or _debians() or _playwrights()


def _debians() -> str | None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return None
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in ("update -qq", "install -y -qq --no-install-recommends chromium fonts-dejavu-core"):
        subprocess.run(["apt-get", *words.split()], stdout=sys.stderr, check=True, env=env)
    return shutil.which("chromium")


def _playwrights() -> str:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr, check=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


if __name__ == "__main__":
    print(provide())
