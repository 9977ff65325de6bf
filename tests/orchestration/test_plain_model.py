"""Random pipelines in the engine and in the plain model: every state, reason, time, attempt and event must be the same."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import yaml

from tests.orchestration.plain_model import PlainModel
from tests.orchestration.plain_truth import COMPARE, written
from yamlflow_nb import DefinitionError
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.planning import plan
from yamlflow_nb.testing import Simulation, simulate

EVENTS = ("completed", "failed", "finished", "passed", "skipped", "started", "blocked", "cancelled", "retrying", "timed_out")
OF_TYPE = {"task": ("half",), "approval": ("approved", "rejected", "waiting"), "wait": ("waiting",)}
FORMS = ("plain", "plain", "default", "defined", "run", "number")


class Maker:
    """Makes one random pipeline with outcomes and events from outside."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.names = [f"{'ab'[number % 2]}{number}" for number in range(self.random.randint(2, 6))]
        people = self.often(0.4)
        self.types = {name: self.random.choice(("approval", "wait")) for name in self.names if people and self.often(0.3)}
        """What only people or events move; all others are tasks with an output ``n``."""

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def event(self, names: list[str]) -> Any:
        if self.often(0.15):
            return ("event", "custom", self.random.choice(("go", "note")))
        name = self.random.choice(names)
        kind = self.types.get(name, "task")
        return ("event", name, self.random.choice((*EVENTS, *OF_TYPE[kind], *OF_TYPE[kind])))

    def tasks(self, names: list[str]) -> list[str]:
        return [name for name in names if name not in self.types]

    def leaf(self, names: list[str], lists: bool = True) -> Any:
        draw = self.random.random()
        if draw < 0.2:
            if self.often(0.2):
                form, name = self.random.choice(("plain", "default", "defined")), self.random.choice(("go", "note"))
                return ("value", form, f"custom.{name}")
            tasks = self.tasks(names)
            return ("value", self.random.choice(FORMS), self.random.choice(tasks)) if tasks else ("value", "run", names[0])
        if draw < 0.4 and lists:
            items = [self.event(names) if self.often(0.8) else ("pattern", "*" if self.often(0.3) else "a*", "completed")
                     for _ in range(self.random.randint(1, 3))]  # fmt: skip
            word = self.random.choice(("all", "any", "none", "count", "count"))
            compare = (self.random.choice(sorted(COMPARE)), self.random.randint(0, 3)) if word == "count" else ("", 0)
            return ("list", word, tuple(items), *compare)
        if draw < 0.45 and lists:
            return ("pattern", self.random.choice(("a*", "b*", "*")), self.random.choice(EVENTS))
        return self.event(names)

    def tree(self, names: list[str], depth: int) -> Any:
        draw = self.random.random()
        if depth == 0 or draw < 0.4:
            return self.leaf(names)
        if draw < 0.55:
            return ("not", self.tree(names, depth - 1))
        sides = [self.tree(names, depth - 1) for _ in range(self.random.randint(2, 3))]
        return ("and" if draw < 0.8 else "or", tuple(sides))

    def start(self, before: list[str]) -> Any:
        begin = ("event", "pipeline", "started")
        if not before or self.often(0.25):
            return begin
        tree = self.tree(before, 2)
        if self.often(0.15):
            return ("and", (("event", "pipeline", "finishing"), tree)) if self.often(0.5) else ("event", "pipeline", "finishing")
        return ("or", (("event", "pipeline", "finishing"), tree)) if self.often(0.05) else tree

    def particulars(self, name: str) -> dict[str, Any]:
        """What a node has by its type."""
        kind = self.types.get(name)
        if kind is None:
            spec: dict[str, Any] = {"emits": ["half"]} | ({"fail": True} if self.often(0.1) else {})
            return spec | ({"repeat": self.random.randint(2, 4), "pause": self.random.choice((0, 2))} if self.often(0.12) else {})
        spec = {"type": kind, "awaits": "go"} if kind == "wait" else {"type": kind}
        if self.often(0.5):
            spec |= {"waitTimeout": self.random.randint(1, 4)}
            if kind == "approval":
                spec |= {"onTimeout": self.random.choice(("fail", "reject", "escalate")), "within": self.random.randint(1, 3)}
        if kind == "approval" and self.often(0.3):
            spec["onReject"] = "ignore"
        return spec

    def spec(self, name: str, before: list[str]) -> dict[str, Any]:
        others = before or self.names[-1:]
        spec: dict[str, Any] = {"start": self.start(before), **self.particulars(name)}
        if before and self.often(0.2):
            spec["skip"] = self.tree(before, 1)
        if self.often(0.2):
            spec["stop"] = self.tree(others, 1)
            spec["as"] = self.random.choice(("cancelled", "completed"))
        if self.tasks(before) and self.often(0.2):
            spec["holds"] = [(self.random.choice(self.tasks(before)), self.often(0.7))]
        if self.often(0.25):
            spec |= {"retry": self.random.randint(2, 3), "delay": self.random.choice((0, 1, 3))}
        if self.often(0.15):
            spec["timeout"] = self.random.randint(1, 4)
        if self.often(0.4):
            spec["onFailure"] = self.random.choice(("stop", "ignore", "outputs", "continue"))
        if self.often(0.15):
            spec["always"] = True
        return spec

    def outcomes(self, name: str) -> Any:
        """A list of one an attempt; None for what stays open."""
        kind = self.types.get(name)
        if kind is not None and self.often(0.6):
            return None
        some = [self.outcome() for _ in range(self.random.randint(1, 3))]
        if kind == "approval":
            states = ("approved", "rejected", "timed_out", "failed")
            return [{"state": self.random.choice(states), "duration": one["duration"]} for one in some]
        return [{key: one[key] for key in ("state", "duration")} for one in some] if kind else some

    def outcome(self) -> dict[str, Any]:
        state = "failed" if self.often(0.4) else "completed"
        outcome = {"state": state, "duration": self.random.choice((0, 1, 1, 2, 3, 5))}
        if state == "completed" and self.often(0.7):
            outcome["n"] = self.random.choice((0, 0, 2, 2, 2, "text"))
        if self.often(0.3):
            outcome["emits"] = [self.random.randint(0, 4) for _ in range(self.random.randint(1, 2))]
        return outcome

    def sent(self) -> list[tuple[int, str, Any]]:
        chosen = [name for name in ("go", "note", "go", "cancel") if self.often(0.1 if name == "cancel" else 0.3)]
        events = [(self.random.randint(0, 8), name, self.random.choice((0, 2, "text"))) for name in chosen]
        if self.often(0.15):
            at = self.random.randint(0, 5)
            events.append((at, "pause", 0))
            if self.often(0.7):
                events.append((at + self.random.randint(0, 6), "resume", 0))
        return sorted(events, key=lambda event: event[0])


