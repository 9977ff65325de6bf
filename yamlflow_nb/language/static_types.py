"""What type a value expression gives, as far as declared types tell; and operations that can never be."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.expression import ValueExpression
from yamlflow_nb.domain.variable import type_of
from yamlflow_nb.language.evaluation import place_of_part
from yamlflow_nb.language.functions import FUNCTIONS, kind_fits
from yamlflow_nb.language.problem import Problem

_CODE = "YF316"
_RESULTS: dict[str, str] = {
    "len": "integer", "int": "integer", "float": "number", "str": "string", "bool": "boolean", "lower": "string",
    "upper": "string", "strip": "string", "split": "array", "join": "string", "replace": "string", "startswith": "boolean",
    "endswith": "boolean", "contains": "boolean", "sorted": "array", "keys": "array", "values": "array", "unique": "array",
    "compact": "array", "flatten": "array", "range": "array", "zip": "array", "product": "array", "json": "string",
    "date": "date", "datetime": "datetime", "duration": "number", "format_date": "string", "days_between": "number",
    "basename": "string", "dirname": "string", "joinpath": "string", "any": "boolean", "all": "boolean", "defined": "boolean",
}  # fmt: skip
"""What functions give whatever they get."""
_NUMBERS = frozenset({"integer", "number"})
_WITHOUT_PARTS = frozenset({"integer", "number", "boolean", "null", "date", "datetime"})
_SEARCHED = frozenset({"string", "array", "object", "file", "dataframe"})
_PLAIN = [(first, second, "integer" if first == second == "integer" else "number") for first in _NUMBERS for second in _NUMBERS]
_JOINED = [("string", "string", "string"), ("array", "array", "array")]
_REPEATED = [pair for kind in ("string", "array") for pair in ((kind, "integer", kind), ("integer", kind, kind))]
_COMPUTES = {
    "+": [*_PLAIN, *_JOINED], "-": _PLAIN, "*": [*_PLAIN, *_REPEATED], "//": _PLAIN, "%": _PLAIN,
    "/": [(first, second, "number") for first, second, _ in _PLAIN],
}  # fmt: skip
"""By operator: the types of both sides for which it has a meaning, and the type of what it gives."""
_UNORDERED = frozenset({"boolean", "null", "array", "object", "file", "dataframe"})
_ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Lt: "<", ast.LtE: "<=",
    ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
TypeOfName = Callable[[Path], "str | None"]


def infer(expression: ValueExpression, type_of_name: TypeOfName) -> tuple[str | None, list[Problem]]:
    """The type that an expression gives, None where it is not known, and what cannot be computed by the types it has."""
    inference = _Inference(expression, type_of_name)
    return inference.of(expression.tree), inference.problems


class _Inference:
    def __init__(self, expression: ValueExpression, type_of_name: TypeOfName) -> None:
        self.expression = expression
        self.type_of_name = type_of_name
        self.problems: list[Problem] = []

    def refuse(self, node: ast.AST, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(_CODE, message, *place_of_part(self.expression, node), hint))

    def of(self, node: ast.expr) -> str | None:
        method = getattr(self, f"of_{type(node).__name__}", None)
        found: str | None = method(node) if method is not None else None
        return None if found == "any" else found

    def of_Constant(self, node: ast.Constant) -> str | None:
        return type_of(node.value) if not isinstance(node.value, (dt.date, bytes)) else None

    def of_Name(self, node: ast.Name) -> str | None:
        words = {"true": "boolean", "false": "boolean", "null": "null"}
        return words.get(node.id) or self.type_of_name((node.id,))

    def of_Attribute(self, node: ast.Attribute) -> str | None:
        return self.of_part(node, node.value, {*_WITHOUT_PARTS, "string", "array"})

    def of_Subscript(self, node: ast.Subscript) -> str | None:
        if not isinstance(node.slice, ast.Slice):
            return self.of_part(node, node.value, _WITHOUT_PARTS)
        whole = self.of_part(node, node.value, {*_WITHOUT_PARTS, "object"})
        return whole if whole in ("string", "array") else None

    def of_part(self, node: ast.Attribute | ast.Subscript, base: ast.expr, without: AbstractSet[str]) -> str | None:
        """The type of a part; refused where what it is a part of has none."""
        whole = self.of(base)
        if whole in without:
            self.refuse(node, f"a value of type {whole} has no such parts", "only objects have keys, only texts and arrays items")
            return None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return whole
        path = _path(node)
        return self.type_of_name(path) if path else None

    def of_List(self, node: ast.List) -> str:
        for item in node.elts:
            self.of(item)
        return "array"

    def of_Dict(self, node: ast.Dict) -> str:
        for item in node.values:
            self.of(item)
        return "object"

    def of_IfExp(self, node: ast.IfExp) -> str | None:
        self.of(node.test)
        first, second = self.of(node.body), self.of(node.orelse)
        return first if first == second else None

    def of_BoolOp(self, node: ast.BoolOp) -> str | None:
        kinds = {self.of(value) for value in node.values}
        return kinds.pop() if len(kinds) == 1 else None

    def of_UnaryOp(self, node: ast.UnaryOp) -> str | None:
        kind = self.of(node.operand)
        if isinstance(node.op, ast.Not):
            return "boolean"
        if kind is not None and kind not in _NUMBERS:
            self.refuse(node, f"a sign needs a number, this is of type {kind}")
        return kind if kind in _NUMBERS else None

    def of_Compare(self, node: ast.Compare) -> str:
        kinds = [self.of(node.left), *(self.of(item) for item in node.comparators)]
        for left, operator, right in zip(kinds, node.ops, kinds[1:]):
            if isinstance(operator, _ORDERINGS):
                self.check_order(node, left, right, _SIGNS[type(operator)])
            elif isinstance(operator, (ast.In, ast.NotIn)) and right is not None and right not in _SEARCHED:
                self.refuse(node, f"`in` looks into a text, array or object, not into a value of type {right}")
            elif isinstance(operator, (ast.In, ast.NotIn)) and right == "string" and left not in (None, "string"):
                self.refuse(node, f"a text contains texts, not a value of type {left}", "str(...) makes one")
        return "boolean"

    def check_order(self, node: ast.AST, left: str | None, right: str | None, sign: str) -> None:
        for kind in (left, right):
            if kind in _UNORDERED:
                self.refuse(node, f"`{sign}` does not order a value of type {kind}", "len(...) of a list or object is a number")
                return
        if left and right and left != right and not {left, right} <= _NUMBERS:
            message = f"`{sign}` between {left} and {right} is an error in every run"
            self.refuse(node, message, "compare values of one type: int(...), str(...)")

    def of_BinOp(self, node: ast.BinOp) -> str | None:
        left, right = self.of(node.left), self.of(node.right)
        sign = _SIGNS[type(node.op)]
        fitting = {result for first, second, result in _COMPUTES[sign] if _may_be(left, first) and _may_be(right, second)}
        if not fitting:
            hint = "text is joined with text: str(...)" if "string" in (left, right) and sign == "+" else None
            shown = " and ".join(kind or "a value" for kind in (left, right))
            self.refuse(node, f"`{sign}` between {shown} is an error in every run", hint)
        if fitting <= _NUMBERS and None not in (left, right):
            return "integer" if fitting == {"integer"} else "number"
        return fitting.pop() if len(fitting) == 1 else None

    def of_Call(self, node: ast.Call) -> str | None:
        assert isinstance(node.func, ast.Name)
        function = FUNCTIONS[node.func.id]
        given = [(function.parameters[min(index, len(function.parameters) - 1)], part) for index, part in enumerate(node.args)]
        by_name = {parameter.name: parameter for parameter in function.parameters}
        given += [(by_name[str(keyword.arg)], keyword.value) for keyword in node.keywords]
        for parameter, part in given:
            kind = self.of(part)
            # What stands in a file may read as an object, a text or whatever it holds.
            known = kind is not None and kind not in ("file", "dataframe") and parameter.kinds != "absent"
            if known and not kind_fits(str(kind), parameter.kinds) and not (kind == "number" and "integer" in parameter.kinds):
                wanted = " or ".join(parameter.kinds.split("|"))
                self.refuse(part, f"{function.name}({parameter.name}) takes {wanted}, this is of type {kind}")
        return _RESULTS.get(function.name)


def _may_be(kind: str | None, wanted: str) -> bool:
    """Whether a value of a type can be of another: a number may be whole, a file may be the text of its path."""
    return kind in (None, wanted) or (kind == "number" and wanted == "integer") or (kind == "file" and wanted == "string")


def _path(node: ast.expr) -> Path | None:
    """``a.b["c"][0]`` as its steps; None where one is computed or what is read is no name."""
    steps: list[str | int] = []
    while True:
        if isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, (str, int)):
            steps.append(node.slice.value)
            node = node.value
        elif isinstance(node, ast.Name):
            return (node.id, *reversed(steps))
        else:
            return None
