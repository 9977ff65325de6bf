"""``why``: the facts that it names start the node, all of them are needed, and no fewer would do. Proved by ``simulate``."""

from __future__ import annotations

import random
import re
from itertools import combinations
from typing import Any

import pytest

from yamlflow_nb.domain.diagnostic import DefinitionError
from yamlflow_nb.testing import simulate

SOURCES = ("a", "b", "c")
CUSTOM = ("x", "y")
ENDS = {
    "completed": {"completed", "passed", "finished", "started"},
    "failed": {"failed", "finished", "started"},
    "timed_out": {"failed", "timed_out", "finished", "started"},
    "cancelled": {"cancelled", "finished", "started"},
    "skipped": {"skipped", "passed", "finished"},
}
HORIZON = 50.0


class World:
    """What happens to the sources of one pipeline, and what is changed about it by facts."""

    def __init__(self, chance: random.Random) -> None:
        self.limits = {name: chance.randint(1, 4) for name in SOURCES}
        self.ends = {name: chance.choice(("completed", "failed", "running", "skipped")) for name in SOURCES}
        self.n = {name: chance.choice((0, 5)) if end == "completed" else None for name, end in self.ends.items()}
        self.sent = {name: chance.random() < 0.4 for name in CUSTOM}
        self.target: dict[str, str] = {"startWhen": self.expression(chance, 3)}
        if chance.random() < 0.3:
            self.target["skipWhen"] = self.expression(chance, 1, calm=True)
        if chance.random() < 0.3:
            name = chance.choice(SOURCES)
            self.target["inputBindings"] = chance.choice(
                (f'{{v: "{{{{ {name}.n | default(0) }}}}"}}', f'{{v: "{{{{ {name}.n }}}}"}}')
            )

    # --- expressions -----------------------------------------------------------------------------------------------

    def value(self, name: str) -> str:
        return f"{{{{ {name}.n > {self.limits[name]} }}}}"

    def expression(self, chance: random.Random, depth: int, calm: bool = False) -> str:
        kind = chance.random()
        if depth and kind < 0.55:
            parts = [self.expression(chance, depth - 1, calm) for _ in range(chance.randint(2, 3))]
            return "(" + chance.choice((" && ", " || ")).join(parts) + ")"
        if depth and kind < 0.65:
            return f"!({self.expression(chance, depth - 1, calm)})"
        if kind < 0.75:
            listed = ", ".join(self.event(chance, calm) for _ in range(chance.randint(2, 3)))
            return chance.choice(("any({})", "all({})", "none({})", "count({}) >= 2", "count({}) == 1")).format(listed)
        if kind < 0.82 and not calm:
            return self.value(chance.choice(SOURCES))
        return self.event(chance, calm)

    @staticmethod
    def event(chance: random.Random, calm: bool) -> str:
        """``calm``: for ``skipWhen``, to which it matters when something is sent."""
        if not calm and chance.random() < 0.25:
            return f"event:custom.{chance.choice(CUSTOM)}"
        name = chance.choice(("completed", "failed", "finished", "skipped", "passed", "timed_out"))
        return f"event:{chance.choice(SOURCES)}.{name}"

    # --- simulate --------------------------------------------------------------------------------------------------

    @property
    def document(self) -> str:
        inputs = ", ".join(f"skip_{name}: {{type: boolean, default: false}}" for name in SOURCES)
        nodes = "".join(
            f'  - {{id: {name}, type: python, code: pass, skipWhen: "{{{{ pipeline.input.skip_{name} }}}}", '
            f"stopWhen: event:custom.stop_{name}, outputs: {{n: {{type: integer, optional: true}}}}}}\n"
            for name in SOURCES
        )
        start, skip, bound = (self.target.get(name) for name in ("startWhen", "skipWhen", "inputBindings"))
        more = (f', skipWhen: "{skip}"' if skip else "") + (f", inputBindings: {bound}" if bound else "")
        target = f'  - {{id: t, type: python, code: pass, startWhen: "{start}"{more}}}\n'
        return f"name: why\ninputVariables: {{{inputs}}}\nnodes:\n{nodes}{target}"

    def simulation(self, facts: tuple[str, ...] = ()) -> Any:
        """What happens when these facts are so beside what happened; None where they exclude each other."""
        ends, n, sent = dict(self.ends), dict(self.n), dict(self.sent)
        wanted: dict[str, list[tuple[str, bool]]] = {}
        for fact in facts:
            so = not fact.startswith(("no ", "not "))
            text = fact.removeprefix("no ").removeprefix("not ")
            if text.startswith("event:custom."):
                sent[text.removeprefix("event:custom.")] = so
            elif text.startswith("event:"):
                source, _, event = text.removeprefix("event:").partition(".")
                wanted.setdefault(source, []).append((event, so))
            else:
                n[re.findall(r"\b([abc])\.n", text)[0]] = 5 if so else 0
        for source, events in wanted.items():
            fitting = [end for end, had in ENDS.items() if all((event in had) is so for event, so in events)]
            if not fitting:
                return None
            ends[source] = ends[source] if ends[source] in fitting else fitting[0]
        outcomes: dict[str, Any] = {}
        for name, end in ends.items():
            outputs = {} if n[name] is None else {"n": n[name]}
            state = end if end in ("failed", "timed_out") else "completed"
            outcomes[name] = {"state": state, "outputs": outputs, "duration": 100 if end == "running" else 1}
        inputs = {f"skip_{name}": end == "skipped" for name, end in ends.items()}
        events = [(0.2, f"custom.{name}", {}) for name, told in sent.items() if told]
        events += [(0.5, f"custom.stop_{name}", {}) for name, end in ends.items() if end == "cancelled"]
        return simulate(self.document, inputs, outcomes, events, max_time=HORIZON)

    def starts(self, facts: tuple[str, ...]) -> bool:
        done = self.simulation(facts)
        return done is not None and done.nodes["t"].started_at is not None

    def every_fact(self) -> list[str]:
        """All that could be told of the atoms of the target's expressions."""
        said = " ".join(self.target.values())
        events = sorted(set(re.findall(r"event:[a-z.]+\.[a-z_]+", said)))
        events += [f"event:{name}.{end}" for name in SOURCES if f"{name}.n" in said for end in ("completed", "finished")]
        values = [self.value(name) for name in SOURCES if f"{name}.n" in said]
        told = list(dict.fromkeys((*events, *values)))
        return [*told, *(f"no {one}" if one.startswith("event:") else f"not {one}" for one in told)]


