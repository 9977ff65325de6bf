"""Laws that hold for every pipeline: random ones are simulated with random outcomes and events.

Durations are square roots of different primes, so that no two results arrive at one instant: what the order of nodes in
the document may decide never decides here.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from yamlflow_nb import DefinitionError
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.definition_reader import read_definition
from yamlflow_nb.language.yaml_reader import read_document
from yamlflow_nb.orchestration.simulation import simulate_plan
from yamlflow_nb.planning import plan
from yamlflow_nb.testing import Simulation, simulate, validate

_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113)
_NODE_EVENTS = ("completed", "failed", "finished", "passed", "skipped", "started", "blocked", "cancelled", "timed_out")
_TERMINAL = {"completed", "failed", "skipped", "cancelled"}
_ENDED = {"completed", "failed", "cancelled"}


class Scenario(NamedTuple):
    document: dict[str, Any]
    outcomes: dict[str, Any]
    events: list[tuple[float, str, dict[str, Any]]]

    def run(self, **more: Any) -> Simulation:
        text = yaml.safe_dump(self.document, sort_keys=False)
        return simulate(text, outcomes=self.outcomes, events=self.events, **more)


def _span(number: int) -> float:
    return math.sqrt(_PRIMES[number % len(_PRIMES)])


@st.composite
def _atoms(draw: st.DrawFn, names: list[str]) -> str:
    kinds = ["custom", "constant"] if not names else ["event", "event", "event", "value", "run", "list", "custom", "pipeline"]
    kind = draw(st.sampled_from(kinds))
    if kind == "custom":
        return draw(st.sampled_from(["event:custom.go", "event:custom.note", "{{ custom.go.n > 1 }}"]))
    if kind == "constant":
        return draw(st.sampled_from(["true", "event:pipeline.started"]))
    if kind == "pipeline":
        return draw(st.sampled_from(["event:pipeline.started", "event:pipeline.paused", "event:pipeline.resumed"]))
    name = draw(st.sampled_from(names))
    if kind == "event":
        return f"event:{name}.{draw(st.sampled_from(_NODE_EVENTS))}"
    if kind == "value":
        return draw(
            st.sampled_from([f"{{{{ {name}.n > 1 }}}}", f"{{{{ {name}.n | default(0) > 1 }}}}", f"{{{{ defined({name}.n) }}}}"])
        )
    if kind == "run":
        return f"{{{{ {name}.run.state == '{draw(st.sampled_from(sorted(_TERMINAL)))}' }}}}"
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    event = draw(st.sampled_from(_NODE_EVENTS))
    items = ", ".join(f"event:{name}.{event}" for name in chosen)
    quantifier = draw(st.sampled_from(["all", "any", "none", "count"]))
    if quantifier != "count":
        return f"{quantifier}({items})"
    return f"count({items}) {draw(st.sampled_from(['>=', '>', '<=', '<', '==', '!=']))} {draw(st.integers(0, 3))}"


@st.composite
def _expressions(draw: st.DrawFn, names: list[str], depth: int = 2) -> str:
    shape = draw(st.sampled_from(["atom", "atom", "and", "or", "not"])) if depth else "atom"
    if shape == "atom":
        return draw(_atoms(names))
    if shape == "not":
        return f"!({draw(_expressions(names, depth - 1))})"
    sides = [draw(_expressions(names, depth - 1)) for _ in range(2)]
    return f"({sides[0]} {'&&' if shape == 'and' else '||'} {sides[1]})"


@st.composite
def _nodes(draw: st.DrawFn, name: str, before: list[str], everyone: list[str]) -> dict[str, Any]:
    node: dict[str, Any] = {"id": name, "type": draw(st.sampled_from(["python", "python", "python", "approval"]))}
    work = node["type"] == "python"
    if work:
        node |= {"code": "pass", "outputs": {"n": {"type": "any", "optional": True}}}
    else:
        node |= {"title": "Well?", "outputs": {"n": {"type": "any", "optional": True}}}
    if before and draw(st.integers(0, 3)):
        node["startWhen"] = draw(_expressions(before))
    elif draw(st.integers(0, 9)) == 0:
        node["startWhen"] = draw(st.sampled_from(["event:pipeline.finishing", "{{ system.outcome == 'failed' }}"]))
    chance = draw(st.integers(0, 11))
    if chance == 0 and before:
        node["skipWhen"] = draw(_expressions(before, 1))
    elif chance == 1:
        others = [other for other in everyone if other != name] or before
        if others:
            node["stopWhen"] = draw(_expressions(others, 1))
            if draw(st.booleans()):
                node["stopWhen"] = {"when": node["stopWhen"], "as": "completed"}
    elif chance == 2 and work:
        node |= {"forEach": "{{ [1, 2, 3] }}", "maxParallel": draw(st.integers(1, 3))}
        if draw(st.booleans()):
            node["onItemFailure"] = "continue"
    elif chance == 3:
        node["always"] = True
    elif chance == 4 and before and work:
        node["inputBindings"] = {"n": f"{{{{ {draw(st.sampled_from(before))}.n | default(0) }}}}"}
    elif chance == 5 and work:
        # Each its own: of two timers of one instant the document tells which rings first.
        node["timeout"] = round(1.1 + 0.01 * len(before), 2)
    elif chance == 6 and work:
        node["repeat"] = {"until": f"{{{{ {name}.n | default(0) > 1 }}}}", "maxIterations": 3, "delay": 0.7}
    if work and draw(st.integers(0, 3)) == 0:
        node["retry"] = {"maxAttempts": draw(st.integers(2, 3)), "delay": draw(st.sampled_from([0, 0.35]))}
    policy = draw(st.sampled_from([None, None, None, "ignore", "stop", {"outputs": {"n": 5}}]))
    if policy is not None:
        node["onFailure"] = policy
    return node


@st.composite
def _outcomes(draw: st.DrawFn, node: dict[str, Any], number: int) -> Any:
    states = ["completed", "completed", "failed"] if node["type"] == "python" else ["approved", "rejected"]

    def one(attempt: int) -> dict[str, Any]:
        outcome: dict[str, Any] = {"state": draw(st.sampled_from(states)), "duration": _span(number) * (1 + attempt / 8)}
        value = draw(st.sampled_from([None, 1, 2, "text"]))
        return outcome if value is None else outcome | {"outputs": {"n": value}}

    return [one(0), one(1)] if node["type"] == "python" and draw(st.booleans()) else one(0)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A pipeline whose nodes may wait for those before them in a hidden order; the document's order is another."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 6)))]
    nodes = [draw(_nodes(name, names[:number], names)) for number, name in enumerate(names)]
    outcomes = {}
    for number, node in enumerate(nodes):
        if node["type"] == "python" or draw(st.integers(0, 3)):
            outcomes[node["id"]] = draw(_outcomes(node, number))
    document: dict[str, Any] = {"name": "random", "nodes": draw(st.permutations(nodes))}
    if draw(st.integers(0, 9)) == 0:
        document["stopWhen"] = draw(_expressions(names, 1))
    if draw(st.integers(0, 9)) == 0:
        document["timeout"] = _span(20)
    kinds = ["custom.go", "custom.note", "cancel", "pause", "resume"]
    sent = draw(st.lists(st.sampled_from(kinds), max_size=3))
    events = [(_span(21 + number) / 3, kind, {"n": 2} if kind == "custom.go" else {}) for number, kind in enumerate(sent)]
    return Scenario(document, outcomes, events)


def _run(scenario: Scenario, **more: Any) -> Simulation:
    """The simulation; a pipeline that is refused (a node that can never start, and the like) is not looked at."""
    try:
        return scenario.run(**more)
    except DefinitionError:
        assume(False)
        raise


def _states(simulation: Simulation) -> dict[str, tuple[str, str | None]]:
    return {name: (node.state, node.reason) for name, node in simulation.nodes.items()}


random_pipelines = given(scenarios())
quiet = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@random_pipelines
@quiet
def test_a_run_ends_or_says_what_it_waits_for(scenario: Scenario) -> None:
    simulation = _run(scenario)
    if simulation.status in _ENDED:
        assert {node.state for node in simulation.nodes.values()} <= _TERMINAL
        assert not simulation.waiting_for
    elif simulation.status == "paused":
        sent = [kind for _, kind, _ in scenario.events if kind in ("pause", "resume")]
        assert sent and sent[-1] == "pause"
    else:
        assert simulation.status == "waiting"
        assert simulation.waiting_for
        assert not {node.state for node in simulation.nodes.values()} & {"running", "queued", "retrying"}


@random_pipelines
@quiet
def test_the_order_of_nodes_in_the_document_changes_no_state(scenario: Scenario) -> None:
    simulation = _run(scenario)
    turned = scenario._replace(document={**scenario.document, "nodes": scenario.document["nodes"][::-1]})
    other = _run(turned)
    assert (_states(other), other.status, other.reason) == (_states(simulation), simulation.status, simulation.reason)
    assert other.outputs == simulation.outputs


@random_pipelines
@quiet
def test_other_names_of_nodes_change_no_state(scenario: Scenario) -> None:
    simulation = _run(scenario)

    def renamed(text: str) -> str:
        return re.sub(r"\bn(\d)\b", lambda found: f"node_{9 - int(found[1])}_x", text)

    document = yaml.safe_load(renamed(yaml.safe_dump(scenario.document, sort_keys=False)))
    other = _run(scenario._replace(document=document, outcomes={renamed(name): given for name, given in scenario.outcomes.items()}))
    assert _states(other) == {renamed(name): state for name, state in _states(simulation).items()}
    assert [renamed(kind) for _, kind, _ in simulation.events] == [kind for _, kind, _ in other.events]


@random_pipelines
@quiet
def test_the_same_simulation_twice_is_identical(scenario: Scenario) -> None:
    first, second = _run(scenario), _run(scenario)
    assert first.events == second.events
    assert first.nodes == second.nodes
    assert (first.status, first.reason, first.outputs, first.waiting_for) == (
        second.status,
        second.reason,
        second.outputs,
        second.waiting_for,
    )


_LIVES = re.compile(
    r"(?:skipped (?:passed |blocked )?finished"
    r"|(?:started (?:retrying |waiting |approved |rejected )*)?"
    r"(?:completed passed|failed|timed_out failed|failed timed_out|rejected failed|failed rejected|cancelled) finished) "
)


def _lives(simulation: Simulation) -> dict[str, str]:
    """Each node's events in order, one text a node."""
    lives = dict.fromkeys(simulation.nodes, "")
    for _, kind, _ in simulation.events:
        source, _, event = kind.partition(".")
        if source in lives:
            lives[source] += event + " "
    return lives


