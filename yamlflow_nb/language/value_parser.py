"""``{{ ... }}``: the text between the braces, parsed by Python's ``ast`` and checked against the allow-list.

What comes out is a tree of a small language: ``true``, ``false`` and ``null`` are constants, ``x | f(y)`` is ``f(x, y)``,
and nothing is left that could call, import or reach into a Python object.
"""

from __future__ import annotations

import ast
import re
import warnings
from keyword import iskeyword
from typing import NoReturn

from yamlflow_nb.domain.expression import Guard, NameRead, Template, ValueExpression
from yamlflow_nb.language.functions import FUNCTIONS, GUARDS
from yamlflow_nb.language.problem import ExpressionSyntaxError, Problem
from yamlflow_nb.language.value_advice import OPERATORS, SYNONYMS, function_for, syntax_problem
from yamlflow_nb.language.value_scanner import MOST_DEPTH, MOST_NODES, ValueScanner, closing_braces, unclosed

MOST_BITS = 256
MOST_TEXT = 10_000
MOST_EXPRESSIONS = 1_000
"""In one text."""

_LONE_NAME = re.compile(r"\{\{ *([a-z][a-z0-9_]{0,63}(?:\.[a-z][a-z0-9_]{0,63}){1,5}) *\}\}")
_LOAD = ast.Load()
_CONSTANTS = {"true": True, "false": False, "null": None}
_WARNED_OF = re.compile(r"\bis\b|\\|\d|[])}'\"]\s*[\[(]")
"""Where Python's parser may print a warning."""
_METHODS = {"format": "write the text with {{ }} in it", "get": "use x[key] | default(y)", "items": "use keys(x) and values(x)"}
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_REFUSED: dict[type, tuple[str, str]] = {
    ast.Lambda: ("lambda", "a value expression calls the functions of the table only"),
    ast.ListComp: ("a comprehension", "prepare the list in a task"),
    ast.SetComp: ("a comprehension", "prepare the list in a task"),
    ast.DictComp: ("a comprehension", "prepare the object in a task"),
    ast.GeneratorExp: ("a comprehension", "prepare the list in a task"),
    ast.JoinedStr: ("an f-string", "join texts with +, or write the text with {{ }} in it"),
    ast.NamedExpr: ("an assignment", "did you mean `==`?"),
    ast.Tuple: ("a tuple", "write a list: [a, b]"),
    ast.Set: ("a set", "write a list: [a, b]"),
    ast.Starred: ("`*`", "list the values"),
    ast.Await: ("await", "there is nothing to wait for inside {{ }}"),
    ast.Yield: ("yield", "there is nothing to yield inside {{ }}"),
}


def parse_value(text: str, start: int, end: int, *, in_trigger: bool = False) -> ValueExpression:
    """The expression between ``{{`` at ``start`` and ``}}`` before ``end``. Raises ``ExpressionSyntaxError``; places count
    in ``text``."""
    return _ValueParser(text, start, end, in_trigger).parse()


def parse_template(text: str) -> Template | None:
    """A text with ``{{ }}`` in it, or None where there is none. Raises ``ExpressionSyntaxError``."""
    opened = text.find("{{")
    if opened < 0:
        return None
    name = _LONE_NAME.fullmatch(text)
    if name is not None:
        path = name[1].split(".")
        if path[0] not in _CONSTANTS and not any(map(iskeyword, path)):
            return Template(text, (_lone_name(text, path, name.start(1)),), True)
    parts: list[str | ValueExpression] = []
    position = 0
    while opened >= 0:
        if opened > position:
            parts.append(text[position:opened])
        position = closing_braces(text, opened)
        if position < 0:
            raise unclosed(text, opened)
        parts.append(parse_value(text, opened, position))
        if len(parts) > 2 * MOST_EXPRESSIONS:
            message = f"a text holds at most {MOST_EXPRESSIONS:,} `{{{{ }}}}`"
            raise ExpressionSyntaxError([Problem("YF209", message, opened, opened + 2, "build the text in a task")])
        opened = text.find("{{", position)
    if position < len(text):
        parts.append(text[position:])
    expressions = [part for part in parts if isinstance(part, ValueExpression)]
    whole = len(expressions) == 1 and all(not part.strip() for part in parts if isinstance(part, str))
    return Template(text, tuple(parts), whole)


