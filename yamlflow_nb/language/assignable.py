"""Whether a value of one declared type can ever stand where another is declared: definite mismatches only."""

from __future__ import annotations

_VALUES: dict[str, frozenset[str]] = {
    "string": frozenset({"string"}),
    "number": frozenset({"number", "integer"}),
    "integer": frozenset({"integer"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date", "string"}),
    "datetime": frozenset({"datetime", "date", "string"}),
    "object": frozenset({"object", "file", "dataframe"}),
    "array": frozenset({"array"}),
    "file": frozenset({"file", "dataframe", "string", "object"}),
    "dataframe": frozenset({"dataframe", "file", "object"}),
}


def can_hold(actual: str | None, declared: str | None) -> bool:
    """Whether a value of type ``actual`` can fit ``declared``; unknown types, ``any`` and ``null`` always can.

    >>> can_hold("integer", "number"), can_hold("number", "integer"), can_hold("string", "integer"), can_hold(None, "array")
    (True, True, False, True)
    """
    here = _VALUES.get(actual or "any")
    there = _VALUES.get(declared or "any")
    return here is None or there is None or not here.isdisjoint(there)
