"""When a pipeline starts by itself: the form of ``cron``, ``timezone`` and ``at``.

Whether a place such as ``Europe/Berlin`` is known is a matter of the machine that runs the schedule; here its form is looked at.
"""

from __future__ import annotations

import datetime as dt
import re

from yamlflow_nb.domain.document import DocumentNode, MappingNode, Path, ScalarNode, SequenceNode
from yamlflow_nb.language.quoting import quoted, shown
from yamlflow_nb.language.reading import INVALID, Reading, anything, duration, list_of, one_of, record, text

_STARTS = ("cron", "every", "at", "onEvent", "onFile")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_PARTS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []), ("hour", 0, 23, []), ("day of the month", 1, 31, []), ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)  # fmt: skip
_NAMED = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
"""Short forms of other products."""
_ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d{0,2}))?\Z")
_ZONE = re.compile(r"UTC|GMT|[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z0-9_+-]*){1,2}\Z")
_AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
    "Etc",
    "US",
    "Canada",
)


def wrong_in_cron(written: str) -> str | None:
    """What is wrong with a line of cron; None where it is right.

    >>> wrong_in_cron("0 6 * * MON-FRI"), wrong_in_cron("0 25 * * *")
    (None, 'the hour `25` is not between 0 and 23')
    """
    parts = written.split()
    if len(parts) != len(_PARTS):
        return f"it has five parts (minute, hour, day of the month, month, day of the week), this has {len(parts)}"
    return next((wrong for part, known in zip(parts, _PARTS) if (wrong := _wrong_part(part, *known)) is not None), None)


def _wrong_part(part: str, what: str, least: int, most: int, names: list[str]) -> str | None:
    for item in part.split(","):
        found = _ITEM.match(item)
        if found is None:
            return f"the {what} {shown(item)} is no number, range or `*`"
        values = [_number(one, names, least) for one in (found["first"], found["last"]) if one is not None]
        for one, value in zip((found["first"], found["last"]), values):
            if value is None or not least <= value <= most:
                return f"the {what} {shown(one)} is not between {least} and {most}"
    return None


def _number(word: str, names: list[str], least: int) -> int | None:
    if word.isdecimal():
        return int(word[:4])
    return names.index(word.lower()) + least if word.lower() in names else None


def _cron(reading: Reading, path: Path, node: DocumentNode) -> object:
    value = text(reading, path, node)
    if value is INVALID:
        return INVALID
    named = _NAMED.get(value.lower())
    if named is not None:
        replace = (f"write {named}", quoted(named))
        return reading.report("YF142", path, f"{shown(value)} is no line of cron", f"write {quoted(named)}", replace=replace)
    wrong = wrong_in_cron(value)
    if wrong is not None:
        return reading.report("YF142", path, f"{shown(value)} is no line of cron: {wrong}", 'for example "0 6 * * 1"')
    return value


def _timezone(reading: Reading, path: Path, node: DocumentNode) -> object:
    value = text(reading, path, node)
    if value is INVALID:
        return INVALID
    area, slash, rest = value.partition("/")
    if _ZONE.match(value) and (not slash or area in _AREAS):
        return value
    close = reading.near(area, _AREAS) if slash else None
    written = f"{close}/{rest}" if close is not None and _ZONE.match(f"{close}/{rest}") else None
    hint = f"did you mean {written}?" if written else "zones are called as in the IANA database: Europe/Berlin, UTC"
    replace = (f"write {written}", written) if written else None
    return reading.report("YF142", path, f"{shown(value)} is no time zone", hint, replace=replace)


def _at(reading: Reading, path: Path, node: DocumentNode) -> object:
    """One time or a list of such."""
    if isinstance(node, SequenceNode):
        return tuple(_at(reading, (*path, index), item) for index, item in enumerate(node.items))
    value = text(reading, path, node)
    if value is INVALID:
        return INVALID
    try:
        dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return reading.report("YF142", path, f"{shown(value)} is no time", "ISO 8601, for example 2026-01-31T06:00:00+01:00")
    return value


_FIELDS = record(
    {
        "cron": _cron, "every": duration, "at": _at, "onEvent": anything, "onFile": anything, "timezone": _timezone,
        "catchUp": one_of("none", "last", "all"), "inputs": anything,
    }
)  # fmt: skip


def _one(reading: Reading, path: Path, node: DocumentNode) -> object:
    if (
        type(node) is ScalarNode
        and isinstance(node.value, str)
        and (node.value.lower() in _NAMED or wrong_in_cron(node.value) is None)
    ):
        written = f"{{cron: {quoted(_NAMED.get(node.value.lower(), node.value))}}}"
        replace = (f"write {written}", written)
        return reading.report("YF123", path, "a schedule is a mapping that says how it starts", f"write {written}", replace=replace)
    value = _FIELDS(reading, path, node)
    if value is not INVALID and isinstance(node, MappingNode):
        given = [name for name in _STARTS if name in node.items]
        if len(given) != 1:
            what = f"`{given[0]}` and `{given[1]}`" if given else "none of them"
            reading.report("YF122", path, f"a schedule has exactly one of {', '.join(_STARTS)}; this has {what}")
    return value


_SEVERAL = list_of(_one)


def schedule(reading: Reading, path: Path, node: DocumentNode) -> object:
    """``schedule``: one, or a list of them."""
    return (_SEVERAL if isinstance(node, SequenceNode) else _one)(reading, path, node)
