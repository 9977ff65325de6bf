"""What comes from others: floors below which a known hole lies, and pages that load nothing from elsewhere."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.views.snapshots import node, snapshot
from yamlflow_nb.infrastructure.configuration import _toml
from yamlflow_nb.views.html import as_html

ROOT = Path(__file__).resolve().parents[1]
KNOWN = _toml().loads((ROOT / "tests/advisories.toml").read_text(encoding="utf-8"))
_ELSEWHERE = re.compile(
    r"""(?:src|href|srcset|action|poster|data)\s*=\s*\\?["']?\s*(?:https?:)?//"""
    r"""|@import\s+(?:url\()?["']?\s*(?:https?:)?//"""
    r"""|url\(\s*["']?\s*(?:https?:)?//"""
    r"""|(?:import|from|fetch|importScripts|require|XMLHttpRequest|WebSocket|EventSource)\s*\(?\s*["'](?:https?:|wss?:)?//""",
    re.IGNORECASE,
)
_LOOKED_AT = {".py", ".js", ".mjs", ".ts", ".tsx", ".css", ".html", ".svg", ".json", ".yaml", ".ipynb"}


def _asked_for() -> list[Requirement]:
    return [Requirement(line) for line in requires("yamlflow_nb") or [] if not line.startswith("yamlflow_nb")]


@pytest.mark.trust("B38")
@pytest.mark.parametrize("name", sorted(KNOWN["requires"]))
def test_no_version_with_a_known_hole_may_be_installed(name: str) -> None:
    lowest, hole = KNOWN["requires"][name]
    found = [one for one in _asked_for() if canonicalize_name(one.name) == canonicalize_name(name)]
    assert found, f"{name} is asked for no more: take it out of advisories.toml"
    for one in found:
        floors = [Version(part.version) for part in one.specifier if part.operator in (">=", "==", "~=")]
        assert floors and max(floors) >= Version(lowest), f"{one} lets a version in that has a hole: {hole}"


@pytest.mark.trust("B38")
def test_everything_that_is_asked_for_has_a_floor() -> None:
    assert [str(one) for one in _asked_for() if not any(part.operator in (">=", "==", "~=") for part in one.specifier)] == []


@pytest.mark.trust("B38")
@pytest.mark.parametrize("name", sorted({**KNOWN["requires"], **KNOWN["installed"]}))
def test_what_is_installed_here_has_no_known_hole(name: str) -> None:
    lowest, hole = {**KNOWN["requires"], **KNOWN["installed"]}[name]
    try:
        installed = Version(version(name))
    except PackageNotFoundError:
        return  # an extra that is not here
    assert installed >= Version(lowest), hole


def test_an_address_elsewhere_is_found_in_any_of_its_forms() -> None:
    for text in (
        '<script src="https://cdn.example/x.js">', "<img src=//cdn.example/x.png>", "@import url('https://cdn.example/x.css')",
        'background: url("//cdn.example/x.png")', 'import * as d3 from "https://cdn.example/d3.js"', "import('https://cdn.example')",
        'fetch("https://cdn.example")', "<a href='http://example.org'>",
    ):  # fmt: skip
        assert _ELSEWHERE.search(text), text
    for text in ('src="data:image/png;base64,AA"', "url(#clip)", "# see https://example.org", 'from "./graph"', "a // b"):
        assert not _ELSEWHERE.search(text), text


@pytest.mark.trust("B38")
def test_no_file_of_the_package_loads_anything_from_elsewhere() -> None:
    found = []
    for folder in ("yamlflow_nb", "jupyter_extension/src", "jupyter_extension/style"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in _LOOKED_AT and "node_modules" not in path.parts:
                for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    if _ELSEWHERE.search(line):
                        found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


@pytest.mark.trust("B38")
def test_a_saved_output_loads_nothing_at_all() -> None:
    hostile = "https://cdn.example/x.js"
    drawn = as_html(snapshot([node(f'"><script src="{hostile}">', title=f"<img src={hostile}>")], outputs={"x": hostile}), None)
    tags: list[str] = []
    addresses: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            addresses.extend(value or "" for name, value in attributes if name in ("src", "href", "srcset", "action", "data"))

    Reader().feed(drawn)
    assert tags and not {"script", "link", "iframe", "object", "embed", "img"} & set(tags)
    assert [address for address in addresses if not address.startswith("data:")] == []


def test_the_audit_says_so_when_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tests import audit

    monkeypatch.setattr(audit, "COMMAND", [sys.executable, "-c", "raise ConnectionError('no network')"])
    assert audit.main() == 0 and "NOT AUDITED" in capsys.readouterr().out
    monkeypatch.setattr(audit, "COMMAND", [sys.executable, "-c", "print('urllib3 1.0 CVE-1'); raise SystemExit(1)"])
    assert audit.main() == 1 and "CVE-1" in capsys.readouterr().out
