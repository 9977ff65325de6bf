"""The value of an expression, given what its names mean.

A subclass of ``simpleeval.SimpleEval`` whose node table holds only the nodes of the small language: attributes are key
lookups in data, functions come from one fixed table, and every step counts against a limit. Nothing here can change
what it reads: there are no methods, and what a function returns is new.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from simpleeval import SimpleEval

from yamlflow_nb.domain.expression import Template, ValueExpression
from yamlflow_nb.domain.names import Absent, Names, Namespace
from yamlflow_nb.language.functions import FUNCTIONS, WrongValue, clipped, described, fits_kind, kind_of, same, text_form
from yamlflow_nb.language.problem import Problem

MOST_STEPS = 10_000
MOST_TEXT = 10_000
MOST_BITS = 256


class ExpressionError(Exception):
    """An expression that has no value here; ``.problem`` says why, with its place in the text it stands in."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class AbsentError(ExpressionError):
    """An absent value was used; ``.absent`` tells which."""

    def __init__(self, problem: Problem, absent: Absent) -> None:
        super().__init__(problem)
        self.absent = absent


class _Failure(Exception):
    """Raised at a node; becomes an ``ExpressionError`` with a place at the top."""

    def __init__(self, node: ast.AST, message: str, absent: Absent | None = None) -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.absent = absent


def evaluate(expression: ValueExpression, names: Names) -> Any:
    """The value, or an ``Absent``. Raises ``ExpressionError``."""
    evaluator = _FREE.pop() if _FREE else _Evaluator()
    evaluator.begin(names)
    try:
        value = evaluator.at(expression.tree)
        if isinstance(value, Namespace):
            raise _Failure(expression.tree, f"`{expression.text.strip()}` is a group of names, not a value")
        return value
    except _Failure as failure:
        raise _located(expression, failure) from None
    except RecursionError:
        raise _located(expression, _Failure(expression.tree, "the value is nested too deeply")) from None
    finally:
        _FREE.append(evaluator)


def evaluate_condition(expression: ValueExpression, names: Names) -> bool:
    """The value, which must be exactly true or false. Raises ``AbsentError`` or ``ExpressionError``."""
    value = evaluate(expression, names)
    if value is True or value is False:
        return value
    if isinstance(value, Absent):
        raise _located(expression, _Failure(expression.tree, value.message, value))
    message = f"a condition must be true or false, but `{expression.text.strip()}` is {described(value)}"
    raise _located(expression, _Failure(expression.tree, message))


def render(template: Template, names: Names) -> Any:
    """A template's value: of its own type where the text is one ``{{ }}``, otherwise a string. Raises ``AbsentError`` where
    an absent value is used, ``ExpressionError``."""
    if template.statements:
        return {"template": template.text, "values": _values_for(template, names)}
    if template.whole:
        return _present(template.expressions[0], names)
    text = "".join(part if isinstance(part, str) else text_form(_present(part, names)) for part in template.parts)
    return text


def _values_for(template: Template, names: Names) -> dict[str, Any]:
    """What a text with statements reads; what is absent is left out, and an error where the text uses it all the same."""
    found: dict[str, Any] = {}
    for expression in template.expressions:
        path = expression.reads[0].path
        try:
            value = evaluate(expression, names)
        except AbsentError:
            continue
        if isinstance(value, Absent):
            continue
        place = found
        for step in path[:-1]:
            place = place.setdefault(str(step), {})
        place[str(path[-1])] = value
    return found


def render_display(template: Template, names: Names) -> str:
    """A template for people's eyes: what is absent or has no value shows as ``…``."""
    shown: list[str] = []
    for part in template.parts:
        if isinstance(part, str):
            shown.append(part)
            continue
        try:
            shown.append(text_form(_present(part, names)))
        except ExpressionError:
            shown.append("…")
    return "".join(shown)


def _present(expression: ValueExpression, names: Names) -> Any:
    value = evaluate(expression, names)
    if isinstance(value, Absent):
        raise _located(expression, _Failure(expression.tree, value.message, value))
    return value


def _located(expression: ValueExpression, failure: _Failure) -> ExpressionError:
    first, last = place_of_part(expression, failure.node)
    text = expression.text.strip()
    message = failure.message if text in failure.message else f"{failure.message} (in `{clipped_text(text)}`)"
    hint = None
    if failure.absent is not None:
        hint = "use default(), defined() or coalesce() for what may be absent"
    problem = Problem("YF401", message, first, last, hint)
    return ExpressionError(problem) if failure.absent is None else AbsentError(problem, failure.absent)


