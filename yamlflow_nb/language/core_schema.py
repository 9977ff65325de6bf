"""Plain scalars typed by the YAML 1.2 core schema: ``no`` is a text, ``010`` is ten, ``1e3`` a number."""

from __future__ import annotations

import math
import re
from typing import Any

LARGEST_INTEGER_BITS = 256
_MAY_BE_TYPED = frozenset("0123456789+-.~nNtTfF")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_BASED = re.compile(r"0o([0-7]+)\Z|0x([0-9a-fA-F]+)\Z")
_NON_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


class UnfitNumber(ValueError):
    """A plain scalar that is a number by its form and cannot be kept: too large, or not finite."""


def typed(text: str) -> Any:
    """The value of a plain scalar. Raises UnfitNumber.

    >>> typed("no"), typed("010"), typed("0o10"), typed("1e3"), typed("22:22"), typed("~")
    ('no', 10, 8, 1000.0, '22:22', None)
    """
    if text and text[0] not in _MAY_BE_TYPED:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.match(text):
        return _integer(text, 10)
    if _FLOAT.match(text):
        number = float(text)
        if math.isinf(number):
            raise UnfitNumber("is larger than any number that can be kept exactly enough")
        return number
    if based := _BASED.match(text):
        return _integer(based[1] or based[2], 8 if based[1] else 16)
    if _NON_FINITE.match(text):
        raise UnfitNumber("is not a finite number")
    return text


def _integer(digits: str, base: int) -> int:
    # Long digit strings are quadratic to convert, and refused by Python from 4,300 digits on.
    number = int(digits, base) if len(digits) <= LARGEST_INTEGER_BITS + 1 else None
    if number is None or number.bit_length() > LARGEST_INTEGER_BITS:
        raise UnfitNumber(f"has more than {LARGEST_INTEGER_BITS} bits")
    return number