@random_pipelines
@quiet
def test_every_nodes_events_tell_a_legal_life(scenario: Scenario) -> None:
    simulation = _run(scenario)
    for name, life in _lives(simulation).items():
        if simulation.nodes[name].state in _TERMINAL:
            assert _LIVES.fullmatch(life), f"{name}: {life}"
        else:
            assert not re.search("finished|completed|failed|skipped|cancelled|passed|blocked", life), f"{name}: {life}"


@random_pipelines
@quiet
def test_terminal_events_come_once_and_agree_with_the_state(scenario: Scenario) -> None:
    simulation = _run(scenario)
    count = Counter(kind for _, kind, _ in simulation.events)
    for name, node in simulation.nodes.items():
        ends = {state: count[f"{name}.{state}"] for state in _TERMINAL if count[f"{name}.{state}"]}
        assert ends == ({node.state: 1} if node.state in _TERMINAL else {})
        assert count[f"{name}.finished"] == len(ends)
        assert not (count[f"{name}.passed"] and count[f"{name}.blocked"])
        passed = node.state == "completed" or (node.state == "skipped" and node.reason in ("unsatisfied", "skipWhen", "stopWhen"))
        assert count[f"{name}.passed"] == int(passed)
        assert count[f"{name}.blocked"] == int(node.state == "skipped" and node.reason == "blocked")