def clipped_text(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."


def place_of_part(expression: ValueExpression, node: ast.AST) -> tuple[int, int]:
    """Where a part of an expression stands in the text that the expression stands in."""
    first, last = getattr(node, "col_offset", None), getattr(node, "end_col_offset", None)
    if first is None or last is None:
        return expression.start, expression.end
    if not expression.text.isascii():
        raw = ("(" + expression.text + ")").encode()
        first, last = len(raw[:first].decode(errors="ignore")), len(raw[:last].decode(errors="ignore"))
    return expression.start + 1 + first, expression.start + 1 + last


_ORDERED = frozenset({"number", "integer", "string", "date", "datetime"})
_SYMBOLS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Lt: "<", ast.LtE: "<=",
    ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_NUMBERS = (int, float)


class _Evaluator(SimpleEval):  # type: ignore[misc]
    """One evaluation at a time; used again for the next."""

    def __init__(self) -> None:
        super().__init__(operators={}, functions={}, names={})
        self.nodes: dict[type, Callable[[Any], Any]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Compare: self._compare,
            ast.BoolOp: self._boolean,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.IfExp: self._choice,
            ast.List: self._list,
            ast.Dict: self._object,
            ast.Call: self._call,
        }
        self.steps = 0
        self.lookup: Callable[[str], Any] = Absent
        self.lookup_now: Callable[[str], Any] = Absent

    def begin(self, names: Names) -> None:
        self.steps = 0
        self.lookup = names.lookup
        self.lookup_now = names.lookup_now

    def at(self, node: ast.AST) -> Any:
        """A node's value; may be ``Absent`` or a ``Namespace``."""
        self.steps += 1
        return self.nodes[type(node)](node)

    def used(self, node: ast.AST) -> Any:
        """A node's value where one is needed."""
        self.steps += 1
        value = self.nodes[type(node)](node)
        if isinstance(value, (Absent, Namespace)):
            self._unusable(node, value)
        return value

    def _unusable(self, node: ast.AST, value: Any) -> NoReturn:
        if isinstance(value, Absent):
            raise _Failure(node, value.message, value)
        raise _Failure(node, "this is a group of names, not a value")

    def _pay(self, node: ast.AST, *values: Any) -> None:
        """An operation on a text or array costs its length / 100 steps."""
        for value in values:
            if isinstance(value, (str, list, tuple, Mapping)):
                self.steps += len(value) // 100
        if self.steps > MOST_STEPS:
            raise _Failure(node, f"the evaluation takes more than {MOST_STEPS} steps")

    def _sized(self, node: ast.AST, value: Any) -> Any:
        """A result within the limits of the language."""
        if isinstance(value, str):
            if len(value) > MOST_TEXT:
                raise _Failure(node, f"a text of {len(value)} characters; the limit is {MOST_TEXT}")
        elif isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise _Failure(node, f"an integer of more than {MOST_BITS} bits")
        return value

    # --- values and names --------------------------------------------------------------------------------------------

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        return self.lookup(node.id)

    def _attribute(self, node: ast.Attribute) -> Any:
        return self._member(node, self.at(node.value), node.attr)

    def _member(self, node: ast.AST, base: Any, key: str) -> Any:
        if isinstance(base, Namespace):
            return base.member(key)
        if isinstance(base, Mapping):
            return base[key] if key in base else Absent(ast.unparse(node))
        if isinstance(base, Absent):
            return base
        raise _Failure(node, f"`{key}` is looked up in {described(base)}, which has no keys")

    def _subscript(self, node: ast.Subscript) -> Any:
        base = self.at(node.value)
        if isinstance(base, Absent):
            return base
        if isinstance(node.slice, ast.Slice):
            return self._slice(node, base, node.slice)
        key = self.used(node.slice)
        if isinstance(base, (Namespace, Mapping)):
            if not isinstance(key, str):
                raise _Failure(node, f"a key is a string, not {described(key)}")
            return self._member(node, base, key)
        if isinstance(base, (list, tuple, str)):
            if not isinstance(key, int) or isinstance(key, bool):
                raise _Failure(node, f"an index is an integer, not {described(key)}")
            return base[key] if -len(base) <= key < len(base) else Absent(ast.unparse(node))
        raise _Failure(node, f"{described(base)} has no items")

    def _slice(self, node: ast.AST, base: Any, bounds: ast.Slice) -> Any:
        if not isinstance(base, (list, tuple, str)):
            raise _Failure(node, f"a slice of {kind_of(base)}: only texts and arrays have parts")
        edges = [None if bound is None else self.used(bound) for bound in (bounds.lower, bounds.upper, bounds.step)]
        for edge in edges:
            if edge is not None and (not isinstance(edge, int) or isinstance(edge, bool)):
                raise _Failure(node, f"a slice goes by integers, not {kind_of(edge)}")
        if edges[2] == 0:
            raise _Failure(node, "the step of a slice cannot be 0")
        self._pay(node, base)
        return base[slice(*edges)]

    def _list(self, node: ast.List) -> list[Any]:
        return [self.used(value) for value in node.elts]

    def _object(self, node: ast.Dict) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in zip(node.keys, node.values):
            assert key_node is not None
            key = self.used(key_node)
            if not isinstance(key, str):
                raise _Failure(key_node, f"a key is a string, not {kind_of(key)}")
            made[key] = self.used(value_node)
        return made

    # --- operators ---------------------------------------------------------------------------------------------------

    def _boolean(self, node: ast.BoolOp) -> Any:
        stop = isinstance(node.op, ast.Or)
        value: Any = None
        for part in node.values:
            value = self.used(part)
            if bool(value) is stop:
                return value
        return value

    def _choice(self, node: ast.IfExp) -> Any:
        return self.at(node.body if self.used(node.test) else node.orelse)

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self.used(node.operand)
        if isinstance(node.op, ast.Not):
            return not value
        if kind_of(value) not in ("integer", "number"):
            raise _Failure(node, f"a sign needs a number, not {described(value)}")
        return -value if isinstance(node.op, ast.USub) else value

    def _compare(self, node: ast.Compare) -> bool:
        left = self.used(node.left)
        for operator, part in zip(node.ops, node.comparators):
            right = self.used(part)
            if not self._holds(node, type(operator), left, right):
                return False
            left = right
        return True

    def _holds(self, node: ast.AST, operator: type[ast.AST], left: Any, right: Any) -> bool:
        kind = type(left)
        if (kind is type(right) and kind in (int, float, str)) or (kind in _NUMBERS and type(right) in _NUMBERS):
            # The common case: two numbers, or two texts.
            return bool(_COMPARE[operator](left, right)) if operator in _COMPARE else self._within(node, operator, left, right)
        if operator in (ast.In, ast.NotIn):
            return self._within(node, operator, left, right)
        if operator in (ast.Eq, ast.NotEq):
            self._pay(node, left, right)
            return same(left, right) is (operator is ast.Eq)
        first, second = kind_of(left), kind_of(right)
        if first not in _ORDERED or (first != second and not {first, second} <= {"integer", "number"}):
            message = f"`{_SYMBOLS[operator]}` has no meaning between {described(left)} and {described(right)}"
            raise _Failure(node, message)
        try:
            return bool(_COMPARE[operator](left, right))
        except TypeError:
            raise _Failure(node, "one time has a zone and the other has none") from None

    def _within(self, node: ast.AST, operator: type[ast.AST], left: Any, right: Any) -> bool:
        self._pay(node, right)
        if isinstance(right, str) and isinstance(left, str):
            found = left in right
        elif isinstance(right, Mapping):
            found = isinstance(left, str) and left in right
        elif isinstance(right, (list, tuple)):
            found = any(same(left, item) for item in right)
        else:
            raise _Failure(node, f"`in` looks for {kind_of(left)} in {described(right)}; it needs a text, array or object")
        return found is (operator is ast.In)

    def _binary(self, node: ast.BinOp) -> Any:
        left, right = self.used(node.left), self.used(node.right)
        operator = type(node.op)
        first, second = kind_of(left), kind_of(right)
        if first in ("integer", "number") and second in ("integer", "number"):
            return self._sized(node, self._arithmetic(node, operator, left, right))
        if operator is ast.Add and first == second and first in ("string", "array"):
            self._pay(node, left, right)
            if first == "string" and len(left) + len(right) > MOST_TEXT:
                raise _Failure(node, f"a text of {len(left) + len(right)} characters; the limit is {MOST_TEXT}")
            return left + right if first == "string" else [*left, *right]
        if operator is ast.Mult and {first, second} & {"string", "array"} and "integer" in (first, second):
            return self._repeated(node, *((left, right) if second == "integer" else (right, left)))
        hint = "; use str(x) to join texts" if operator is ast.Add and "string" in (first, second) else ""
        raise _Failure(node, f"`{_SYMBOLS[operator]}` has no meaning between {described(left)} and {described(right)}{hint}")

    def _repeated(self, node: ast.AST, value: Any, times: int) -> Any:
        """A text or array several times over, as in Python; its size is known before it is made."""
        size = len(value) * max(0, times)
        if isinstance(value, str) and size > MOST_TEXT:
            raise _Failure(node, f"a text of {clipped(size)} characters; the limit is {MOST_TEXT}")
        self.steps += size // 100
        self._pay(node)
        empty: Any = "" if isinstance(value, str) else []
        # Python repeats by machine integers only, also what stays empty.
        return (value if isinstance(value, str) else list(value)) * times if size else empty

    def _arithmetic(self, node: ast.AST, operator: type[ast.AST], left: Any, right: Any) -> Any:
        try:
            return _ARITHMETIC[operator](left, right)
        except ZeroDivisionError:
            raise _Failure(node, f"division by zero: {clipped(left)} {_SYMBOLS[operator]} {clipped(right)}") from None
        except (OverflowError, TypeError, ArithmeticError):
            raise _Failure(node, f"{clipped(left)} {_SYMBOLS[operator]} {clipped(right)} has no value") from None

    # --- functions -----------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, node)
        function = FUNCTIONS[name]
        values = [self.used(part) for part in node.args]
        named = {str(keyword.arg): self.used(keyword.value) for keyword in node.keywords}
        for position, value in enumerate(values):
            parameter = function.parameters[min(position, len(function.parameters) - 1)]
            self._fit(node, name, parameter.name, parameter.kinds, value)
        for key, value in named.items():
            parameter = next(parameter for parameter in function.parameters if parameter.name == key)
            self._fit(node, name, key, parameter.kinds, value)
        self._pay(node, *values, *named.values())
        if name in ("first", "last") and not (values or list(named.values()))[0]:
            return Absent(ast.unparse(node))
        if name == "range":
            self._pay_for(node, values, named)
        while named and len(values) < len(function.parameters) and function.parameters[len(values)].name in named:
            # What Python's own functions call a parameter is not what the table calls it.
            values.append(named.pop(function.parameters[len(values)].name))
        try:
            result = function.run(*values, **named)
        except WrongValue as wrong:
            raise _Failure(node, f"{name}: {wrong}") from None
        except (ValueError, OverflowError, TypeError, RecursionError) as error:
            raise _Failure(node, f"{name}: {error}") from None
        self._pay(node, result)
        return self._sized(node, result)

    def _pay_for(self, node: ast.AST, values: list[Any], named: dict[str, Any]) -> None:
        numbers = [*values, *named.values()]
        self.steps += max(0, numbers[-1] - (numbers[0] if len(numbers) > 1 else 0)) // 100
        self._pay(node)

    def _fit(self, node: ast.AST, function: str, parameter: str, kinds: str, value: Any) -> None:
        if not fits_kind(value, kinds):
            wanted = " or ".join(kinds.split("|"))
            raise _Failure(node, f"{function}({parameter}) takes {wanted}, not {described(value)}")

    def _argument(self, node: ast.Call, position: int, name: str) -> ast.expr:
        if position < len(node.args):
            return node.args[position]
        return next(keyword.value for keyword in node.keywords if keyword.arg == name)

    def _default(self, node: ast.Call) -> Any:
        value = self.at(self._argument(node, 0, "x"))
        return self.at(self._argument(node, 1, "y")) if isinstance(value, Absent) else value

    def _coalesce(self, node: ast.Call) -> Any:
        found: Any = Absent(ast.unparse(node))
        for part in node.args:
            value = self.at(part)
            if value is None:
                found = None
            elif not isinstance(value, Absent):
                return value
        return found

    def _defined(self, node: ast.Call) -> bool:
        return not isinstance(self.at(self._argument(node, 0, "x")), Absent)

    def _peek(self, node: ast.Call) -> Any:
        settled, self.lookup = self.lookup, self.lookup_now
        try:
            return self.at(self._argument(node, 0, "x"))
        finally:
            self.lookup = settled


_SPECIAL = {
    "default": _Evaluator._default,
    "coalesce": _Evaluator._coalesce,
    "defined": _Evaluator._defined,
    "peek": _Evaluator._peek,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_FREE: list[_Evaluator] = []
"""Evaluators at rest. Taking and giving back are atomic, so threads never share one."""

__all__ = ["AbsentError", "ExpressionError", "evaluate", "evaluate_condition", "place_of_part", "render", "render_display"]
