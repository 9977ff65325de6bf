"""In a notebook's kernel: after each cell, what is needed to go on behind it, written down beside the attempt.

The state after the newest cell is kept, whole or not at all. What cannot be kept stands in it with its cell and its reason: whether
the notebook can go on is decided when it is asked to (see ``going_on``).
"""

from __future__ import annotations

import ast
import hashlib
import os
import random
import sys
import threading
import time
import types
from json import dumps
from pathlib import Path
from typing import Any

from yamlflow_nb.executors.cell_facts import LENDING, WITHOUT_STATE, CellFacts, facts_of
from yamlflow_nb.executors.freezing import Codes, Freezer, Unfreezable, digest
from yamlflow_nb.executors.user_modules import acts_on_import, module_digest, origins_of, user_modules

STATE = "state.json"
AHEAD = "ahead"
"""There when the notebook went on without its state being kept: the number of its cells that have run."""
VERSION = 1
_MOST_BYTES = 512 * 1024 * 1024
_LARGE_FILE = 64 * 1024 * 1024
_FREE_SECONDS, _SHARE = 0.5, 0.25
"""Seconds that keeping may take, and the share of the cells' own time on top."""
_IPYTHON = ("In", "Out", "get_ipython", "exit", "quit", "open", "display")


class Recorder:
    """Watches one kernel. ``secrets`` are names of variables whose values are never written down."""

    def __init__(self, shell: Any, folder: Path, secrets: list[str]) -> None:
        self.shell = shell
        self.folder = folder
        self.namespace: dict[str, Any] = shell.user_ns
        self.codes = Codes()
        self.cells: list[dict[str, Any]] = []
        self.facts: list[CellFacts] = []
        self.origins: dict[str, str] = {}
        self.files: dict[str, list[Any]] = {}
        self.modules: dict[str, str] = {}
        self.doubt: dict[str, Any] | None = None
        self.first = set(self.namespace)
        self.environment = dict(os.environ)
        self.threads = set(threading.enumerate())
        self.born: dict[threading.Thread, int] = {}
        self.failed = False
        self.before: dict[str, int] = {}
        self.secrets = [value for name, value in os.environ.items() if name.startswith("YAMLFLOW_SECRET_") or name in secrets]
        self.libraries: dict[str, dict[str, int]] = {}
        self.read: set[str] = set()
        self.wrote: set[str] = set()
        self.spent, self.began = 0.0, time.perf_counter()

    def install(self) -> None:
        """Begin to watch."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.shell.events.register("post_run_cell", self.after)
        sys.addaudithook(self._opened)

    def keep(self) -> None:
        """Write the state down as it is: the one that was brought back, for the next attempt."""
        self._write(self._state(len(self.cells)))

    # --- after a cell ------------------------------------------------------------------------------------------------

    def after(self, result: Any) -> None:
        """A cell has run. Never raises: what goes wrong here means that the notebook cannot go on behind this cell."""
        if not result.info.store_history:
            return
        if not result.success:
            self.failed = True
            return
        began = time.perf_counter()
        number = len(self.cells) + 1
        raw = result.info.raw_cell
        self.cells.append({"source": digest(raw.encode())})
        try:
            if self.failed:
                self._doubts(number, "an error", "it was let pass, and what its cell had done by then is not known")
            self._looked_at(number, raw)
            if self.spent > _FREE_SECONDS + _SHARE * (began - self.began):
                (self.folder / AHEAD).write_text(str(number))
                return
            self._write(self._state(number))
        except Exception as error:
            self._doubts(number, type(error).__name__, str(error)[:200])
            self._give_up()
        finally:
            self.spent += time.perf_counter() - began
            self.read.clear()
            self.wrote.clear()

    def _give_up(self) -> None:
        """Keep nothing but the reason; where even that fails, nothing: then the notebook starts over without one."""
        try:
            self._write({"version": VERSION, "cells": self.cells, "doubt": self.doubt})
        except Exception:
            (self.folder / STATE).unlink(missing_ok=True)

    def _looked_at(self, number: int, raw: str) -> None:
        source = self.shell.transform_cell(raw)
        tree = ast.parse(source)
        self.codes.add(compile(tree, "<cell>", "exec", dont_inherit=True, flags=self.shell.compile.flags & ~ast.PyCF_ONLY_AST))
        imported = origins_of(tree)
        self.origins.update(imported)
        facts = facts_of(source, self.origins.get, own=self.is_own)
        other = sorted(name for name in facts.names & LENDING if name in self.namespace and name not in self.first)
        if other:
            facts.again = facts.again or f"`{other[0]}`, which means something else here"
        self.facts.append(facts)
        for name in facts.written - set(imported):
            self.origins.pop(name, None)
        self._find_doubts(number, facts)
        self._note_files(facts)
        self._note_modules(number)
        self.cells[-1].update(names=sorted(facts.names), written=sorted(facts.written), again=facts.again)

    def is_own(self, name: str) -> bool:
        """Whether a name is a function or class of the notebook."""
        value = self.namespace.get(name)
        if isinstance(value, types.FunctionType):
            return value.__globals__ is self.namespace
        return isinstance(value, type) and value.__module__ == "__main__"

    def _find_doubts(self, number: int, facts: CellFacts) -> None:
        users = {name.partition(".")[0] for name in user_modules()}
        for told in facts.doubts:
            self._doubts(number, told, "what it changes cannot be seen")
        for package in sorted(facts.calls - WITHOUT_STATE - users):
            self._doubts(number, f"`{package}`", "the package may keep things to itself")
        for name in facts.names - set(self.origins) - self.first:
            value = self.namespace.get(name)
            if isinstance(value, (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)) and not self.is_own(name):
                self._doubts(number, f"`{name}`", "something of a library under another name")
        for place, before in list(self.libraries.items()):
            now = _functions(sys.modules.get(place))
            for name in sorted(before):
                if now.get(name) != before[name]:
                    self._doubts(number, f"`{place}.{name}`", "it was replaced")
        self.know_libraries()

    def know_libraries(self) -> None:
        """Look at the modules that the notebook names, to see later whether something of theirs was replaced."""
        for value in list(self.namespace.values()):
            if isinstance(value, types.ModuleType) and value.__name__ not in self.libraries:
                self.libraries[value.__name__] = _functions(value)

    def _doubts(self, number: int, about: str, why: str) -> None:
        if self.doubt is None:
            self.doubt = {"cell": number, "object": about, "why": why}

    # --- files and modules -------------------------------------------------------------------------------------------

    def _opened(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
            return
        path, mode, flags = os.fsdecode(arguments[0]), arguments[1], arguments[2]
        writes = set(mode) & set("wax+") if isinstance(mode, str) else (flags or 0) & (os.O_WRONLY | os.O_RDWR)
        (self.wrote if writes else self.read).add(os.path.abspath(path))

    def _note_files(self, facts: CellFacts) -> None:
        named = {os.path.abspath(text) for text in facts.texts if "\n" not in text and "\0" not in text}
        own = (sys.prefix, sys.base_prefix, "/proc/", "/dev/", "/sys/", str(self.folder.parent))
        for path in self.read | named | (self.wrote & set(self.files)):
            known = path in self.files or path not in self.wrote
            if known and not path.startswith(own) and not path.endswith((".py", ".pyc")) and os.path.isfile(path):
                self.files[path] = file_mark(path)
                self.cells[-1].setdefault("files", []).append(path)

    def _note_modules(self, number: int) -> None:
        for name, module in user_modules().items():
            try:
                acts = None if name in self.modules else acts_on_import(module)
                if acts is not None:
                    self._doubts(number, f"`{name}`", f"the module does something when it is imported: {acts}")
                self.modules[name] = module_digest(module)
            except (Unfreezable, SyntaxError, OSError) as error:
                self._doubts(number, f"`{name}`", f"the module's own state: {error}")

    # --- the state ---------------------------------------------------------------------------------------------------

    def refuses(self, text: str | bytes) -> bool:
        """Whether a text, or the bytes of a table or array, hold a secret."""
        if isinstance(text, str):
            return any(secret in text for secret in self._hidden())
        return any(secret.encode(code) in text for secret in self._hidden() for code in ("utf-8", "utf-32-le"))

    def _hidden(self) -> list[str]:
        asked = sys.modules.get("yamlflow_nb.executors.far_work")  # loaded by whoever asks for one
        return [secret for secret in [*self.secrets, *(asked.given_here if asked is not None else ())] if secret]

    def _state(self, number: int) -> dict[str, Any]:
        saved: dict[str, int] = {}
        freezer = Freezer(self.namespace, self.codes, lambda data, ending: self._saved(data, ending, saved), self.refuses)
        names, missing = {}, {}
        for name in self._own_names():
            mark = (len(freezer.nodes), len(freezer.memory))
            try:
                names[name] = freezer.freeze(self.namespace[name], name)
            except (Unfreezable, RecursionError) as error:
                freezer.forget(*mark)
                why = error.why if isinstance(error, Unfreezable) else "it is nested too deeply"
                missing[name] = {"cell": self._cell_of(name), "place": getattr(error, "place", name) or name, "why": why}
        marks = {name: self.mark(name) for name in names if missing}
        self._keep_only(saved)
        return {
            "version": VERSION, "python": sys.version, "cells": self.cells, "doubt": self.doubt or self._present_doubt(number),
            "names": names, "missing": missing, "nodes": freezer.nodes, "marks": marks,
            "files": self.files, "modules": self.modules, "packages": versions(), "process": self._process(),
            "count": self.shell.execution_count, "origins": self.origins,
        }  # fmt: skip

    def mark(self, name: str) -> str:
        """A hash of what a name holds, by which a second run of its cell is checked."""
        freezer = Freezer(self.namespace, self.codes, lambda data, ending: digest(data), self.refuses)
        frozen = freezer.freeze(self.namespace[name], name)
        return digest(dumps([frozen, freezer.nodes]).encode())

    def _own_names(self) -> list[str]:
        return [name for name in self.namespace if name not in self.first and name not in _IPYTHON and not _is_ipythons(name)]

    def _cell_of(self, name: str) -> int:
        return max((place for place, facts in enumerate(self.facts, 1) if name in facts.written), default=len(self.facts))

    def _present_doubt(self, number: int) -> dict[str, Any] | None:
        for thread in threading.enumerate():
            if thread not in self.threads and not self._is_kernels(thread):
                cell = self.born.setdefault(thread, number)
                return {"cell": cell, "object": f"the thread `{thread.name}`", "why": "it still runs"}
        if _has_children():
            return {"cell": number, "object": "a process that it started", "why": "it ends with the kernel"}
        plots = sys.modules.get("matplotlib.pyplot")
        if plots is not None and plots.get_fignums():
            return {"cell": number, "object": "a figure of matplotlib", "why": "it is still open"}
        return None

    def _is_kernels(self, thread: threading.Thread) -> bool:
        """Whether a thread is the kernel's own: also the one in which IPython waits for what ``%%bash`` runs."""
        scripts = self.shell.magics_manager.registry.get("ScriptMagics")
        loop = getattr(getattr(thread, "_target", None), "__self__", None)
        if loop is not None and loop is getattr(scripts, "event_loop", None):
            return True
        return thread.name.startswith(("IPython", "Heartbeat", "Control", "IOPub", "Shell channel", "subshell", "yamlflow"))

    def _process(self) -> dict[str, Any]:
        changed = {name: value for name, value in os.environ.items() if self.environment.get(name) != value}
        for name, value in changed.items():
            if self.refuses(value):
                raise Unfreezable(f"os.environ[{name!r}]", "it holds a secret, which is never written down")
        told = {
            "folder": os.getcwd(), "path": sys.path, "argv": sys.argv[3:], "random": random.getstate(), "set": changed,
            "unset": sorted(set(self.environment) - set(os.environ)), "numpy": None,
            "dirs": [str(path) for path in self.namespace["_dh"]],
        }  # fmt: skip
        if "numpy.random" in sys.modules:
            kind, keys, *rest = sys.modules["numpy.random"].get_state()
            told["numpy"] = [kind, keys.tolist(), *rest]
        return told

    def _saved(self, data: bytes, ending: str, saved: dict[str, int]) -> str:
        name = f"{digest(data)}.{ending}"
        saved[name] = len(data)
        if sum(saved.values()) > _MOST_BYTES:
            raise Unfreezable("", f"its tables and arrays are more than {_MOST_BYTES >> 20} MiB")
        path = self.folder / name
        if not path.exists():
            scratch = self.folder / f".{name}.part"
            scratch.write_bytes(data)
            os.replace(scratch, path)
        return name

    def _keep_only(self, saved: dict[str, int]) -> None:
        """What the state before this one needed is let go only after this one is written, by the next."""
        for path in self.folder.glob("*.*"):
            if path.suffix in (".npy", ".parquet") and path.name not in saved and path.name not in self.before:
                path.unlink()
        self.before = saved

    def _write(self, state: dict[str, Any]) -> None:
        text = dumps(state)
        scratch = self.folder / f".{STATE}.part"
        scratch.write_text(dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "state": text}), encoding="utf-8")
        os.replace(scratch, self.folder / STATE)
        (self.folder / AHEAD).unlink(missing_ok=True)