@random_pipelines
@quiet
def test_the_history_is_in_order_and_ends_once(scenario: Scenario) -> None:
    simulation = _run(scenario)
    kinds = [kind for _, kind, _ in simulation.events]
    times = [at for at, _, _ in simulation.events]
    assert kinds[0] == "pipeline.started" and times == sorted(times)
    assert kinds.count("pipeline.finishing") <= 1
    ends = [kind for kind in kinds if kind in ("pipeline.completed", "pipeline.failed", "pipeline.cancelled")]
    assert len(ends) == (simulation.status in _ENDED)
    if ends:
        assert ends == [f"pipeline.{simulation.status}"]
        assert kinds.count("pipeline.finishing") == 1
        assert kinds.index("pipeline.finishing") < kinds.index(ends[0])


@random_pipelines
@quiet
def test_the_status_follows_from_the_nodes(scenario: Scenario) -> None:
    simulation = _run(scenario)
    assume(simulation.status in _ENDED)
    policies = {node["id"]: node.get("onFailure") for node in scenario.document["nodes"]}
    failed = any(node.state == "failed" and policies[name] != "ignore" for name, node in simulation.nodes.items())
    if simulation.status == "completed":
        assert not failed
    if simulation.status == "failed":
        assert failed or simulation.reason in ("timeout", "outputs", "expression")
    if failed:
        assert simulation.status in ("failed", "cancelled")