def _lone_name(text: str, path: list[str], start: int) -> ValueExpression:
    """``{{ a.b }}``, by far the most frequent of all, without Python's parser: the same tree and the same reading."""
    at = start - 1  # the tree's offsets count in "(" and what follows "{{"
    end = at + len(path[0])
    tree: ast.expr = ast.Name(path[0], _LOAD, lineno=1, end_lineno=1, col_offset=at, end_col_offset=end)
    for step in path[1:]:
        end += 1 + len(step)
        tree = ast.Attribute(tree, step, _LOAD, lineno=1, end_lineno=1, col_offset=at, end_col_offset=end)
    return ValueExpression(text[2:-2], tree, (NameRead(tuple(path), "plain", start, end + 1),), 0, len(text))


class _ValueParser(ValueScanner):
    def __init__(self, text: str, start: int, end: int, in_trigger: bool) -> None:
        super().__init__(text, start, end, in_trigger)
        self.reads: list[NameRead] = []
        self.count = 0

    def parse(self) -> ValueExpression:
        self.scan()
        tree = self._tree()
        self._forbid_pipe_beside_arithmetic(tree)
        tree = self._checked(tree, 1, "plain")
        return ValueExpression(self.inner, tree, tuple(self.reads), self.start, self.end)

    def _tree(self) -> ast.expr:
        source = "(" + re.sub(r"\s", " ", self.inner) + ")"
        try:
            if _WARNED_OF.search(source):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return ast.parse(source, mode="eval").body
            return ast.parse(source, mode="eval").body
        except SyntaxError as error:
            problem = syntax_problem(self.listed(), self.text)
            if problem is not None:
                raise ExpressionSyntaxError([problem]) from None
            at = self.start + 1 + _characters(source, (error.offset or 1) - 1)
            at = min(max(at, self.start + 2), self.end - 3)
            message = error.msg.split("(")[0].strip() if error.msg else "this is no expression"
            hint = "names, values, operators and functions of the table"
            self.fail("YF210", f"this is no value expression: {message}", at, at + 1, hint)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            self.fail("YF209", f"the expression is beyond the limits: {type(error).__name__}", self.start, self.end)

    # --- the allow-list ----------------------------------------------------------------------------------------------

    def place(self, node: ast.AST) -> tuple[int, int]:
        """Where a node stands in the whole text."""
        if self.inner.isascii():
            first, last = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
        else:
            source = "(" + re.sub(r"\s", " ", self.inner) + ")"
            raw = source.encode()
            first = len(raw[: node.col_offset].decode())  # type: ignore[attr-defined]
            last = len(raw[: node.end_col_offset].decode())  # type: ignore[attr-defined]
        return self.start + 1 + first, self.start + 1 + last

    def _refuse(self, node: ast.AST, message: str, hint: str | None = None, code: str = "YF208", fix: object = None) -> NoReturn:
        self.fail(code, message, *self.place(node), hint, fix)

    def _forbid_pipe_beside_arithmetic(self, tree: ast.expr) -> None:
        if "|" not in self.inner:
            return
        for node in ast.walk(tree):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
                continue
            head = node.left
            while isinstance(head, ast.BinOp) and isinstance(head.op, ast.BitOr) and not self._in_parentheses(head):
                head = head.left
            left, right = self._bare_operand(head, "right"), self._bare_operand(node.right, "left")
            if (left is not head or right is not node.right) and isinstance(right, (ast.Call, ast.Name)):
                self._pipe_fix(node, left, right)

    def _bare_operand(self, side: ast.expr, near: str) -> ast.expr:
        """The operand next to a ``|``: within arithmetic that has no parentheses, the one on that side."""
        while not self._in_parentheses(side):
            if isinstance(side, ast.BinOp) and not isinstance(side.op, ast.BitOr):
                side = getattr(side, near)
            elif isinstance(side, ast.UnaryOp) and not isinstance(side.op, ast.Not) and near == "right":
                side = side.operand
            else:
                break
        return side

    def _in_parentheses(self, node: ast.AST) -> bool:
        first, last = self.place(node)
        return self.text[:first].rstrip().endswith("(") and self.text[last:].lstrip().startswith(")") and first > self.start + 2

    def _pipe_fix(self, node: ast.BinOp, left: ast.expr, right: ast.expr) -> NoReturn:
        first, last = self._outer(left)[0], self._outer(right)[1]
        edits = [(first, first, "("), (last, last, ")")]
        message = "`|` beside arithmetic reads one way here and another way in template languages"
        self.fail(
            "YF211", message, *self.place(node), "say with parentheses what is meant", ("put `x | f(...)` in parentheses", edits)
        )

    def _outer(self, node: ast.expr) -> tuple[int, int]:
        """Where an operand stands, its own parentheses included."""
        first, last = self.place(node)
        if not self._in_parentheses(node):
            return first, last
        return self.text.rindex("(", 0, first), self.text.index(")", last) + 1

    def _checked(self, node: ast.expr, depth: int, guard: Guard) -> ast.expr:
        """A node of the small language, or a refusal; names read are noted on the way."""
        self.count += 1
        if depth > MOST_DEPTH or self.count > MOST_NODES:
            self._refuse(node, f"the expression has more than {MOST_NODES} parts or {MOST_DEPTH} levels", code="YF209")
        kind = type(node)
        if kind is ast.Set:
            self._braces(node)
        if kind in _REFUSED:
            what, hint = _REFUSED[kind]
            self._refuse(node, f"{what} is not in the language of value expressions", hint)
        handler = _CHECKS.get(kind)
        if handler is None:
            self._refuse(node, f"{kind.__name__} is not in the language of value expressions")
        checked: ast.expr = handler(self, node, depth + 1, guard)  # type: ignore[operator]
        return checked

    def _braces(self, node: ast.AST) -> None:
        """``{{ a.n }}`` within ``{{ }}``, which is a set of a set for Python."""
        first, last = self.place(node)
        if self.text.startswith("{{", first) and self.text.endswith("}}", first, last):
            fix = ("remove the inner braces", [(first, first + 2, ""), (last - 2, last, "")])
            self.fail("YF208", "`{{ }}` stands within `{{ }}`", first, last, "one pair of braces is enough", fix)

    def _constant(self, node: ast.Constant, depth: int, guard: Guard) -> ast.expr:
        value = node.value
        if isinstance(value, bool) or value is None:
            return node
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            self._refuse(node, f"an integer of more than {MOST_BITS} bits", code="YF209")
        if isinstance(value, float) and value in (float("inf"), float("-inf")):
            self._refuse(node, "the number is too large", code="YF209")
        if not isinstance(value, (int, float, str)):
            self._refuse(node, f"{type(value).__name__} values are not in the language")
        return node

    def _name(self, node: ast.Name, depth: int, guard: Guard) -> ast.expr:
        if node.id in _CONSTANTS:
            return ast.copy_location(ast.Constant(_CONSTANTS[node.id]), node)
        if node.id.startswith("__"):
            self._refuse(node, f"`{node.id}` is not in the language")
        self._read(node, (node.id,), guard)
        return node

    def _read(self, node: ast.AST, path: tuple[str | int, ...], guard: Guard) -> None:
        self.reads.append(NameRead(path, guard, *self.place(node)))

    def _walk(self, node: ast.expr, depth: int, guard: Guard) -> ast.expr:
        """``a.b["c"][0]``: the constant steps are one reading; names in computed steps are readings themselves."""
        chain: list[ast.expr] = []
        base: ast.expr = node
        while isinstance(base, (ast.Attribute, ast.Subscript)):
            chain.append(base)
            base = base.value
            depth += 1
            self.count += 1
        if depth > MOST_DEPTH or self.count > MOST_NODES:
            self._refuse(node, f"the expression has more than {MOST_NODES} parts or {MOST_DEPTH} levels", code="YF209")
        path: list[str | int] | None = [base.id] if isinstance(base, ast.Name) and base.id not in _CONSTANTS else None
        named: ast.AST = base
        constant = path is not None
        for step in reversed(chain):
            key: str | int | None = None
            if isinstance(step, ast.Attribute):
                key = step.attr
                if key.startswith("__"):
                    self._refuse(step, f"`{key}` is not in the language: a.b looks up a key in data")
            elif isinstance(step, ast.Subscript):
                key = _constant_key(step.slice)
                if key is None:
                    step.slice = self._index(step.slice, depth)
            if constant and key is not None and path is not None:
                path.append(key)
                named = step
            else:
                constant = False
        if path is None:
            innermost = chain[-1]
            assert isinstance(innermost, (ast.Attribute, ast.Subscript))
            innermost.value = self._checked(base, depth, guard)
        else:
            if str(path[0]).startswith("__"):
                self._refuse(base, f"`{path[0]}` is not in the language")
            self._read(named, tuple(path), guard)
        return node

    def _index(self, node: ast.expr, depth: int) -> ast.expr:
        if isinstance(node, ast.Slice):
            for bound in ("lower", "upper", "step"):
                part = getattr(node, bound)
                setattr(node, bound, None if part is None else self._checked(part, depth, "plain"))
            return node
        return self._checked(node, depth, "plain")

    def _unary(self, node: ast.UnaryOp, depth: int, guard: Guard) -> ast.expr:
        if isinstance(node.op, ast.Invert):
            self._refuse(node, "`~` is not in the language")
        node.operand = self._checked(node.operand, depth, "plain")
        return node

    def _binary(self, node: ast.BinOp, depth: int, guard: Guard) -> ast.expr:
        if isinstance(node.op, ast.BitOr):
            right = node.right
            if isinstance(right, ast.Name) and right.id in FUNCTIONS:
                call = ast.Call(right, [node.left], [])
            elif isinstance(right, ast.Call):
                call = ast.Call(right.func, [node.left, *right.args], right.keywords)
            else:
                if isinstance(right, ast.Name):
                    self._no_function(right)
                self._refuse(right, "behind `|` stands a function: x | default(0)")
            return self._call(ast.copy_location(call, node), depth, guard)
        if not isinstance(node.op, _ARITHMETIC):
            self._refuse(node, f"`{OPERATORS[type(node.op).__name__]}` is not in the language of value expressions")
        node.left = self._checked(node.left, depth, "plain")
        node.right = self._checked(node.right, depth, "plain")
        return node

    def _boolean(self, node: ast.BoolOp, depth: int, guard: Guard) -> ast.expr:
        node.values = [self._checked(value, depth, "plain") for value in node.values]
        return node

    def _compare(self, node: ast.Compare, depth: int, guard: Guard) -> ast.expr:
        for number, operator in enumerate(node.ops):
            if not isinstance(operator, _COMPARISONS):
                self._identity(node, number)
        node.left = self._checked(node.left, depth, "plain")
        node.comparators = [self._checked(value, depth, "plain") for value in node.comparators]
        return node

    def _identity(self, node: ast.Compare, number: int) -> NoReturn:
        """``is``: of Python with ``None``, of template languages with ``defined``."""
        left, right = (node.left, *node.comparators)[number], node.comparators[number]
        (first, before), (after, last) = self._outer(left), self._outer(right)
        negated = isinstance(node.ops[number], ast.IsNot)
        tested = right.operand if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.Not) else right
        if isinstance(tested, ast.Name) and tested.id in ("defined", "undefined", "none"):
            absent = negated is (tested.id == "defined")
            test = "{} != null" if negated else "{} == null"
            if tested.id != "none":
                test = "not defined({})" if absent else "defined({})"
            written = test.format(self.text[first:before])
            self.fail(
                "YF208", "`is` asks nothing here", first, last, f"write {written}", (f"write `{written}`", [(first, last, written)])
            )
        sign = "!=" if negated else "=="
        value = "null" if isinstance(right, ast.Constant) and right.value is None else self.text[after:last]
        fix = (f"write `{sign} {value}`", [(before, last, f" {sign} {value}")])
        self.fail("YF208", f"`is` is not in the language; compare with {sign}", *self.place(node), f"write {sign} {value}", fix)

    def _choice(self, node: ast.IfExp, depth: int, guard: Guard) -> ast.expr:
        node.test = self._checked(node.test, depth, "plain")
        node.body = self._checked(node.body, depth, guard)
        node.orelse = self._checked(node.orelse, depth, guard)
        return node

    def _list(self, node: ast.List, depth: int, guard: Guard) -> ast.expr:
        node.elts = [self._checked(value, depth, "plain") for value in node.elts]
        return node

    def _object(self, node: ast.Dict, depth: int, guard: Guard) -> ast.expr:
        for key in node.keys:
            if key is None:
                self._refuse(node, "`**` is not in the language")
        node.keys = [self._checked(key, depth, "plain") if key is not None else None for key in node.keys]
        node.values = [self._checked(value, depth, "plain") for value in node.values]
        return node

    def _call(self, node: ast.Call, depth: int, guard: Guard) -> ast.expr:
        if isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        if not isinstance(node.func, ast.Name):
            self._refuse(node, "only functions of the table can be called")
        name = node.func.id
        if name not in FUNCTIONS:
            self._no_function(node.func)
        self._arguments(node, name)
        inner: Guard = "peek" if name == "peek" else "default" if name in GUARDS else "plain"
        if guard == "peek":
            inner = "peek"
        elif guard == "default" and inner == "plain" and name in ("first", "last"):
            inner = "plain"
        node.args = [
            self._checked(value, depth, inner if name != "default" or position == 0 else guard)
            for position, value in enumerate(node.args)
        ]
        for keyword in node.keywords:
            keyword.value = self._checked(keyword.value, depth, inner if keyword.arg == "x" else "plain")
        return node

    def _no_function(self, node: ast.Name) -> NoReturn:
        close = function_for(node.id)
        at = self.place(node)
        fix = (f"write `{close}`", [(*at, close)]) if close else None
        hint = f"did you mean `{close}`?" if close else "see the table of functions"
        self.fail("YF206", f"there is no function `{node.id}`", *at, hint, fix)

    def _method(self, node: ast.Call, func: ast.Attribute) -> NoReturn:
        """``a.name.upper()``: written as the function of the table, where there is one."""
        name, fix = func.attr, None
        meant = name if name in FUNCTIONS else SYNONYMS.get(name.lower().replace("_", ""))
        hint = _METHODS.get(name, "functions of the table only")
        if meant is not None:
            first, last = self.place(node)
            value = self.text[first : self._outer(func.value)[1]]
            arguments = [self.text[slice(*self.place(one))] for one in node.args]
            written = f"{meant}({', '.join([value, *arguments])})"
            hint = f"write {written}"
            fix = (f"write `{written}`", [(first, last, written)]) if not node.keywords else None
        self._refuse(func, f"`.{name}()` is a method; values have none", hint, "YF214", fix)

    def _arguments(self, node: ast.Call, name: str) -> None:
        """Arguments by position or by the names of the table."""
        parameters = FUNCTIONS[name].parameters
        many = any(parameter.many for parameter in parameters)
        form = f"{name}({', '.join(p.name + ('=...' if p.optional else '...' if p.many else '') for p in parameters)})"
        given = {parameter.name for parameter in parameters[: len(node.args)]}
        for keyword in node.keywords:
            if keyword.arg is None or many or all(keyword.arg != parameter.name for parameter in parameters):
                self._refuse(node, f"{name} has no argument `{keyword.arg or '**'}`", form, "YF215")
            if keyword.arg in given:
                self._refuse(node, f"argument `{keyword.arg}` is given twice", form, "YF215")
            given.add(keyword.arg)
        if not many and len(node.args) > len(parameters):
            self._refuse(node, f"{name} takes {len(parameters)} arguments, not {len(node.args)}", form, "YF215")
        missing = [
            parameter.name
            for parameter in parameters
            if not parameter.optional and not parameter.many and parameter.name not in given
        ]
        if missing or (many and not node.args):
            self._refuse(node, f"{name} lacks {', '.join(missing) or 'its arguments'}", form, "YF215")


_CHECKS = {
    ast.Constant: _ValueParser._constant,
    ast.Name: _ValueParser._name,
    ast.Attribute: _ValueParser._walk,
    ast.Subscript: _ValueParser._walk,
    ast.UnaryOp: _ValueParser._unary,
    ast.BinOp: _ValueParser._binary,
    ast.BoolOp: _ValueParser._boolean,
    ast.Compare: _ValueParser._compare,
    ast.IfExp: _ValueParser._choice,
    ast.List: _ValueParser._list,
    ast.Dict: _ValueParser._object,
    ast.Call: _ValueParser._call,
}


def _constant_key(node: ast.expr) -> str | int | None:
    """A constant step of a path: a text or an integer."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int)) and not isinstance(node.value, bool):
        return node.value
    return None


def _characters(source: str, utf8: int) -> int:
    return utf8 if source.isascii() else len(source.encode()[:utf8].decode(errors="ignore"))
