"""Values → one line of JSON, and back equal. Never pickle: a stored row cannot run code.

What JSON cannot say travels in an envelope ``{"$yf": kind, "v": text}``: dates, decimals, UUIDs, bytes, NaN and infinities.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

_MARK = "$yf"
_DEEPEST = 200
_GLANCE = 4
_PLAIN = frozenset({str, int, bool, type(None)})
_READERS: dict[str, Callable[[str], Any]] = {
    "datetime": dt.datetime.fromisoformat, "date": dt.date.fromisoformat, "decimal": Decimal, "uuid": UUID,
    "bytes": base64.b64decode, "float": float,
}  # fmt: skip


class UnkeepableValue(ValueError):
    """A value that cannot be stored and come back equal; says which part, and why."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}" if place else why)
        self.place = place
        self.why = why


def dumps(value: Any) -> str:
    """One line of ASCII JSON. Raises ``UnkeepableValue`` for what cannot be kept (open handles, cycles, keys that are no
    text, objects of libraries)."""
    return _encode(value if _is_plain(value, 0) else _encoded(value, "", set(), 0))


def loads(text: str) -> Any:
    """The value of a line that ``dumps`` wrote."""
    return _decode(text)


def _opened(mapping: dict[str, Any]) -> Any:
    kind = mapping.get(_MARK)
    if kind is None or len(mapping) != 2:
        return mapping
    return dict(mapping["v"]) if kind == "mapping" else _READERS[kind](mapping["v"])


_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False, check_circular=False).encode
_decode = json.JSONDecoder(object_hook=_opened).decode
# Made once: a commit writes thousands of small values, and making an encoder takes longer than using it.


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON says a value as it is; what is not seen at a glance is looked at with care by ``_encoded``."""
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is dict:
        return depth < _GLANCE and all(
            type(key) is str and key != _MARK and _is_plain(item, depth + 1) for key, item in value.items()
        )
    return kind is list and depth < _GLANCE and all(_is_plain(item, depth + 1) for item in value)


def _envelope(kind: str, text: str) -> dict[str, str]:
    return {_MARK: kind, "v": text}


def _encoded(value: Any, place: str, above: set[int], depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else _envelope("float", repr(value))
    if isinstance(value, (Mapping, list, tuple)):
        return _collection(value, place, above, depth)
    if isinstance(value, dt.datetime):
        return _envelope("datetime", value.isoformat())
    if isinstance(value, dt.date):
        return _envelope("date", value.isoformat())
    if isinstance(value, Decimal):
        return _envelope("decimal", str(value))
    if isinstance(value, UUID):
        return _envelope("uuid", str(value))
    if isinstance(value, (bytes, bytearray)):
        return _envelope("bytes", base64.b64encode(value).decode())
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        return _encoded(value.item(), place, above, depth)
    for plain in (str, int, float):
        if isinstance(value, plain):
            return _encoded(plain(value), place, above, depth)
    raise UnkeepableValue(place, f"a {kind.__module__}.{kind.__qualname__} cannot be kept as a value")


def _collection(value: Any, place: str, above: set[int], depth: int) -> Any:
    if id(value) in above:
        raise UnkeepableValue(place, "it contains itself")
    if depth >= _DEEPEST:
        raise UnkeepableValue(place, f"it is nested more than {_DEEPEST} deep")
    above.add(id(value))
    encoded: Any
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str:
                raise UnkeepableValue(place, f"the key {key!r} is no text")
        encoded = {key: _encoded(item, f"{place}.{key}" if place else key, above, depth + 1) for key, item in value.items()}
        if _MARK in encoded:
            encoded = {_MARK: "mapping", "v": [[key, item] for key, item in encoded.items()]}
    else:
        encoded = [_encoded(item, f"{place}[{index}]", above, depth + 1) for index, item in enumerate(value)]
    above.discard(id(value))
    return encoded