@random_pipelines
@quiet
def test_a_node_has_the_marks_of_its_state(scenario: Scenario) -> None:
    simulation = _run(scenario)
    for name, node in simulation.nodes.items():
        assert (node.finished_at is not None) == (node.state in _TERMINAL), name
        assert (node.reason is not None) == (node.state in ("failed", "skipped", "cancelled")), name
        assert (node.attempts > 0) == (node.started_at is not None), name
        if node.state == "skipped":
            assert node.attempts == 0 and not node.outputs, name
        if node.state == "failed":
            assert node.error is not None, name


@random_pipelines
@quiet
def test_stopping_the_clock_shows_the_beginning_of_the_same_history(scenario: Scenario) -> None:
    whole = _run(scenario)
    for moment in (0.0, 1.5, 3.0):
        part = _run(scenario, max_time=moment)
        assert part.events == [event for event in whole.events if event[0] <= moment]


_NEVER = re.compile(r"^`(n\d)` can never start")


@random_pipelines
@settings(quiet, max_examples=50)
def test_what_is_refused_because_it_can_never_start_never_starts(scenario: Scenario) -> None:
    """The pipeline is run in spite of the refusal: no outcome may start a node that was said never to start."""
    text = yaml.safe_dump(scenario.document, sort_keys=False)
    refused = {found[1] for diagnostic in validate(text) if (found := _NEVER.match(diagnostic.message))}
    assume(refused)
    document, _ = read_document(text, "random")
    assert document is not None
    definition, _ = read_definition(document, task_types())
    assert definition is not None
    simulation = simulate_plan(plan(definition, task_types()), None, scenario.outcomes, scenario.events)
    assert {name for name in refused if simulation.nodes[name].started_at is not None} == set()


@pytest.mark.parametrize("seed", range(20))
def test_a_wide_and_deep_pipeline_ends(seed: int) -> None:
    """Two hundred nodes, each asking for one to three of those before it."""
    chance = random.Random(seed)
    nodes: list[dict[str, Any]] = []
    for number in range(200):
        node: dict[str, Any] = {"id": f"n{number}", "type": "python", "code": "pass"}
        if number:
            asked = [
                f"event:n{other}.{chance.choice(['completed', 'passed', 'finished', 'failed'])}"
                for other in chance.sample(range(number), min(number, 3))
            ]
            node["startWhen"] = chance.choice([" && ", " || "]).join(asked[: chance.randint(1, 3)])
        nodes.append(node)
    outcomes = {
        node["id"]: {"duration": chance.random(), "state": chance.choice(["completed", "completed", "failed"])} for node in nodes
    }
    scenario = Scenario({"name": "wide", "nodes": nodes}, outcomes, [])
    simulation = scenario.run()
    assert simulation.status == "failed" or not any(node.state == "failed" for node in simulation.nodes.values())
    assert {node.state for node in simulation.nodes.values()} <= {"completed", "failed", "skipped"}
