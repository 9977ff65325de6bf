"""A state comes back as it was, or is refused by its place; nothing in it is code."""

from __future__ import annotations

import ast
import json
import threading
import types
from typing import Any

import pytest

from yamlflow_nb.executors.freezing import Codes, Freezer, Unfreezable, digest
from yamlflow_nb.executors.going_on import _acts
from yamlflow_nb.executors.thawing import Thawer


def _ran(source: str) -> tuple[dict[str, Any], Codes]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    code = compile(source, "<cell>", "exec")
    codes = Codes()
    codes.add(code)
    exec(code, namespace)
    return namespace, codes


def _frozen(source: str, *names: str, refuse: str = "\0") -> tuple[dict[str, Any], Freezer, dict[str, bytes]]:
    namespace, codes = _ran(source)
    files: dict[str, bytes] = {}

    def save(data: bytes, ending: str) -> str:
        files[f"{digest(data)}.{ending}"] = data
        return f"{digest(data)}.{ending}"

    freezer = Freezer(namespace, codes, save, lambda text: isinstance(text, str) and refuse in text)
    return {name: freezer.freeze(namespace[name], name) for name in names}, freezer, files


def _back(source: str, *names: str) -> dict[str, Any]:
    """The names after a way through JSON into another namespace."""
    frozen, freezer, files = _frozen(source, *names)
    told, nodes = json.loads(json.dumps([frozen, freezer.nodes]))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    classes = {part.name: part for part in ast.parse(source).body if isinstance(part, ast.ClassDef)}

    def define(name: str) -> None:
        exec(compile(ast.Module([classes[name]], []), "<cell>", "exec"), namespace)

    thawer = Thawer(nodes, namespace, freezer.codes, files.__getitem__, define)
    for name in names:
        namespace[name] = thawer.thaw(told[name])
    return namespace


def test_one_object_stays_one_object_also_inside_of_closures() -> None:
    source = """
def made():
    rows = []
    def put(x): rows.append(x); return len(rows)
    def seen(): return list(rows)
    return put, seen
put, seen = made()
put(1)
a = [put]
b = {"a": a, "again": a}
"""
    back = _back(source, "put", "seen", "a", "b")
    assert back["a"][0] is back["put"] and back["b"]["a"] is back["a"] is back["b"]["again"]
    assert back["put"](2) == 2 and back["seen"]() == [1, 2]


def test_defaults_of_methods_and_attributes_of_classes_are_those_of_then() -> None:
    source = """
factor = 2
class A:
    kept = []
    def times(self, n, by=factor): return n * by
    @classmethod
    def put(cls, n): cls.kept.append(n); return cls
factor = 9
A.put(1).put(2)
one = A()
one.me = one
"""
    back = _back(source, "factor", "A", "one")
    assert back["one"].times(3) == 6 and back["A"].kept == [1, 2] and back["one"].me is back["one"]
    assert type(back["one"]) is back["A"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("class A:\n    def f(self): return 1\ndef g(self): return 2\nA.f = g\nx = A()", "replaced"),
        ("class A:\n    pass\nA.f = lambda self: 1\nx = A()", "no longer comes out"),
        ("class B:\n    def __init_subclass__(cls): pass\nclass A(B): pass\nx = A()", "may notice it"),
    ],
)
def test_a_class_whose_statement_is_not_the_whole_of_it_does_not_come_back(source: str, why: str) -> None:
    with pytest.raises(Unfreezable, match=why):
        _back(source, "A", "x")


@pytest.mark.parametrize(
    "statement",
    [
        "class A:\n    @note\n    def f(self): pass", "class A:\n    n = kept.append(1)", "@register\nclass A: pass",
        "class A(metaclass=M): pass", "class A:\n    for x in rows: pass", "class A:\n    print('made')",
    ],
)  # fmt: skip
def test_a_class_statement_that_does_more_than_define_is_not_made_again(statement: str) -> None:
    (tree,) = ast.parse(statement).body
    assert isinstance(tree, ast.ClassDef) and _acts(tree) is not None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("x = (n for n in [1])", "x"), ("import threading\nx = {'a': [threading.Lock()]}", "x['a'][0]"),
        ("x = open('/dev/null')", "x"), ("class A:\n    __slots__ = ('b',)\nx = A()", "x"),
        ("class A(list): pass\nx = A()", "x"), ("class A:\n    def __del__(self): pass\nx = A()", "x"),
        ("import numpy as np\nx = [np.zeros(4)]; x.append(x[0][1:])", "x[1]"),
        ("import numpy as np\nx = np.frombuffer(bytearray(8), dtype='i8')", "x"),
        ("import numpy as np\nx = np.array([{}], dtype=object)", "x"),
        ("import pandas as pd\nx = pd.DataFrame({'a': [[1], {}]})", "x"),
        ("x = eval('lambda: 1')", "x"),
        ("x = []\nfor _ in range(5000): x = [x]", "x"),
    ],
)  # fmt: skip
def test_what_would_not_come_back_is_refused_with_its_place(value: str, place: str) -> None:
    with pytest.raises((Unfreezable, RecursionError)) as refused:
        _frozen(value, "x")
    if isinstance(refused.value, Unfreezable):
        assert refused.value.place == place


def test_a_refused_half_leaves_nothing_that_another_name_could_take_for_whole() -> None:
    namespace, codes = _ran("a = [1]\nb = [a, (n for n in a)]\nc = a")
    freezer = Freezer(namespace, codes, lambda data, ending: "", lambda text: False)
    mark = (len(freezer.nodes), len(freezer.memory))
    with pytest.raises(Unfreezable):
        freezer.freeze(namespace["b"], "b")
    freezer.forget(*mark)
    frozen = freezer.freeze(namespace["c"], "c")
    assert freezer.nodes == [["list", [1]]] and frozen == {"n": 0}


def test_secrets_are_refused_wherever_they_stand() -> None:
    for source in (
        "x = {'a': ['my secret']}",
        "x = {'secret': 1}",
        "class A: pass\nx = A(); x.a = 'secret'",
        "def x(a='secret'): pass",
    ):
        with pytest.raises(Unfreezable, match="never written down"):
            _frozen(source, "x", refuse="secret")


def test_nothing_of_a_thread_or_module_by_another_name_is_kept() -> None:
    namespace = {"x": types.ModuleType("json"), "y": threading.current_thread()}
    freezer = Freezer(namespace, Codes(), lambda data, ending: "", lambda text: False)
    for name, value in namespace.items():
        with pytest.raises(Unfreezable):
            freezer.freeze(value, name)