def document(specs: dict[str, Any], stop: Any, timeout: Any) -> str:
    nodes = []
    for name, spec in specs.items():
        node: dict[str, Any] = {"id": name, "startWhen": written(spec["start"])} | _typed(name, spec)
        if "skip" in spec:
            node["skipWhen"] = written(spec["skip"])
        if "stop" in spec:
            node["stopWhen"] = {"when": written(spec["stop"]), "as": spec["as"]}
        for other, guarded in spec.get("holds", ()):
            node["inputBindings"] = {"n": f"{{{{ {other}.n{' | default(0)' if guarded else ''} }}}}"}
        if "retry" in spec:
            node["retry"] = {"maxAttempts": spec["retry"], "delay": spec["delay"]}
        if "onFailure" in spec:
            node["onFailure"] = {"outputs": {"n": 5}} if spec["onFailure"] == "outputs" else spec["onFailure"]
        node |= {key: spec[key] for key in ("timeout", "always", "waitTimeout", "onReject") if key in spec}
        nodes.append(node)
    whole: dict[str, Any] = {"name": "model", "nodes": nodes}
    if stop:
        whole["stopWhen"] = written(stop)
    if timeout:
        whole["timeout"] = timeout
    return yaml.safe_dump(whole, sort_keys=False)


def _typed(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The task of a node, and what goes with its type."""
    if spec.get("type") == "wait":
        return {"type": "wait", "event": "custom.go"}
    if spec.get("type") == "approval":
        late = spec.get("onTimeout", "fail")
        return {
            "type": "approval",
            "title": "Well?",
            "onTimeout": {"escalate": ["bob"], "within": spec["within"]} if late == "escalate" else late,
        }
    node: dict[str, Any] = {
        "type": "python",
        "code": "pass",
        "emits": ["half"],
        "outputs": {"n": {"type": "any", "optional": True}},
    }
    if "fail" in spec:
        node["failWhen"] = f"{{{{ {name}.n > 1 }}}}"
    if "repeat" in spec:
        node["repeat"] = {"until": f"{{{{ {name}.n > 1 }}}}", "maxIterations": spec["repeat"], "delay": spec["pause"]}
    return node


def both(seed: int) -> tuple[str, PlainModel, Simulation] | None:
    """One random pipeline in the model and in the engine; None where it is refused."""
    make = Maker(seed)
    specs = {name: make.spec(name, make.names[:number]) for number, name in enumerate(make.names)}
    order = list(specs)
    make.random.shuffle(order)
    specs = {name: specs[name] for name in order}
    stop = make.tree(make.names, 1) if make.often(0.15) else None
    timeout = make.random.randint(2, 9) if make.often(0.1) else None
    outcomes = {name: make.outcomes(name) for name in order}
    sent = make.sent()
    text = document(specs, stop, timeout)
    definition, _ = validate_text(text, task_types())
    if definition is None:
        return None
    for planned in plan(definition, task_types()).nodes:
        specs[planned.id]["finally"] = planned.is_finally
    model = PlainModel(specs, outcomes, sent, stop, timeout)
    model.run()
    scripted = {name: [_scripted(outcome) for outcome in given] for name, given in outcomes.items() if given is not None}
    events = [(at, name if name in ("cancel", "pause", "resume") else f"custom.{name}", {"n": n} if name in ("go", "note") else {})
              for at, name, n in sent]  # fmt: skip
    return text + f"# {outcomes} {sent}", model, simulate(definition, outcomes=scripted, events=events)


def _scripted(outcome: dict[str, Any]) -> dict[str, Any]:
    given = {key: outcome[key] for key in ("state", "duration")}
    given |= {"emits": [[at, "half", {}] for at in outcome["emits"]]} if "emits" in outcome else {}
    return given | ({"outputs": {"n": outcome["n"]}} if "n" in outcome else {})


def compare(seed: int) -> bool:
    """Whether the pipeline of a seed could run; raises AssertionError where model and engine differ."""
    found = both(seed)
    if found is None:
        return False
    text, model, simulation = found
    assert [event[:2] for event in simulation.events] == model.events, text
    for name, node in simulation.nodes.items():
        wanted = model.nodes[name]
        came = (node.state, node.reason, node.attempts, node.started_at, node.finished_at)
        assert came == (wanted.state, wanted.reason, wanted.attempts or wanted.before, wanted.started_at, wanted.finished_at), (
            name,
            text,
        )
        assert node.outputs.get("n") == wanted.n, (name, text)
    if model.status is not None:
        assert simulation.status == model.status, text
    else:
        assert simulation.status in ("waiting", "paused") and simulation.waiting_for, text
    return True


@pytest.mark.parametrize("block", range(20))
def test_the_engine_and_the_plain_model_tell_the_same_story(block: int) -> None:
    ran = [compare(seed) for seed in range(block * 100, block * 100 + 100)]
    assert sum(ran) > 30


def test_a_refused_pipeline_is_refused_by_simulate_too() -> None:
    with pytest.raises(DefinitionError):
        simulate("{name: t, nodes: [{id: a, type: python, code: pass, startWhen: 'event:a.completed'}]}")
