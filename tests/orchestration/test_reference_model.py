"""The rule of ``startWhen``, written a second time in the plainest way, and held against the real engine.

The model knows one kind of node and looks at everything again after every commit; it is slow and has no counters. Random
pipelines must come out alike in both: state, reason, start and end of every node.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Union

import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from yamlflow_nb import DefinitionError
from yamlflow_nb.testing import simulate

Value = Literal["true", "false", "unknown", "error"]
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_EVENTS = ("completed", "failed", "finished", "passed", "skipped", "started", "blocked")
_ASKS_FOR_SUCCESS = {"completed", "passed", "started", "approved"}


class Happened(NamedTuple):
    """``event:node.event``"""

    node: str
    event: str


class Above(NamedTuple):
    """``{{ node.n > 1 }}``"""

    node: str


class Inverse(NamedTuple):
    side: Tree


class Both(NamedTuple):
    left: Tree
    right: Tree


class Either(NamedTuple):
    left: Tree
    right: Tree


class Among(NamedTuple):
    """``all``, ``any`` and ``none`` have no comparison."""

    word: str
    atoms: tuple[Happened, ...]
    comparison: str = ""
    threshold: int = 0


Tree = Union[Happened, Above, Inverse, Both, Either, Among]
Starts = dict[str, Union[Tree, None]]
Outcomes = dict[str, dict[str, Any]]


def written(tree: Tree) -> str:
    if isinstance(tree, Happened):
        return f"event:{tree.node}.{tree.event}"
    if isinstance(tree, Above):
        return f"{{{{ {tree.node}.n > 1 }}}}"
    if isinstance(tree, Inverse):
        return f"!({written(tree.side)})"
    if isinstance(tree, Among):
        compared = f" {tree.comparison} {tree.threshold}" if tree.comparison else ""
        return f"{tree.word}({', '.join(map(written, tree.atoms))}){compared}"
    return f"({written(tree.left)} {'&&' if isinstance(tree, Both) else '||'} {written(tree.right)})"


class Model:
    """What the language says of ``startWhen``, for nodes that complete or fail after a while."""

    def __init__(self, starts: Starts, outcomes: Outcomes, sent: list[tuple[float, str]]) -> None:
        self.starts, self.outcomes = starts, outcomes
        self.sent = sorted(sent)
        self.state = dict.fromkeys(starts, "pending")
        self.reason: dict[str, str | None] = dict.fromkeys(starts)
        self.started: dict[str, float | None] = dict.fromkeys(starts)
        self.finished: dict[str, float | None] = dict.fromkeys(starts)
        self.values: dict[str, Any] = {}
        self.events: set[Happened] = set()
        self.now = 0.0

    def run(self) -> None:
        while True:
            while self._pass():
                pass
            running = [name for name, state in self.state.items() if state == "running"]
            first = min(running, key=self._due, default=None)
            if all(map(self._over, self.starts)):
                return
            if self.sent and (first is None or self.sent[0][0] < self._due(first)):
                self.now, event = self.sent.pop(0)
                self.events.add(Happened("custom", event))
                continue
            if first is None:
                return
            self.now = self._due(first)
            outcome = self.outcomes[first]
            if outcome["state"] == "completed":
                self.values.update({first: outcome["outputs"]["n"]} if "outputs" in outcome else {})
                self._end(first, "completed", None, "completed", "passed")
            else:
                self._end(first, "failed", "error", "failed")

    def _due(self, name: str) -> float:
        return (self.started[name] or 0.0) + self.outcomes[name]["duration"]

    def _pass(self) -> bool:
        """Judge every pending node by the facts as they are, then act: whether anything changed."""
        judged = [(name, self._judge(tree), tree) for name, tree in self.starts.items() if self.state[name] == "pending"]
        blocked = {name for name, value, tree in judged if value == "false" and tree is not None and self._is_blocked(tree)}
        for name, value, _ in judged:
            if value == "true":
                self.state[name], self.started[name] = "running", self.now
                self.events.add(Happened(name, "started"))
            elif value == "false" and name in blocked:
                self._end(name, "skipped", "blocked", "skipped", "blocked")
            elif value == "false":
                self._end(name, "skipped", "unsatisfied", "skipped", "passed")
            elif value == "error":
                self._end(name, "failed", "expression", "failed")
        return any(value != "unknown" for _, value, _ in judged)

    def _end(self, name: str, state: str, reason: str | None, *events: str) -> None:
        self.state[name], self.reason[name], self.finished[name] = state, reason, self.now
        self.events |= {Happened(name, event) for event in (*events, "finished")}

    def _over(self, name: str) -> bool:
        return self.state[name] in ("completed", "failed", "skipped")

    def _judge(self, tree: Tree | None) -> Value:
        if tree is None:
            return "true"
        if isinstance(tree, Happened):
            return "true" if tree in self.events else "false" if tree.node != "custom" and self._over(tree.node) else "unknown"
        if isinstance(tree, Above):
            if not self._over(tree.node):
                return "unknown"
            value = self.values.get(tree.node, "absent")
            return "error" if not isinstance(value, int) else "true" if value > 1 else "false"
        if isinstance(tree, Inverse):
            inner = self._judge(tree.side)
            return {"true": "false", "false": "true"}.get(inner, inner)  # type: ignore[return-value]
        if isinstance(tree, Among):
            return self._judge_list(tree)
        sides = {self._judge(tree.left), self._judge(tree.right)}
        order: tuple[Value, ...] = ("false", "unknown", "error") if isinstance(tree, Both) else ("true", "unknown", "error")
        return next((value for value in order if value in sides), "true" if isinstance(tree, Both) else "false")

    def _judge_list(self, tree: Among) -> Value:
        values = [self._judge(atom) for atom in tree.atoms]
        least, most = values.count("true"), values.count("true") + values.count("unknown")
        if tree.word == "count":
            answers = {_COMPARE[tree.comparison](number, tree.threshold) for number in range(least, most + 1)}
        else:
            wanted = {"all": lambda n: n == len(values), "any": lambda n: n > 0, "none": lambda n: n == 0}[tree.word]
            answers = {wanted(number) for number in range(least, most + 1)}
        return "unknown" if len(answers) == 2 else "true" if True in answers else "false"

    def _is_blocked(self, tree: Tree) -> bool:
        hurt = {name for name in self.starts if self.state[name] == "failed" or self.reason[name] == "blocked"}
        return any(atom.event in _ASKS_FOR_SUCCESS and atom.node in hurt for atom in self._causes(tree, even=True))

    def _causes(self, tree: Tree, even: bool) -> set[Happened]:
        """The false atoms under an even number of ``!`` among the sub-expressions that made the value what it is."""
        value = self._judge(tree)
        if isinstance(tree, Happened):
            return {tree} if value == "false" and even else set()
        if isinstance(tree, Inverse):
            return self._causes(tree.side, not even)
        if isinstance(tree, Among):
            too_few = value == "false" and (
                tree.word in ("all", "any")
                or tree.comparison in (">=", ">")
                or (tree.comparison == "==" and sum(self._judge(atom) != "false" for atom in tree.atoms) < tree.threshold)
            )
            return {atom for atom in tree.atoms if self._judge(atom) == "false"} if too_few and even else set()
        if isinstance(tree, (Both, Either)):
            return {atom for side in (tree.left, tree.right) if self._judge(side) == value for atom in self._causes(side, even)}
        return set()


@st.composite
def _trees(draw: st.DrawFn, names: list[str], depth: int = 3) -> Tree:
    kind = draw(st.sampled_from(["event", "event", "value", "not", "and", "or", "list"] if depth else ["event", "event", "value"]))
    if kind == "value":
        return Above(draw(st.sampled_from(names)))
    if kind == "not":
        return Inverse(draw(_trees(names, depth - 1)))
    if kind in ("and", "or"):
        sides = draw(_trees(names, depth - 1)), draw(_trees(names, depth - 1))
        return Both(*sides) if kind == "and" else Either(*sides)
    of_nodes = st.builds(Happened, st.sampled_from(names), st.sampled_from(_EVENTS))
    atoms = st.one_of(of_nodes, of_nodes, of_nodes, st.builds(Happened, st.just("custom"), st.sampled_from(["go", "note"])))
    if kind == "event":
        return draw(atoms)
    chosen = tuple(draw(st.lists(atoms, min_size=1, max_size=4, unique=True)))
    word = draw(st.sampled_from(["all", "any", "none", "count", "count"]))
    return (
        Among(word, chosen, draw(st.sampled_from(sorted(_COMPARE))), draw(st.integers(0, 3)))
        if word == "count"
        else Among(word, chosen)
    )


@st.composite
def _pipelines(draw: st.DrawFn) -> tuple[Starts, Outcomes, list[tuple[float, str]]]:
    names = [f"n{number}" for number in range(draw(st.integers(2, 7)))]
    starts: Starts = {}
    outcomes: Outcomes = {}
    for number, name in enumerate(names):
        starts[name] = draw(_trees(names[:number])) if number and draw(st.integers(0, 4)) else None
        prime = (2, 3, 5, 7, 11, 13, 17)[number]
        outcomes[name] = {"state": draw(st.sampled_from(["completed", "completed", "failed"])), "duration": math.sqrt(prime)}
        value = draw(st.sampled_from([None, 1, 2]))
        if value is not None and outcomes[name]["state"] == "completed":
            outcomes[name]["outputs"] = {"n": value}
    shuffled = draw(st.permutations(names))
    sent = [(math.sqrt(prime), name) for prime, name in ((19, "go"), (23, "note")) if draw(st.booleans())]
    return {name: starts[name] for name in shuffled}, outcomes, sent


def _documented(starts: Starts) -> list[dict[str, Any]]:
    return [
        {"id": name, "type": "python", "code": "pass", "outputs": {"n": {"type": "any", "optional": True}}}
        | ({"startWhen": written(tree)} if tree is not None else {})
        for name, tree in starts.items()
    ]


@given(_pipelines())
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_engine_agrees_with_the_plain_model(pipeline: tuple[Starts, Outcomes, list[tuple[float, str]]]) -> None:
    starts, outcomes, sent = pipeline
    events = [(at, f"custom.{name}", {}) for at, name in sent]
    try:
        simulation = simulate(
            yaml.safe_dump({"name": "model", "nodes": _documented(starts)}, sort_keys=False), outcomes=outcomes, events=events
        )
    except DefinitionError:
        assume(False)
        raise
    model = Model(starts, outcomes, sent)
    model.run()
    assert (simulation.status == "waiting") == ("pending" in model.state.values())
    for name, node in simulation.nodes.items():
        came = (node.state, node.reason, node.started_at, node.finished_at)
        assert came == (model.state[name], model.reason[name], model.started[name], model.finished[name]), name


@given(_pipelines(), st.permutations(range(7)))
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_timing_changes_no_state(pipeline: tuple[Starts, Outcomes, list[tuple[float, str]]], order: list[int]) -> None:
    """Whoever is faster, the same nodes complete, fail and are skipped. Only the reason of a skip may tell of the order, and
    with it the events ``passed`` and ``blocked``, which are left out here."""
    starts, outcomes, sent = pipeline
    text = yaml.safe_dump({"name": "timing", "nodes": _documented(starts)}, sort_keys=False)
    text = text.replace(".passed", ".completed").replace(".blocked", ".skipped")
    durations = [outcome["duration"] for outcome in outcomes.values()]
    others = {
        name: outcome | {"duration": durations[order[number] % len(durations)] + order[number]}
        for number, (name, outcome) in enumerate(outcomes.items())
    }
    try:
        first = simulate(text, outcomes=outcomes, events=[(at, f"custom.{name}", {}) for at, name in sent])
    except DefinitionError:
        assume(False)
        raise
    second = simulate(text, outcomes=others, events=[(at / 3, f"custom.{name}", {}) for at, name in sent])
    assert {name: node.state for name, node in first.nodes.items()} == {name: node.state for name, node in second.nodes.items()}
    assert first.status == second.status
