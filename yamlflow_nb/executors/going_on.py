"""In a new kernel: the state that an earlier attempt's cells left → this kernel's, or why the notebook starts over.

What was kept comes back by value; what could not be kept is made again by the cells that have to do with it, where these do nothing
but compute. Whatever was made twice is compared. In doubt the notebook starts over: a wrong value is worse than a long wait.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import random
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yamlflow_nb.executors.cell_facts import CellFacts, facts_of
from yamlflow_nb.executors.cell_recorder import AHEAD, STATE, VERSION, Recorder, file_mark, versions
from yamlflow_nb.executors.freezing import Unfreezable, digest
from yamlflow_nb.executors.thawing import Thawer
from yamlflow_nb.executors.user_modules import module_digest, origins_of

VERDICT = "going-on.json"
_LOOKS_BACK = {"`In`", "`Out`", "`_`", "`__`", "`___`", "`_i`", "`_ii`", "`_iii`", "`_ih`", "`_oh`", "`_dh`"}


_HARMLESS = re.compile(
    r"(property|staticmethod|classmethod|(abc\.)?abstractmethod|\w+\.(setter|getter)|(dataclasses\.)?dataclass(\([\w=, ]*\))?"
    r"|(dataclasses\.)?field\(default_factory=(list|dict|set|tuple)\)|(dataclasses\.)?field\([\w=, ]*\))"
)
"""Decorators and calls in a class statement that do nothing beside it."""


class StartOver(Exception):
    """The notebook runs from its start: the cell and the object that force it, and why."""

    def __init__(self, cell: int, about: str, why: str) -> None:
        super().__init__(f"cell {cell}: {about}: {why}")
        self.told = {"cell": cell, "object": about, "why": why}


def begin(folder: str, secrets: list[str], sources: list[str], earlier: str | None) -> None:
    """Watch this kernel, after bringing back what stands in the folder of an ``earlier`` attempt. ``sources`` are the notebook's
    cells. What came of it is written into ``folder``."""
    from IPython import get_ipython

    recorder = Recorder(get_ipython(), Path(folder), secrets)
    told: dict[str, Any] = {"cells": 0, "again": []}
    if earlier is not None:
        try:
            told = _GoingOn(recorder, Path(earlier), sources).done()
        except StartOver as reason:
            told = {"over": reason.told}
        except Exception as error:  # whatever comes of values that are no longer what they were
            told = {"over": {"cell": 1, "object": type(error).__name__, "why": str(error)[:300]}}
    recorder.install()
    if told.get("cells"):
        recorder.keep()
    (Path(folder) / VERDICT).write_text(json.dumps(told), encoding="utf-8")


class _GoingOn:
    def __init__(self, recorder: Recorder, folder: Path, sources: list[str]) -> None:
        self.recorder = recorder
        self.folder = folder
        self.sources = sources
        self.shell = recorder.shell
        self.namespace = recorder.namespace
        self.classes: dict[str, tuple[ast.ClassDef, str]] = {}
        self.settings: list[str] = []

    def done(self) -> dict[str, Any]:
        """Bring the state back. Raises ``StartOver``."""
        state = self._read()
        self._check(state)
        ahead = self._look_ahead(len(state["cells"]))
        self._code(state)
        again = self._to_run_again(state, self._needed(state, ahead))
        self._process(state["process"])
        self._modules(state)
        island = {name for number in again for name in state["cells"][number - 1]["names"]}
        self._values(state, {name for name in state["names"] if name not in island or self._is_neutral(state, name)})
        self._run_again(state, again)
        self._versions(state)
        self._chance(state["process"])
        self.shell.execution_count = state["count"]
        self._hand_on(state)
        return {"cells": len(state["cells"]), "again": again}

    def _read(self) -> dict[str, Any]:
        try:
            told = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            state: dict[str, Any] = json.loads(told["state"]) if digest(told["state"].encode()) == told["sha256"] else {}
        except (OSError, ValueError, KeyError):
            state = {}
        if state.get("version") != VERSION:
            raise StartOver(1, "the state that was kept", "it cannot be read")
        return state

    # --- may it go on? -----------------------------------------------------------------------------------------------

    def _check(self, state: dict[str, Any]) -> None:
        for number, cell in enumerate(state["cells"], 1):
            if number > len(self.sources) or digest(self.sources[number - 1].encode()) != cell["source"]:
                raise StartOver(number, "its text", "it was changed, and the cells behind it have used what it made")
        if state["doubt"] is not None:
            raise StartOver(state["doubt"]["cell"], state["doubt"]["object"], state["doubt"]["why"])
        ahead = self.folder / AHEAD
        if ahead.exists():
            raise StartOver(int(ahead.read_text()), "what it left", "to keep it would have taken longer than to make it")
        if state["python"] != sys.version:
            raise StartOver(1, "the interpreter", f"it was {state['python'].split()[0]}, and is {sys.version.split()[0]}")
        for path, mark in state["files"].items():
            now = file_mark(path) if os.path.isfile(path) else None
            if now is None or (now != mark and (now[0] != mark[0] or now[2] is None or now[2] != mark[2])):
                number = next((at for at, cell in enumerate(state["cells"], 1) if path in cell.get("files", ())), 1)
                raise StartOver(number, f"the file {os.path.basename(path)}", "it has changed since it was read")

    def _facts(self, source: str, origins: dict[str, str]) -> CellFacts:
        try:
            text = self.shell.transform_cell(source)
            tree = ast.parse(text)
            origins.update(origins_of(tree))
            return facts_of(text, origins.get, own=lambda name: False)
        except SyntaxError:
            return CellFacts()

    def _look_ahead(self, done: int) -> CellFacts:
        """What the cells that are still to run touch."""
        together = CellFacts()
        origins: dict[str, str] = {}
        surely: set[str] = set()
        for number, source in enumerate(self.sources[done:], done + 1):
            facts = self._facts(source, origins)
            back = sorted(_LOOKS_BACK & set(facts.doubts))
            if back:
                raise StartOver(number, back[0], "it looks back at what earlier cells showed")
            together.names |= {name for name in facts.names - surely if not self._written_first(source, name)}
            surely |= {name for name in facts.written if self._written_first(source, name)}
            together.doubts += facts.doubts
        return together

    def _written_first(self, source: str, name: str) -> bool:
        """Whether a cell gives a name a new value before it looks at it."""
        try:
            statements = ast.parse(self.shell.transform_cell(source)).body
        except SyntaxError:
            return False
        for statement in statements:
            read, written = _order(statement)
            if name in read:
                return False
            if name in written:
                return True
        return False

    def _needed(self, state: dict[str, Any], ahead: CellFacts) -> list[str]:
        """The names that could not be kept, and are used from here on: by the cells, or by functions that they use."""
        missing = state["missing"]
        if ahead.doubts:
            return list(missing)
        needed, left = set(), set(ahead.names)
        while left:
            needed |= left
            left = {more for name in left & set(state["names"]) for more in self._used_by(state, state["names"][name])} - needed
        return [name for name in missing if name in needed]

    def _used_by(self, state: dict[str, Any], frozen: Any, seen: set[int] | None = None) -> Iterator[str]:
        """The global names that functions and classes in a value read when they are called."""
        seen = set() if seen is None else seen
        if isinstance(frozen, list):
            for part in frozen:
                yield from self._used_by(state, part, seen)
        elif isinstance(frozen, dict) and isinstance(frozen.get("n"), int) and len(frozen) == 1:
            if frozen["n"] not in seen:
                seen.add(frozen["n"])
                kind, *parts = state["nodes"][frozen["n"]]
                if kind == "function":
                    yield from _names_in(self.recorder.codes.functions[parts[0]][parts[1]])
                elif kind == "class" and parts[0] in self.classes:
                    yield from (node.id for node in ast.walk(self.classes[parts[0]][0]) if isinstance(node, ast.Name))
                yield from self._used_by(state, parts, seen)
        elif isinstance(frozen, dict):
            for part in frozen.values():
                yield from self._used_by(state, part, seen)

    # --- what has to be run again ------------------------------------------------------------------------------------

    def _to_run_again(self, state: dict[str, Any], needed: list[str]) -> list[int]:
        """The cells that have to do with what is missing, and with whatever shares a cell with that. Raises ``StartOver`` where
        one of them does more than compute."""
        names, cells = set(needed), state["cells"]
        numbers: set[int] = set()
        while True:
            touching = {at for at, cell in enumerate(cells, 1) if names & set(cell["names"])}
            linked = {
                name for at in touching for name in cells[at - 1]["names"]
                if (name in state["names"] or name in state["missing"]) and not self._is_neutral(state, name)
            }  # fmt: skip
            if touching == numbers and linked <= names:
                break
            numbers, names = touching, names | linked
        for number in sorted(numbers):
            again = cells[number - 1]["again"]
            if again is not None:
                name = needed[0]
                told = state["missing"][name]
                other = "" if told["cell"] == number else f", and cell {number} has to do with it"
                raise StartOver(
                    told["cell"], f"`{told['place']}`", f"{told['why']}{other}; it is not made again because of {again}"
                )
        return sorted(numbers)

    def _is_neutral(self, state: dict[str, Any], name: str) -> bool:
        """Whether a name only lends a hand: a module, something of a library, or a value that never changes."""
        if name not in state["names"]:
            return False
        frozen = state["names"][name]
        if isinstance(frozen, dict) and "n" in frozen:
            return self._is_lent(state, name)
        return sum(name in cell["written"] for cell in state["cells"]) == 1

    def _run_again(self, state: dict[str, Any], numbers: list[int]) -> None:
        from IPython.utils.capture import capture_output

        for number in numbers:
            with capture_output():
                result = self.shell.run_cell(self.sources[number - 1], store_history=False)
            if not result.success:
                raise StartOver(number, "its second run", f"it failed: {result.error_in_exec or result.error_before_exec}")
        made = {name for number in numbers for name in state["cells"][number - 1]["written"]}
        for name in sorted(made & set(state["marks"])):
            if name not in self.namespace or self.recorder.mark(name) != state["marks"][name]:
                raise StartOver(self._cell_of(state, name), f"`{name}`", "a second run of its cell gave another value")

    @staticmethod
    def _cell_of(state: dict[str, Any], name: str) -> int:
        return max((at for at, cell in enumerate(state["cells"], 1) if name in cell["written"]), default=1)

    # --- bringing it back --------------------------------------------------------------------------------------------

    def _process(self, told: dict[str, Any]) -> None:
        os.environ.update(told["set"])
        for name in told["unset"]:
            os.environ.pop(name, None)
        os.chdir(told["folder"])
        sys.path[:] = told["path"]
        sys.argv[3:] = told["argv"]
        self.namespace["_dh"][:] = [Path(path) for path in told["dirs"]]

    def _modules(self, state: dict[str, Any]) -> None:
        for name, mark in state["modules"].items():
            try:
                now = module_digest(importlib.import_module(name))
            except Exception as error:  # of the module's own text
                now = repr(error)
            if now != mark:
                raise StartOver(self._importing(state, name), f"`{name}`", "the module is no longer as the notebook left it")

    @staticmethod
    def _importing(state: dict[str, Any], module: str) -> int:
        root = module.partition(".")[0]
        names = {root, *(name for name, origin in state["origins"].items() if origin.partition(".")[0] == root)}
        return next((at for at, cell in enumerate(state["cells"], 1) if names & set(cell["names"])), 1)

    def _code(self, state: dict[str, Any]) -> None:
        origins: dict[str, str] = {}
        for number, source in enumerate(self.sources[: len(state["cells"])], 1):
            text = self.shell.transform_cell(source)
            file = self.shell.compile.cache(text, number, raw_code=source)
            tree = ast.parse(text)
            flags = self.shell.compile.flags & ~ast.PyCF_ONLY_AST
            self.recorder.codes.add(compile(tree, file, "exec", dont_inherit=True, flags=flags))
            # Code comes from the notebook, never from what is read.
            self.settings += self._facts(source, origins).settings
            for statement in tree.body:
                if isinstance(statement, ast.ClassDef):
                    self.classes[statement.name] = (statement, file)

    def _values(self, state: dict[str, Any], names: set[str]) -> None:
        thawer = Thawer(state["nodes"], self.namespace, self.recorder.codes, self._loaded, self._define)
        lent = {name for name in names if self._is_lent(state, name)}
        # Modules first: settings and classes are made with them.
        for first in (lent, names - lent):
            for name in sorted(first):
                try:
                    self.namespace[name] = thawer.thaw(state["names"][name])
                except (Unfreezable, RecursionError, LookupError, AttributeError, ImportError) as error:
                    raise StartOver(self._cell_of(state, name), f"`{name}`", f"it does not come back: {error}") from None
            if first is lent:
                self._set()

    @staticmethod
    def _is_lent(state: dict[str, Any], name: str) -> bool:
        """Whether it is a module, or something of one."""
        frozen = state["names"][name]
        return isinstance(frozen, dict) and "n" in frozen and state["nodes"][frozen["n"]][0] in ("module", "reference")

    def _set(self) -> None:
        for setting in self.settings:
            if not self.shell.run_cell(setting, store_history=False, silent=True).success:
                raise StartOver(1, f"`{setting[:60]}`", "the setting cannot be made again")

    def _loaded(self, name: str) -> bytes:
        data = (self.folder / name).read_bytes()
        if digest(data) != name.partition(".")[0]:
            raise Unfreezable(name, "its file is not what was written")
        return data

    def _define(self, name: str) -> None:
        if name not in self.classes:
            raise Unfreezable(name, "its class stands at the top of none of the cells")
        statement, file = self.classes[name]
        acts = _acts(statement)
        if acts is not None:
            raise Unfreezable(name, f"its statement does more than define: `{acts}`")
        code = compile(ast.Module([statement], []), file, "exec", dont_inherit=True)
        exec(code, self.namespace)  # noqa: S102  the notebook's own statement, which has run before

    def _versions(self, state: dict[str, Any]) -> None:
        now = versions()
        for name, version in state["packages"].items():
            if now.get(name, version) != version:
                raise StartOver(1, f"`{name}`", f"it was version {version}, and is {now[name]}")

    def _chance(self, told: dict[str, Any]) -> None:
        version, numbers, spare = told["random"]
        random.setstate((version, tuple(numbers), spare))
        if told["numpy"] is not None:
            import numpy as np

            np.random.set_state(tuple(told["numpy"]))

    def _hand_on(self, state: dict[str, Any]) -> None:
        recorder = self.recorder
        recorder.cells, recorder.files, recorder.modules = state["cells"], state["files"], state["modules"]
        recorder.origins = state["origins"]
        recorder.facts = [CellFacts(set(cell["names"]), set(cell["written"]), again=cell["again"]) for cell in state["cells"]]
        recorder.know_libraries()


def _order(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement may look at before it writes them, and those that it then surely has written."""
    written: set[str] = set()
    before: list[ast.AST] = [statement]
    if isinstance(statement, ast.Assign):
        written = {target.id for target in statement.targets if isinstance(target, ast.Name)}
        before = [statement.value, *(target for target in statement.targets if not isinstance(target, ast.Name))]
    elif isinstance(statement, ast.With) and len(statement.items) == 1 and isinstance(statement.items[0].optional_vars, ast.Name):
        written = {statement.items[0].optional_vars.id}
        before = [statement.items[0].context_expr]
        inside = {node.id for part in statement.body for node in ast.walk(part) if isinstance(node, ast.Name)} - written
        return {node.id for part in before for node in ast.walk(part) if isinstance(node, ast.Name)} | inside, written
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        return set(), {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    return {node.id for part in before for node in ast.walk(part) if isinstance(node, ast.Name)}, written


def _acts(statement: ast.ClassDef) -> str | None:
    """What a class statement does beside defining methods and attributes."""
    if statement.keywords:
        return ast.unparse(statement.keywords[0].value)
    parts: list[ast.AST] = [*statement.decorator_list]
    for inside in statement.body:
        if isinstance(inside, ast.FunctionDef):
            parts += inside.decorator_list
        elif isinstance(inside, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Pass)):
            value = getattr(inside, "value", None)
            parts += [call for call in ast.walk(value) if isinstance(call, (ast.Call, ast.NamedExpr))] if value is not None else []
        else:
            return ast.unparse(inside).splitlines()[0]
    return next((ast.unparse(part) for part in parts if not _HARMLESS.fullmatch(ast.unparse(part))), None)


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)
