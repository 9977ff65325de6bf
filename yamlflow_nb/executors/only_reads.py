"""Whether a query only reads, so that running it twice does no harm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BEGINS = frozenset({"select", "with", "values", "from", "table", "describe", "show", "explain", "summarize"})
_WRITES = frozenset(
    "insert update delete merge into create drop alter truncate copy export import call exec execute attach detach install load "
    "nextval setval set reset pragma vacuum analyze grant revoke lock do begin commit rename comment".split()
)
_NOT_WORDS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def only_reads(fields: Mapping[str, Any]) -> bool:
    """True for one statement that begins as a question and holds no word that writes, texts and comments apart. What cannot
    be seen (a file, a template) counts as writing.

    >>> only_reads({"query": "SELECT * FROM t WHERE a = 'delete'"})
    True
    >>> only_reads({"query": "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"})
    False
    """
    query = fields.get("query")
    if not isinstance(query, str) or fields.get("identifiers") is not None or fields.get("statements") == "many":
        return False
    bare = _NOT_WORDS.sub(" ", query)
    words = [word.lower() for word in _WORD.findall(bare)]
    if ";" in bare.strip().rstrip(";") or not words or words[0] not in _BEGINS:
        return False
    return not _WRITES.intersection(words)
