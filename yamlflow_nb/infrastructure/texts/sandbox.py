"""The Jinja2 of long texts: statements, and otherwise the small language. No methods, no attributes of objects, no files."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from yamlflow_nb.language.functions import (
    ACCEPTS_ABSENCE,
    FUNCTIONS,
    Function,
    WrongValue,
    described,
    fits_kind,
    kind_of,
    text_form,
)

MOST_OUTPUT = 256 * 1024
"""Bytes of a rendered text."""
_MOST_RANGE = 100_000


class TextError(ValueError):
    """A text that cannot be rendered; says why, and in which line."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"**", "*", "+", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=_text, trim_blocks=True, lstrip_blocks=True)
        callables = {name: _called(function) for name, function in FUNCTIONS.items() if name not in ACCEPTS_ABSENCE}
        callables |= {"default": _default, "coalesce": _coalesce, "defined": _defined}
        self.filters = dict(callables)
        self.globals = dict(callables)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``a.b`` is a key lookup in data."""
        if isinstance(obj, LoopContext) and not attribute.startswith("_"):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        try:
            if isinstance(obj, Mapping) and isinstance(argument, str):
                return obj[argument]
            if isinstance(obj, (list, tuple, str)) and isinstance(argument, (int, slice)) and not isinstance(argument, bool):
                return obj[argument]
        except (KeyError, IndexError):
            pass
        name = f"`{argument}` of {described(obj)}"
        return self.undefined(f"{name} is absent")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        first, second = kind_of(left), kind_of(right)
        numbers = {first, second} <= {"integer", "number"}
        joins = operator == "+" and first == second and first in ("string", "array")
        if operator == "**" or not (numbers or joins):
            raise SecurityError(f"`{operator}` has no meaning between {described(left)} and {described(right)}")
        if numbers and any(isinstance(one, int) and one.bit_length() > 256 for one in (left, right)):
            raise SecurityError("an integer of more than 256 bits")
        return super().call_binop(context, operator, left, right)

    def is_safe_callable(self, obj: Any) -> bool:
        """Our functions, and what the text itself defines."""
        return isinstance(obj, (Macro, LoopContext)) or getattr(obj, "of_the_language", False) is True


def _text(value: Any) -> Any:
    return value if isinstance(value, Undefined) else text_form(value)


def _marked(call: Callable[..., Any]) -> Callable[..., Any]:
    call.of_the_language = True  # type: ignore[attr-defined]
    return call


def _called(function: Function) -> Callable[..., Any]:
    """A function of the language, with the kinds of its arguments looked at."""
    names = [parameter.name for parameter in function.parameters]

    @functools.wraps(function.run, assigned=())
    def call(*values: Any, **named: Any) -> Any:
        given = list(values)
        while named and len(given) < len(names) and names[len(given)] in named:
            given.append(named.pop(names[len(given)]))
        for value in (*given, *named.values()):
            if isinstance(value, Undefined):
                value._fail_with_undefined_error()
        for position, value in enumerate(given):
            parameter = function.parameters[min(position, len(names) - 1)]
            if not fits_kind(value, parameter.kinds):
                raise TextError(f"{function.name}({parameter.name}) takes {parameter.kinds}, not {described(value)}")
        if function.name == "range" and max((abs(one) for one in given if isinstance(one, int)), default=0) > _MOST_RANGE:
            raise TextError(f"range: at most {_MOST_RANGE:,} integers")
        try:
            return function.run(*given, **named)
        except WrongValue as wrong:
            raise TextError(f"{function.name}: {wrong}") from None

    return _marked(call)


@_marked
def _default(x: Any, y: Any) -> Any:
    return y if isinstance(x, Undefined) else x


@_marked
def _coalesce(*values: Any) -> Any:
    return next((one for one in values if not isinstance(one, Undefined) and one is not None), None)


@_marked
def _defined(x: Any) -> bool:
    return not isinstance(x, Undefined)


def rendered(text: str, values: Mapping[str, Any]) -> str:
    """The text with its values. Raises ``TextError``."""
    parts: list[str] = []
    size = 0
    try:
        for part in _Environment().from_string(text).generate(dict(values)):
            size += len(part.encode("utf-8", "replace"))
            if size > MOST_OUTPUT:
                raise TextError(f"it is longer than {MOST_OUTPUT // 1024} KiB")
            parts.append(part)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise TextError(f"{error.message}{f' (line {line})' if line else ''}") from None
    except RecursionError:
        raise TextError("it is nested too deeply") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
        raise error if isinstance(error, TextError) else TextError(f"{type(error).__name__}: {error}") from None
    return "".join(parts)
