"""A query → what it says: comments and layout do not count where that is certain; and the files that it names."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from yamlflow_nb.domain.made_of import MadeOf, NotKnown

_PIECE = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|(?P<gap>--[^\n]*(?:\n|$)|/\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/|\s+)""",
    re.DOTALL,
)
_MINUS = re.compile(r"--\S")
"""To some databases no comment, but two signs."""
_FAR = re.compile(r"[a-z][a-z0-9+]*://", re.IGNORECASE)


def same_query(text: str) -> str:
    """One text for queries that differ in comments and white space alone; the text itself where it holds what databases read
    differently (backslashes, quotes of other kinds, hints).

    >>> same_query("SELECT 1 -- one\\n  FROM t") == same_query("SELECT 1 FROM t")
    True
    """
    rest = _PIECE.sub("", text)
    if "\\" in text or _MINUS.search(text) or any(sign in rest for sign in ("'", '"', "`", "$$", "/*", "*/", "#")) or "/*+" in text:
        return text
    return _PIECE.sub(lambda found: found[0] if found["kept"] is not None else " ", text).strip().rstrip("; ")


def look_at_query(text: str, folder: Path, made: MadeOf) -> None:
    """Add the files that a query names in quotes, also by a pattern. Raises ``NotKnown`` where it reads from afar."""
    for found in _PIECE.finditer(text):
        if found["kept"] is None or found["kept"][0] == "$":
            continue
        name = found["kept"][1:-1]
        if _FAR.match(name):
            raise NotKnown(f"the query reads {name}, which may change unseen")
        if not name or "\n" in name or "\0" in name:
            continue
        if any(sign in name for sign in "*?["):
            names = (
                sorted(glob.glob(name, root_dir=folder, recursive=True))
                if not Path(name).is_absolute()
                else sorted(glob.glob(name))
            )
            made.parts[f"files {name}"] = "\n".join(names)
        else:
            names = [name]
        for one in names:
            path = folder / one
            if path.is_file():
                made.files[one] = path