def advised(text: str) -> tuple[str, ...] | None:
    """The facts of the last line of ``why``; None where it says that nothing helps."""
    last = text.splitlines()[-1]
    if last == "nothing could start it":
        return None
    assert re.match(r"would (have )?start(ed)? with: ", last), text
    return tuple(last.partition(": ")[2].split(", "))


def stuck_worlds(count: int, seed: int) -> list[tuple[int, World]]:
    """Worlds whose target did not start by the horizon."""
    found: list[tuple[int, World]] = []
    while len(found) < count:
        seed += 1
        world = World(random.Random(seed))
        try:
            if world.simulation().nodes["t"].started_at is None:
                found.append((seed, world))
        except DefinitionError:  # one that can never start is refused before anything runs
            continue
    return found


@pytest.mark.parametrize(("seed", "world"), stuck_worlds(50, 31000))
def test_the_facts_start_the_node_each_is_needed_and_no_fewer_would_do(seed: int, world: World) -> None:
    told = world.simulation().why("t")
    facts = advised(told)
    everything = world.every_fact()
    if facts is None:
        for size in range(3):
            assert not any(world.starts(some) for some in combinations(everything, size)), (world.document, told)
        return
    assert world.starts(facts), (world.document, world.ends, world.n, world.sent, told)
    for left_out in facts:
        assert not world.starts(tuple(fact for fact in facts if fact != left_out)), (left_out, world.document, world.ends, told)
    for size in range(min(len(facts), 2)):
        fewer = [some for some in combinations(everything, size) if world.starts(some)]
        assert not fewer, (fewer[0], facts, world.document, world.ends, told)
