"""Values → one line of JSON, and back equal. Never pickle: what is read cannot run code.

What JSON cannot say travels in an envelope ``{"$yf": kind, "v": text}``: dates, decimals, UUIDs, bytes, NaN and infinities.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from json import encoder as encoders
from typing import Any
from uuid import UUID

_MARK = "$yf"
_DEEPEST = 200
DEEPEST_VALUE = 64
"""Levels of a value that enters the pool; a stored row wraps a few more around it."""
_MOST_BITS = 14_000
"""Of an integer: Python itself writes and reads none of more than 4,300 digits."""
_WORD = 1 << 64
_GLANCE = 4
SMALL_BYTES = 64
"""What no small value takes more of, written out."""
_SMALL_TEXT = SMALL_BYTES // 6 - 1
"""Characters: JSON writes a control character as six."""
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


def dumps(value: Any, *, entering: bool = False) -> str:
    """One line of ASCII JSON. Raises ``UnkeepableValue`` for what cannot be kept (open handles, cycles, keys that are no
    text, objects of libraries). ``entering`` is for a value on its way into the pool: no half surrogates, which no file and no
    screen can show, and at most ``DEEPEST_VALUE`` levels."""
    if not entering and _is_plain(value, 0):
        return _encode(value)
    encoder = _Encoder(DEEPEST_VALUE if entering else _DEEPEST, entering)
    return _encode(encoder.encoded(value, "", 0))


def loads(text: str) -> Any:
    """The value of a line that ``dumps`` wrote."""
    return _decode(text)


def is_small(value: Any) -> bool:
    """Whether a value is, at a glance, one that may enter the pool, that nobody can change, and that comes back as itself."""
    kind = type(value)
    if kind is int:
        return bool(-_WORD < value < _WORD)
    if kind is str:
        return len(value) <= _SMALL_TEXT and value.isascii()
    return kind is bool or value is None or (kind is float and math.isfinite(value))


def _opened(mapping: dict[str, Any]) -> Any:
    kind = mapping.get(_MARK)
    if kind is None or len(mapping) != 2:
        return mapping
    return dict(mapping["v"]) if kind == "mapping" else _READERS[kind](mapping["v"])


def _made_once() -> Callable[[Any], str]:
    """A commit writes thousands of small values, and ``JSONEncoder.encode`` makes for each what encodes it: that takes longer
    than using it."""
    encoder = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False, check_circular=False)
    make = getattr(encoders, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    parts = make(None, encoder.default, encoders.encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda value: "".join(parts(value, 0))


_encode = _made_once()
_decode = json.JSONDecoder(object_hook=_opened).decode


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON says a value as it is; what is not seen at a glance is looked at with care by ``_Encoder``."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_WORD < value < _WORD)
    if kind is float:
        return math.isfinite(value)
    if depth >= _GLANCE:
        return False
    # Loops, not `all(...)`: a generator for each small mapping would take longer than looking at what is in it.
    if kind is dict:
        for key, item in value.items():  # noqa: SIM110
            if type(key) is not str or key == _MARK or not _is_plain(item, depth + 1):
                return False
        return True
    if kind is list:
        for item in value:  # noqa: SIM110
            if not _is_plain(item, depth + 1):
                return False
        return True
    return False


def _envelope(kind: str, text: str) -> dict[str, str]:
    return {_MARK: kind, "v": text}


class _Encoder:
    """One value on its way to JSON; ``above`` are the collections around the part that is looked at."""

    def __init__(self, deepest: int, whole_texts: bool) -> None:
        self.deepest = deepest
        self.whole_texts = whole_texts
        self.above: set[int] = set()

    def encoded(self, value: Any, place: str, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self._text(value, place) if self.whole_texts else value
        if kind is int:
            return value if -_WORD < value < _WORD else _integer(value, place)
        if kind is float:
            return value if math.isfinite(value) else _envelope("float", repr(value))
        if isinstance(value, (Mapping, list, tuple)):
            return self._collection(value, place, depth)
        if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
            return self.encoded(_plain(value, place), place, depth)
        told = _enveloped(value)
        if told is not None:
            return told
        for plain in (str, int, float):
            if isinstance(value, plain):
                return self.encoded(plain(value), place, depth)
        raise UnkeepableValue(place, f"a {_name(kind)} cannot be kept as a value")

    def _text(self, value: str, place: str) -> str:
        if self.whole_texts and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                half = f"U+{ord(value[error.start]):04X} at {error.start}"
                raise UnkeepableValue(place, f"the text holds half of a surrogate pair ({half})") from None
        return value

    def _collection(self, value: Any, place: str, depth: int) -> Any:
        if id(value) in self.above:
            raise UnkeepableValue(place, "it contains itself")
        if depth >= self.deepest:
            raise UnkeepableValue(place, f"it is nested more than {self.deepest} deep")
        self.above.add(id(value))
        encoded: Any
        if isinstance(value, Mapping):
            for key in value:
                if type(key) is not str:
                    raise UnkeepableValue(place, f"the key {key!r} is no text")
                self._text(key, place)
            encoded = {key: self.encoded(item, f"{place}.{key}" if place else key, depth + 1) for key, item in value.items()}
            if _MARK in encoded:
                encoded = {_MARK: "mapping", "v": [[key, item] for key, item in encoded.items()]}
        else:
            encoded = [self.encoded(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(value)]
        self.above.discard(id(value))
        return encoded


def _integer(value: int, place: str) -> int:
    if value.bit_length() > _MOST_BITS:
        raise UnkeepableValue(place, f"an integer of {value.bit_length()} bits cannot be written as a number")
    return value


def _enveloped(value: Any) -> dict[str, str] | None:
    # datetime before date: every datetime is a date.
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
    return None


def _plain(value: Any, place: str) -> Any:
    """A value of numpy or pandas as Python's own, without loading either. Raises where something would be lost: numpy gives
    moments of a nanosecond as integers, and a missing moment as None."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind and getattr(value, "shape", ()):
        return list(value) if kind in "mMOV" else value.tolist()
    if kind == "M":
        moment = value.astype("datetime64[us]")
        if moment == value:
            return moment.item()
        raise UnkeepableValue(place, f"{value} has no moment, or nanoseconds")
    if kind and kind in "biufUS" and hasattr(value, "item"):
        item = value.item()
        if type(item) is not type(value):
            return item
    if isinstance(value, dt.datetime) and value == value and not getattr(value, "nanosecond", 0):
        return value.to_pydatetime()  # type: ignore[attr-defined]
    raise UnkeepableValue(place, f"a {_name(type(value))} cannot be kept as a value")


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
