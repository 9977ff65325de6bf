"""Two executions → what is different between them, the first difference marked."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.loop.packages import packages_of
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.used_files import files_used
from yamlflow_nb.orchestration.execution_state import NodeRun
from yamlflow_nb.orchestration.judgement import Unjudgeable, resolve
from yamlflow_nb.services.branching import meanings, same
from yamlflow_nb.services.snapshot import short

_TEXTS = ("code", "query", "sql", "command")
"""Fields of a node that are shown line by line."""


class Difference:
    """What ``diff`` found. ``data`` is the whole as plain data: ``a``, ``b`` (the ids), ``first`` (the node of the first
    difference, in the order in which nodes began), ``inputs``, ``nodes``, ``outputs``, ``packages``: name → ``[in a, in b]``,
    None where there is none."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @property
    def first(self) -> str | None:
        """The node in which they begin to differ."""
        first: str | None = self.data["first"]
        return first

    @property
    def same(self) -> bool:
        """Whether nothing is different: states, values, code, parameters, packages."""
        return not any(self.data[name] for name in ("status", "inputs", "nodes", "outputs", "packages"))

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def __str__(self) -> str:
        data = self.data
        lines = [f"a  {data['a']}", f"b  {data['b']}"]
        if self.same:
            return "\n".join([*lines, "no difference"])
        lines += [f"{name:<24} {told}" for name, told in self._head()]
        width = max((len(name) for name in data["nodes"]), default=0)
        for name, found in data["nodes"].items():
            mark = "▶" if name == data["first"] else " "
            lines.append(f"{mark} {name:<{width}}  {_told(found['state'])}{_from(found)}")
            lines += [f"    {line}" for line in _details(found)]
        return "\n".join(lines)

    __repr__ = __str__

    def _head(self) -> Iterable[tuple[str, str]]:
        if self.data["status"]:
            yield "status", _told(self.data["status"])
        for kind in ("inputs", "packages", "outputs"):
            for name, pair in self.data[kind].items():
                yield f"{kind[:-1]} {name}", _told(pair)


def _told(pair: Any) -> str:
    if not isinstance(pair, list):
        return str(pair)
    return " → ".join("-" if one is None else one if isinstance(one, str) else short(one) for one in pair)


def _from(found: Mapping[str, Any]) -> str:
    return "  (set by hand; it did not run again)" if found["reused"] else ""


def _details(found: Mapping[str, Any]) -> Iterable[str]:
    for kind in ("parameters", "values", "fields", "files"):
        yield from (f"{kind[:-1]} {name}: {_told(pair)}" for name, pair in found[kind].items())
    for name, lines in found["code"].items():
        yield f"{name}:"
        yield from (f"  {line}" for line in lines)


def difference(a: Run, b: Run, runs_folder: Path) -> Difference:
    """Compare two executions as they stand, in ``a``'s order of nodes, those of ``b`` alone last."""
    with a.lock, b.lock:
        written = meanings(a.plan), meanings(b.plan)
        names = dict.fromkeys((*_begun(a), *_begun(b)))
        nodes = {name: _node(a, b, name, written, runs_folder) for name in names}
        nodes = {name: found for name, found in nodes.items() if found is not None}
        inputs = [one.state.variables.scopes.get("pipeline.input", {}) for one in (a, b)]
        data: dict[str, Any] = {
            "a": a.id, "b": b.id, "pipeline": [a.record.pipeline, b.record.pipeline],
            "status": None if a.state.status == b.state.status else [a.state.status, b.state.status],
            "first": next(iter(nodes), None), "inputs": _pairs(*inputs), "nodes": nodes,
            "outputs": _pairs(a.state.outputs, b.state.outputs),
            "packages": _pairs(*(packages_of(runs_folder / one.id) for one in (a, b))),
        }  # fmt: skip
    return Difference(data)


def _begun(run: Run) -> list[str]:
    """The nodes in the order in which they began; what never did comes last."""
    late = float("inf")
    order = sorted(run.state.order, key=lambda node: (late if node.started_at is None else node.started_at, node.index))
    return [node.planned.id for node in order]


def _node(a: Run, b: Run, name: str, written: tuple[dict[str, Any], dict[str, Any]], folder: Path) -> dict[str, Any] | None:
    """How a node differs; None where it does not."""
    one, other = a.state.nodes.get(name), b.state.nodes.get(name)
    states = [_state(one), _state(other)]
    fields = _pairs(written[0].get(name) or {}, written[1].get(name) or {}) if one is not None and other is not None else {}
    files = [_files(run, node, folder) for run, node in ((a, one), (b, other))]
    found = {
        "values": _pairs(*(_values(node) for node in (one, other))),
        "parameters": _pairs(_parameters(a, one), _parameters(b, other)),
        "code": {key: _lines(*pair) for key, pair in fields.items() if key in _TEXTS},
        "fields": {key: pair for key, pair in fields.items() if key not in _TEXTS},
        "files": _pairs(*files),
    }
    if states[0] == states[1] and not any(found.values()):
        return None
    shared = one is not None and other is not None and a.id in (other.reused,) and one.reused is None
    return {"state": states[0] if states[0] == states[1] else states, "reused": a.id if shared else None, **found}


def _state(node: NodeRun | None) -> str | None:
    return None if node is None else node.state + (f" ({node.reason})" if node.reason else "")


def _values(node: NodeRun | None) -> Mapping[str, Any]:
    """What a node gave; of a table or file what tells it apart, wherever it lies."""
    return {} if node is None else {name: _plain(value) for name, value in node.outputs.items() if name != "notebook"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping) and "sha256" in value and "path" in value:
        return {key: part for key, part in value.items() if key != "path"} | {"path": f"artifact:{value['sha256'][:12]}"}
    return value


def _parameters(run: Run, node: NodeRun | None) -> Mapping[str, Any]:
    """What a node was given, as its bindings say now that all is settled; nothing for one that did not run."""
    if node is None or node.attempts == 0 or node.fan is not None:
        return {}
    try:
        given = resolve(run.state, node.planned.bindings, node.planned.bound)
    except Unjudgeable:
        return {}
    return {name: _plain(value) for name, value in given.items()}


def _files(run: Run, node: NodeRun | None, folder: Path) -> dict[str, str]:
    if node is None:
        return {}
    used = files_used(folder / (node.reused or run.id) / node.planned.id)
    return {Path(path).name: f"sha256 {digest[:12]}" for path, digest in used.items()}


def _lines(old: Any, new: Any) -> list[str]:
    before, after = (str(one or "").splitlines() for one in (old, new))
    found = difflib.unified_diff(before, after, "a", "b", n=1, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++"))]


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Name → ``[old, new]`` of what is different."""
    return {
        name: [old.get(name), new.get(name)]
        for name in dict.fromkeys((*old, *new))
        if name not in old or name not in new or not same(old[name], new[name])
    }