def file_mark(path: str) -> list[Any]:
    """By which a file is known again: size, time, and the hash of one that is not too large."""
    told = os.stat(path)
    return [told.st_size, told.st_mtime_ns, digest(Path(path).read_bytes()) if told.st_size <= _LARGE_FILE else None]


def _functions(module: Any) -> dict[str, int]:
    kinds = (types.FunctionType, types.BuiltinFunctionType, type)
    return {name: id(value) for name, value in vars(module).items() if isinstance(value, kinds)} if module is not None else {}


def versions() -> dict[str, str]:
    """The packages that are loaded, and their versions."""
    loaded = [(name, module) for name, module in list(sys.modules.items()) if "." not in name]
    told = {name: module.__dict__.get("__version__") for name, module in loaded if isinstance(module, types.ModuleType)}
    return {name: version for name, version in told.items() if isinstance(version, str)}


def _has_children() -> bool:
    """Whether processes that this one started are still at work."""
    try:
        tasks = list(Path("/proc/self/task").iterdir())
        return any((task / "children").read_text().strip() for task in tasks)
    except OSError:
        psutil = sys.modules.get("psutil")  # a kernel has loaded it
        return psutil is not None and bool(psutil.Process().children())


def _is_ipythons(name: str) -> bool:
    return name.startswith("_") and (
        name.strip("_") == "" or name.strip("_i").isdigit() or name in ("_i", "_ii", "_iii", "_exit_code")
    )
