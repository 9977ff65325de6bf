"""What type a value expression gives, as far as declared types tell; and operations that can never be."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable

from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.expression import ValueExpression
from yamlflow_nb.domain.variable import type_of
from yamlflow_nb.language.problem import Problem

_CODE = "YF316"
_RESULTS: dict[str, str] = {
    "len": "integer", "int": "integer", "float": "number", "str": "string", "bool": "boolean", "lower": "string",
    "upper": "string", "strip": "string", "split": "array", "join": "string", "replace": "string", "startswith": "boolean",
    "endswith": "boolean", "contains": "boolean", "sorted": "array", "keys": "array", "values": "array", "unique": "array",
    "compact": "array", "flatten": "array", "range": "array", "zip": "array", "product": "array", "json": "string",
    "date": "date", "datetime": "datetime", "duration": "number", "format_date": "string", "days_between": "integer",
    "basename": "string", "dirname": "string", "joinpath": "string", "any": "boolean", "all": "boolean", "defined": "boolean",
}  # fmt: skip
"""What functions give whatever they get."""
_NUMBERS = frozenset({"integer", "number"})
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

    def refuse(self, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(_CODE, message, self.expression.start, self.expression.end, hint))

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
        path = _path(node)
        return self.type_of_name(path) if path else None

    def of_Subscript(self, node: ast.Subscript) -> str | None:
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
        return kind if kind in _NUMBERS else None

    def of_Compare(self, node: ast.Compare) -> str:
        kinds = [self.of(node.left), *(self.of(item) for item in node.comparators)]
        for left, operator, right in zip(kinds, node.ops, kinds[1:]):
            if isinstance(operator, _ORDERINGS):
                self.check_order(left, right, _SIGNS[type(operator)])
        return "boolean"

    def check_order(self, left: str | None, right: str | None, sign: str) -> None:
        for kind in (left, right):
            if kind in _UNORDERED:
                self.refuse(f"`{sign}` does not order a value of type {kind}", "len(...) of a list or object is a number")
                return
        if left and right and left != right and not {left, right} <= _NUMBERS:
            self.refuse(
                f"`{sign}` between {left} and {right} is an error in every run", "compare values of one type: int(...), str(...)"
            )

    def of_BinOp(self, node: ast.BinOp) -> str | None:
        left = self.of(node.left)
        if isinstance(node.op, ast.BitOr):
            return self.of_Call(node.right) if isinstance(node.right, ast.Call) else None
        right = self.of(node.right)
        if left in _NUMBERS and right in _NUMBERS:
            if isinstance(node.op, ast.Div):
                return "number"
            return "integer" if left == right == "integer" else "number"
        if left and right and isinstance(node.op, ast.Add) and left != right and not {left, right} & {"date", "datetime"}:
            self.refuse(f"`+` between {left} and {right} is an error in every run", "text is joined with text: str(...)")
            return None
        return left if left == right and isinstance(node.op, ast.Add) and left in ("string", "array") else None

    def of_Call(self, node: ast.Call) -> str | None:
        for argument in node.args:
            self.of(argument)
        return _RESULTS.get(node.func.id) if isinstance(node.func, ast.Name) else None


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
