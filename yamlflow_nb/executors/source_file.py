"""The file that a task names → its bytes, read from below the definition's folder and from nowhere else."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from yamlflow_nb.domain.work import TaskFailed, Work

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def source_path(work: Work, named: str, what: str) -> Path:
    """Where a task's file lies: links are followed, and it must be below the definition's folder. Raises ``TaskFailed``."""
    if "\0" in named:
        raise TaskFailed("PathError", f"{what} {named!r} holds a NUL character")
    if named.startswith(("\\\\", "//")) or _SCHEME.match(named):
        raise TaskFailed("PathError", f"{what} {named!r} is an address: name a file below the pipeline's folder")
    root = Path(os.path.realpath(work.folder))
    found = Path(os.path.realpath(root / named.replace("\\", "/") if os.name == "nt" else root / named))
    if not found.is_relative_to(root):
        raise TaskFailed("PathError", f"{what} {named!r} lies outside of the pipeline's folder {root}")
    return found


def read_source(work: Work, named: str, what: str) -> tuple[Path, bytes]:
    """The file and its content; the attempt notes its hash. Raises ``TaskFailed``."""
    path = source_path(work, named, what)
    # NOFOLLOW: what was a file a moment ago may be a link out by now. NONBLOCK: a pipe would be waited for.
    flags = os.O_RDONLY
    for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, flag, 0)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise TaskFailed("FileNotFoundError", f"{what} {path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        opened = os.fstat(handle)
        if not stat.S_ISREG(opened.st_mode):
            raise TaskFailed("PathError", f"{what} {path} is no file")
        if source_path(work, named, what) != path or not os.path.samestat(opened, os.stat(path)):
            raise TaskFailed("PathError", f"{what} {named!r} was exchanged while it was opened")
        data = file.read()
    work.used(path, data)
    return path, data


def source_text(work: Work, named: str, what: str) -> tuple[Path, str]:
    """The file and its text. Raises ``TaskFailed``."""
    path, data = read_source(work, named, what)
    try:
        return path, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskFailed("NotAText", f"{what} {path} is no UTF-8 text (byte {error.start})") from None
