"""The functions of value expressions: one table. Pure, deterministic, never changed, only added.

Each row names its parameters (arguments go by position or by these names), the types it takes and the type it gives. A
function gets plain values of the right types; what it returns is new, or one of its arguments.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import posixpath
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from yamlflow_nb.language.durations import parse_duration

MOST_CHARACTERS = 10_000
MOST_ITEMS = 1_000_000


class WrongValue(Exception):
    """An argument has the right type and a value that will not do."""


class Parameter(NamedTuple):
    """A parameter: name, the kinds of value it takes (``any``, or names joined by ``|``), whether it may be left out."""

    name: str
    kinds: str
    optional: bool = False
    many: bool = False


class Function(NamedTuple):
    """One row of the table."""

    name: str
    parameters: tuple[Parameter, ...]
    result: str
    run: Callable[..., Any]
    summary: str


def kind_of(value: Any) -> str:
    """The kind of a value as messages name it: ``null boolean integer number string array object date datetime``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (list, tuple)):
        return "array"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, dt.datetime):
        return "datetime"
    if isinstance(value, dt.date):
        return "date"
    return "any"


def same(left: Any, right: Any) -> bool:
    """``==``: by value between integers and floats, false between different types, also deep inside."""
    first, second = kind_of(left), kind_of(right)
    if first != second and not {first, second} <= {"integer", "number"}:
        return False
    if first == "array":
        return len(left) == len(right) and all(map(same, left, right))
    if first == "object":
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def text_form(value: Any) -> str:
    """A value in the middle of a text: strings as they are, everything else as compact JSON, dates as ISO text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dt.date):
        # JSON has no dates: the quotes around one would end up in the middle of a path.
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_iso)


def _iso(value: Any) -> Any:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if value != value.to_integral_value() else int(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


def _ordered(values: list[Any], what: str) -> list[Any]:
    kinds = {"number" if kind_of(value) == "integer" else kind_of(value) for value in values}
    if len(kinds) > 1 or not kinds <= {"number", "string", "date", "datetime"}:
        raise WrongValue(f"{what} needs values of one type with an order, not {', '.join(sorted(kinds))}")
    return values


def _extreme(pick: Callable[[list[Any]], Any], name: str) -> Callable[..., Any]:
    def run(*values: Any) -> Any:
        listed = list(values[0]) if len(values) == 1 and isinstance(values[0], (list, tuple)) else list(values)
        if not listed:
            raise WrongValue(f"{name} of nothing")
        return pick(_ordered(listed, name))

    return run


def _sum(array: list[Any]) -> Any:
    if any(kind_of(value) not in ("integer", "number") for value in array):
        raise WrongValue("sum needs numbers")
    return sum(array)


def _round(n: Any, digits: int = 0) -> Any:
    if isinstance(n, float) and (n != n or n in (float("inf"), float("-inf"))):
        raise WrongValue("round needs a finite number")
    if not -300 <= digits <= 300:
        raise WrongValue("digits is out of range")
    return round(n) if digits == 0 else round(n, digits)


def _int(x: Any) -> int:
    try:
        if isinstance(x, str):
            if len(x) > 80:
                raise ValueError
            return int(x.strip()) if "_" not in x else int("x")
        return int(x)
    except (ValueError, OverflowError):
        raise WrongValue(f"{clipped(x)} is no integer") from None


def _float(x: Any) -> float:
    try:
        number = float("x" if isinstance(x, str) and "_" in x else x)
    except (ValueError, OverflowError):
        raise WrongValue(f"{clipped(x)} is no number") from None
    if isinstance(x, str) and not math.isfinite(number):
        raise WrongValue(f"{clipped(x)} is no finite number")
    return number


def _bool(x: Any) -> bool:
    if isinstance(x, bool):
        return x
    if x in ("true", "false"):
        return bool(x == "true")
    raise WrongValue(f'{clipped(x)} is neither "true" nor "false"')


def _split(s: str, sep: str | None = None) -> list[str]:
    if sep == "":
        raise WrongValue("split by an empty text")
    return s.split(sep)


def _join(array: list[Any], sep: str = "") -> str:
    if any(not isinstance(value, str) for value in array):
        raise WrongValue("join needs an array of strings; use str(x)")
    if sum(map(len, array)) + len(sep) * len(array) > MOST_CHARACTERS:
        raise WrongValue(f"the result is longer than {MOST_CHARACTERS} characters")
    return sep.join(array)


def _replace(s: str, old: str, new: str) -> str:
    if len(s) + s.count(old) * max(0, len(new) - len(old)) > MOST_CHARACTERS:
        raise WrongValue(f"the result is longer than {MOST_CHARACTERS} characters")
    return s.replace(old, new)


def _contains(x: Any, item: Any) -> bool:
    if isinstance(x, str):
        if not isinstance(item, str):
            raise WrongValue(f"a text contains texts, not {kind_of(item)}")
        return item in x
    if isinstance(x, Mapping):
        return isinstance(item, str) and item in x
    return any(same(value, item) for value in x)


def _unique(array: list[Any]) -> list[Any]:
    found: dict[Any, Any] = {}
    for value in array:
        found.setdefault(_identity(value), value)
    return list(found.values())


def _identity(value: Any) -> Any:
    """What two values have in common exactly when they are ``same``; Python itself finds 1 and 1.0 equal."""
    kind = kind_of(value)
    if kind == "array":
        return kind, tuple(map(_identity, value))
    if kind == "object":
        return kind, frozenset((key, _identity(item)) for key, item in value.items())
    return "number" if kind == "integer" else kind, value


def _range(a: int, b: int | None = None) -> list[int]:
    first, last = (0, a) if b is None else (a, b)
    if last - first > MOST_ITEMS:
        raise WrongValue(f"more than {MOST_ITEMS} numbers")
    return list(range(first, last))


def _zip(a: list[Any], b: list[Any]) -> list[list[Any]]:
    if len(a) != len(b):
        raise WrongValue(f"zip needs arrays of equal length, not {len(a)} and {len(b)}")
    return [[left, right] for left, right in zip(a, b)]


def _product(a: list[Any], b: list[Any]) -> list[list[Any]]:
    if len(a) * len(b) > MOST_ITEMS:
        raise WrongValue(f"more than {MOST_ITEMS} pairs")
    return [[left, right] for left in a for right in b]


def _from_json(s: str) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(word)

    def number(text: str) -> int:
        if len(text) > 78:
            raise ValueError("a number of more than 256 bits")
        return int(text)

    def real(text: str) -> float:
        if not math.isfinite(float(text)):
            raise ValueError("a number that is too large")
        return float(text)

    try:
        return json.loads(s, parse_constant=refuse, parse_int=number, parse_float=real)
    except (ValueError, RecursionError) as error:
        raise WrongValue(f"this is no JSON: {str(error)[:80]}") from None


def _json(x: Any) -> str:
    try:
        return json.dumps(x, ensure_ascii=False, separators=(",", ":"), default=_iso, allow_nan=False)
    except ValueError:
        raise WrongValue("NaN and infinity have no JSON") from None


def _date(s: Any) -> dt.date:
    if isinstance(s, dt.datetime):
        return s.date()
    if isinstance(s, dt.date):
        return s
    try:
        return dt.date.fromisoformat(s)
    except ValueError:
        raise WrongValue(f"{clipped(s)} is no date such as 2025-01-31") from None


def _datetime(s: Any) -> dt.datetime:
    if isinstance(s, dt.datetime):
        return s
    try:
        return dt.datetime.fromisoformat(s.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        raise WrongValue(f"{clipped(s)} is no time such as 2025-01-31T12:00:00+00:00") from None


def _duration(x: Any) -> Any:
    seconds = parse_duration(x)
    if seconds is None:
        raise WrongValue(f"{clipped(x)} is no duration such as 5m")
    return int(seconds) if float(seconds).is_integer() else seconds


_DIRECTIVES = frozenset("YmdHMSjyaAbBpIwuUVGfzZ%")


def _format_date(d: dt.date, format: str) -> str:
    position = 0
    while (position := format.find("%", position)) >= 0:
        if format[position + 1 : position + 2] not in _DIRECTIVES:
            raise WrongValue(
                f"%{format[position + 1 : position + 2]} is not a date format; use {' '.join('%' + c for c in 'YmdHMS')}"
            )
        position += 2
    return d.strftime(format)


def _add_days(d: dt.date, n: Any) -> dt.date:
    try:
        return d + dt.timedelta(days=n)
    except OverflowError:
        raise WrongValue("the date is out of range") from None


def _days_between(a: dt.date, b: dt.date) -> Any:
    if kind_of(a) != kind_of(b):
        raise WrongValue("days_between needs two dates, or two times")
    try:
        between = b - a
    except TypeError:
        raise WrongValue("one time has a zone and the other has none") from None
    return between.days if kind_of(a) == "date" else between.total_seconds() / 86_400


def _sorted(array: list[Any], reverse: bool = False) -> list[Any]:
    return sorted(_ordered(array, "sorted"), reverse=reverse) if array else []


def _booleans(array: list[Any]) -> list[Any]:
    if any(not isinstance(value, bool) for value in array):
        raise WrongValue("it needs an array of booleans")
    return array


def _flatten(array: list[Any]) -> list[Any]:
    return [item for value in array for item in (value if isinstance(value, (list, tuple)) else [value])]


def _slice(x: Any, start: int | None = None, end: int | None = None) -> Any:
    return x[start:end] if isinstance(x, str) else list(x)[start:end]


def clipped(value: Any) -> str:
    """A value for a message, cut when it is long."""
    shown = repr(value) if isinstance(value, str) else text_form(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def described(value: Any) -> str:
    """A value with its kind: ``integer 3``, ``null``."""
    return "null" if value is None else f"{kind_of(value)} {clipped(value)}"


def _row(name: str, parameters: str, result: str, run: Callable[..., Any], summary: str) -> tuple[str, Function]:
    """``parameters``: ``x: string, sep?: string, values*: any``."""
    listed = []
    for part in filter(None, parameters.split(", ")):
        label, kinds = part.split(": ")
        listed.append(Parameter(label.rstrip("?*"), kinds, label.endswith("?"), label.endswith("*")))
    return name, Function(name, tuple(listed), result, run, summary)


FUNCTIONS: dict[str, Function] = dict(
    [
        _row("len", "x: string|array|object", "integer", len, "how many characters, items or keys"),
        _row("min", "values*: any", "any", _extreme(min, "min"), "the smallest of an array or of the values"),
        _row("max", "values*: any", "any", _extreme(max, "max"), "the largest of an array or of the values"),
        _row("sum", "array: array", "number", _sum, "the sum of an array of numbers"),
        _row("abs", "n: number", "number", abs, "without sign"),
        _row("round", "n: number, digits?: integer", "number", _round, "half to even; an integer when digits is 0"),
        _row("int", "x: number|string", "integer", _int, "truncates a number, parses a text"),
        _row("float", "x: number|string", "number", _float, "a number as float, parses a text"),
        _row("str", "x: any", "string", text_form, "the text form"),
        _row("bool", "x: boolean|string", "boolean", _bool, 'a boolean, or "true" or "false"'),
        _row("lower", "s: string", "string", lambda s: s.lower(), "in small letters"),
        _row("upper", "s: string", "string", lambda s: s.upper(), "in capitals"),
        _row("strip", "s: string", "string", lambda s: s.strip(), "without white space around"),
        _row("split", "s: string, sep?: string", "array", _split, "the parts between a separator (white space)"),
        _row("join", "array: array, sep?: string", "string", _join, "an array of strings as one"),
        _row("replace", "s: string, old: string, new: string", "string", _replace, "every old by new"),
        _row("startswith", "s: string, part: string", "boolean", lambda s, part: s.startswith(part), "whether it begins so"),
        _row("endswith", "s: string, part: string", "boolean", lambda s, part: s.endswith(part), "whether it ends so"),
        _row("contains", "x: string|array|object, item: any", "boolean", _contains, "whether a text, array or object has it"),
        _row("sorted", "array: array, reverse?: boolean", "array", _sorted, "in order"),
        _row("keys", "object: object", "array", list, "the keys of an object"),
        _row("values", "object: object", "array", lambda object: list(object.values()), "the values of an object"),
        _row("first", "array: array", "any", lambda array: array[0], "the first item; absent if empty"),
        _row("last", "array: array", "any", lambda array: array[-1], "the last item; absent if empty"),
        _row("unique", "array: array", "array", _unique, "each value once, in order"),
        _row("compact", "array: array", "array", lambda array: [value for value in array if value is not None], "without nulls"),
        _row("flatten", "array: array", "array", _flatten, "arrays in an array, one level"),
        _row("slice", "x: string|array, start?: integer|null, end?: integer|null", "any", _slice, "a part"),
        _row("range", "a: integer, b?: integer", "array", _range, "the integers from a to b, without b"),
        _row("zip", "a: array, b: array", "array", _zip, "pairs of two arrays of equal length"),
        _row("product", "a: array, b: array", "array", _product, "every pair"),
        _row("json", "x: any", "string", _json, "compact JSON"),
        _row("from_json", "s: string", "any", _from_json, "the value that a JSON text says"),
        _row("date", "s: string|date|datetime", "date", _date, "a date from ISO 8601"),
        _row("datetime", "s: string|datetime", "datetime", _datetime, "a time from ISO 8601"),
        _row("duration", "x: string|number", "number", _duration, "seconds; an integer if whole"),
        _row("format_date", "d: date|datetime, format: string", "string", _format_date, "a date as a text"),
        _row("add_days", "d: date|datetime, n: number", "any", _add_days, "n days later"),
        _row("days_between", "a: date|datetime, b: date|datetime", "number", _days_between, "b - a in days"),
        _row("basename", "s: string", "string", posixpath.basename, "the last part of a path"),
        _row("dirname", "s: string", "string", posixpath.dirname, "a path without its last part"),
        _row("joinpath", "parts*: string", "string", posixpath.join, "a path from parts"),
        _row("any", "array: array", "boolean", lambda array: any(_booleans(array)), "whether one is true"),
        _row("all", "array: array", "boolean", lambda array: all(_booleans(array)), "whether every one is true"),
        _row("default", "x: absent, y: any", "any", lambda x, y: x, "y when x is absent"),
        _row("coalesce", "values*: absent", "any", lambda *values: values, "the first that is neither absent nor null"),
        _row("defined", "x: absent", "boolean", lambda x: x, "whether it is there"),
        _row("peek", "x: absent", "any", lambda x: x, "what is there now, else absent"),
    ]
)
"""Name → row. ``default``, ``coalesce``, ``defined`` and ``peek`` accept absence: evaluation treats them itself."""

ACCEPTS_ABSENCE = frozenset({"default", "coalesce", "defined", "peek"})
GUARDS = frozenset({"default", "coalesce", "defined"})


def fits_kind(value: Any, kinds: str) -> bool:
    """Whether a value is of one of the kinds of a parameter; an integer is a number."""
    return kind_fits(kind_of(value), kinds)


def kind_fits(kind: str, kinds: str) -> bool:
    """The same for the name of a kind."""
    wanted = kinds.split("|")
    return "any" in wanted or kind in wanted or (kind == "integer" and "number" in wanted)
