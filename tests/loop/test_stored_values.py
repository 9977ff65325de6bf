"""The stored variables are the pool's, after every turn of any run: what a failed attempt had set early is in neither."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.loop.making import plan_of, record_of
from yamlflow_nb.domain.event import (
    AttemptKey,
    CancelRequested,
    CustomEventSent,
    Fact,
    InterruptionAnswered,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    Started,
    TakenOver,
    TaskError,
    TaskFinished,
    TaskOutputSet,
    TimerFired,
    VariableSet,
)
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.loop.record import Draft
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.testing.memory import InMemoryRepository

TEXT = """
name: values
inputVariables: {month: {type: integer, default: 1}}
nodes:
  - {id: plain, type: python, code: pass, outputs: {a: {type: integer, optional: true}}}
  - {id: again, type: python, code: pass, retry: {maxAttempts: 3}, onInterrupt: retry}
  - {id: asks, type: python, code: pass, onInterrupt: ask, retry: {maxAttempts: 2, delay: 1s}}
  - {id: judged, type: python, code: pass, failWhen: "{{ defined(judged.a) and judged.a == 0 }}", retry: {maxAttempts: 2}}
  - {id: saved, type: python, code: pass, onFailure: {outputs: {b: 7}}}
  - id: rounds
    type: python
    code: pass
    repeat: {until: "{{ defined(rounds.a) and rounds.a == 2 }}", maxIterations: 3}
    retry: {maxAttempts: 2}
  - {id: each, type: python, code: pass, forEach: "{{ [1, 2, 3] }}", onItemFailure: continue}
  - {id: told, type: python, code: pass, startWhen: "event:custom.go", stopWhen: {when: "event:custom.stop", as: completed}}
  - {id: waits, type: wait, event: custom.go}
  - {id: last, type: python, code: pass, startWhen: "event:pipeline.finishing"}
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteRepository]:
    store = SQLiteRepository(tmp_path_factory.mktemp("store") / "store.db")
    yield store
    store.close()


def _keys(state: Any) -> list[AttemptKey]:
    """The attempts at work."""
    slots = [slot for run in state.order for slot in ([run] if run.fan is None else run.fan.runs)]
    return [slot.attempt for slot in slots if slot.attempt is not None]


def _values(chance: random.Random) -> dict[str, int]:
    return {name: chance.randrange(3) for name in "abc" if chance.random() < 0.5}


def _next(state: Any, chance: random.Random, at: float) -> Fact:
    """Something that may happen now."""
    if state.ended is not None:
        return RetryRequested(at, with_nodes=tuple(name for name in ("plain", "rounds") if chance.random() < 0.4))
    may: list[Fact] = [TakenOver(at), CustomEventSent(at, chance.choice(["go", "stop"]), _values(chance))]
    may += [TimerFired(at, name) for name in state.timers]
    may += [InterruptionAnswered(at, node, chance.choice(["retry", "fail"])) for node, _ in state.asking]
    if chance.random() < 0.1:
        may.append(CancelRequested(at))
    if state.paused:
        may += [VariableSet(at, "plain.a", 5), VariableSet(at, "pipeline.input.month", 3), *[ResumeRequested(at)] * 3]
    elif chance.random() < 0.2:
        may.append(PauseRequested(at))
    for key in _keys(state):
        may += [TaskOutputSet(at, key, _values(chance)), TaskOutputSet(at, key, _values(chance))]
        may.append(TaskFinished(at, key, "completed", _values(chance)))
        may.append(TaskFinished(at, key, chance.choice(["failed", "timed_out"]), _values(chance), TaskError("E", "e")))
    return chance.choice(may)


@given(st.integers(0, 10**9))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_stored_is_what_the_pool_holds(sqlite: SQLiteRepository, seed: int) -> None:
    made, memory, name, chance = plan_of(TEXT), InMemoryRepository(), f"random-{next(_numbers)}", random.Random(seed)
    record = record_of(made, name)
    record.epoch = 1
    state = new_execution(made, name)
    run, fact = Run(record, state), None
    for step in range(40):
        fact = Started(0.0, {"month": 1}, {"initiator": "me"}) if fact is None else _next(state, chance, float(step))
        draft = Draft(run, record if step == 0 else None)
        draft.add(fact, decide(state, fact)[1], True)
        commit = draft.commit(float(step))
        assert commit is not None
        for store in (memory, sqlite):
            store.commit([commit])
        run.facts += len(commit.facts)
        pool = {f"{scope}.{one}": value for scope, values in state.variables.scopes.items() for one, value in values.items()}
        assert memory.variables(name) == pool, fact
        assert sqlite.variables(name) == pool, fact


def test_a_failed_attempt_leaves_no_early_value_behind() -> None:
    made, memory = plan_of("name: x\nnodes:\n  - {id: a, type: python, code: pass}\n"), InMemoryRepository()
    record, state = record_of(made, "one"), new_execution(made, "one")
    record.epoch = 1
    run, seen, key = Run(record, state), [], AttemptKey("a", 1, 0, None, 1)
    error = TaskError("E", "e")
    for fact in (Started(0.0), TaskOutputSet(1.0, key, {"early": 1}), TaskFinished(2.0, key, "failed", {"late": 1}, error)):
        draft = Draft(run, None if seen else record)
        draft.add(fact, decide(state, fact)[1], True)
        commit = draft.commit(fact.at)
        assert commit is not None
        memory.commit([commit])
        run.facts += 1
        seen.append([name for name in memory.variables("one") if name.startswith("a.")])
    assert seen == [[], ["a.early"], []]
    assert state.nodes["a"].failed_outputs == {"early": 1, "late": 1}, "readable as a.run.outputs"
