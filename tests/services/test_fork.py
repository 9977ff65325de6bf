"""``fork`` and ``rerun``: what depends on the change runs, and nothing else; counted by what the tasks write themselves."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from yamlflow_nb import bootstrap
from yamlflow_nb.domain.diagnostic import InputError
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.execution_service import ExecutionService

Node = dict[str, Any]


def opened(folder: Path) -> ExecutionService:
    """Services that are new, as another process has them."""
    return bootstrap._make(bootstrap._place(folder / "state" / "store.db")).executions


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ExecutionService]:
    made = opened(tmp_path)
    yield made
    made.close()


class Ledger:
    """A file to which every task adds its node's name; it is all that the tests believe."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger"

    def note(self, name: str) -> str:
        return f"with open({str(self.path)!r}, 'a') as ledger: ledger.write('{name}\\n')"

    def taken(self) -> list[str]:
        """What ran since it was asked last."""
        names = self.path.read_text().split() if self.path.exists() else []
        self.path.write_text("")
        return names


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def nodes_of(execution: Execution) -> dict[str, str]:
    return {name: node.state for name, node in execution.nodes.items()}


# --- twenty random pipelines ----------------------------------------------------------------------------------------------


def random_pipeline(chance: random.Random, ledger: Ledger) -> dict[str, Any]:
    """Nodes that wait for events and read values of those before them, in every way that there is."""
    nodes: list[Node] = []
    for number in range(chance.randint(6, 14)):
        name = f"{chance.choice('ab')}{number}"
        before = [node["id"] for node in nodes]
        node: Node = {"id": name, "type": "python", "outputs": {"n": "integer"}}
        node["code"] = f"{ledger.note(name)}\nn = {number}"
        bindings: dict[str, str] = {}
        if chance.random() < 0.3:
            bindings["month"] = "{{ pipeline.input.month }}"
        if before and chance.random() < 0.5:
            bindings["x"] = f"{{{{ {chance.choice(before)}.n | default(0) }}}}"
        if bindings:
            node["inputBindings"] = bindings
        if before and chance.random() < 0.8:
            node["startWhen"] = random_start(chance, before)
        if before and chance.random() < 0.2:
            node["skipWhen"] = f"{{{{ ({chance.choice(before)}.n | default(0)) > {chance.randint(2, 20)} }}}}"
        if chance.random() < 0.15:
            node["code"] = f"{ledger.note(name)}\nraise ValueError('no')"
        nodes.append(node)
    if chance.random() < 0.4:
        nodes.append({"id": "tidy", "type": "python", "code": ledger.note("tidy"), "startWhen": "event:pipeline.finishing"})
    return {"name": "random", "inputVariables": {"month": {"type": "integer", "default": 1}}, "nodes": nodes}


def random_start(chance: random.Random, before: list[str]) -> str:
    one, other = chance.choice(before), chance.choice(before)
    return chance.choice([
        f"event:{one}.finished",
        f"event:{one}.completed && event:{other}.finished",
        f"event:{one}.completed || event:{other}.failed",
        f"event:{one}.finished && {{{{ ({other}.n | default(1)) >= 0 }}}}",
        f"all(event:{one}.finished, event:{other}.finished)",
        f"count(event:{one[0]}*.finished) >= 1",
        f"!event:{one}.skipped",
        f"event:{one}.finished && {{{{ pipeline.input.month > 0 }}}}",
    ])  # fmt: skip


def named(text: Any, ids: list[str]) -> set[str]:
    """The nodes and inputs that a piece of the document names, found by looking at its letters."""
    words = yaml.safe_dump(text)
    found = {one for one in ids if re.search(rf"\b{one}\.", words)}
    found |= {
        one for pattern in re.findall(r"event:([a-z0-9_]*\*[a-z0-9_*]*)\.", words) for one in ids if fnmatchcase(one, pattern)
    }
    return found | ({"month"} if "pipeline.input.month" in words else set())


def expected(document: dict[str, Any], changed: set[str]) -> set[str]:
    """What hangs on a change, from the document alone; ``changed`` are nodes that run, ``a.n`` an output, ``month`` the input."""
    ids = [node["id"] for node in document["nodes"] if node["id"] != "tidy"]
    reads: dict[str, set[str]] = {}
    for node in document["nodes"]:
        said = [node.get(field, "") for field in ("startWhen", "skipWhen", "inputBindings")]
        reads[node["id"]] = named(said, ids) - {node["id"]}
    again = {name for name in changed if name in reads}
    outputs = [name.partition(".")[0] for name in changed if "." in name]
    for node in document["nodes"]:
        words = yaml.safe_dump([node.get(field, "") for field in ("startWhen", "skipWhen", "inputBindings")])
        if any(re.search(rf"{{{{[^}}]*\b{one}\.n\b", words) for one in outputs) or ("month" in changed and "input.month" in words):
            again.add(node["id"])
    while True:
        more = {name for name, names in reads.items() if names & again} - again
        if not more:
            return again | ({"tidy"} & set(reads))
        again |= more


@pytest.mark.parametrize("seed", range(20))
def test_exactly_the_dependants_of_the_change_run(seed: int, service: ExecutionService, ledger: Ledger, tmp_path: Path) -> None:
    chance = random.Random(seed)
    document = random_pipeline(chance, ledger)
    first = service.start(yaml.safe_dump(document), wait=True, folder=tmp_path)
    ran_first = ledger.taken()
    states = nodes_of(first)
    completed = [name for name, state in states.items() if state == "completed" and name != "tidy"]
    kinds = ["input", "at", "definition", *(["output"] if completed else [])]
    kind = chance.choice(kinds)
    chosen = chance.choice([node["id"] for node in document["nodes"] if node["id"] != "tidy"])
    changed: set[str]
    if kind == "input":
        changed, made = {"month"}, first.fork(set={"pipeline.input.month": 2})
    elif kind == "at":
        changed, made = {chosen}, first.fork(at=chosen)
    elif kind == "definition":
        changed, document = {chosen}, yaml.safe_load(yaml.safe_dump(document))
        edited = next(node for node in document["nodes"] if node["id"] == chosen)
        edited["code"] += "\nm = 2"
        made = first.fork(definition=yaml.safe_dump(document))
    else:
        one = chance.choice(completed)
        changed, made = {f"{one}.n"}, first.fork(set={f"{one}.n": 1000})
    made.wait(60)
    ran = ledger.taken()
    hangs_on_it = expected(document, changed)
    after = nodes_of(made)
    # A dependant that is skipped runs no task; what is no dependant is as it was, and did not run.
    assert sorted(ran) == sorted(name for name in hangs_on_it if after[name] in ("completed", "failed")), (kind, changed)
    kept = set(states) - hangs_on_it
    assert {name: after[name] for name in kept} == {name: states[name] for name in kept}
    assert all(made.nodes[name].reused == first.id for name in kept)
    assert not any(made.nodes[name].reused for name in hangs_on_it)
    assert sorted(ran_first) == sorted(name for name, state in states.items() if state in ("completed", "failed"))


def test_a_fork_replays_from_its_own_journal(service: ExecutionService, ledger: Ledger, tmp_path: Path) -> None:
    from yamlflow_nb.loop.resume import compare, read_back

    for seed in range(20, 26):
        first = service.start(yaml.safe_dump(random_pipeline(random.Random(seed), ledger)), wait=True, folder=tmp_path)
        made = first.fork(set={"pipeline.input.month": 2}).wait(60)
        record = service._repository.execution(made.id)
        assert record is not None
        assert compare(service._repository, record, read_back(service._repository, made.id, made._run.plan)) == []


# --- what a fork takes over -----------------------------------------------------------------------------------------------

ITEMS = """
name: items
inputVariables: {month: {type: integer, default: 1}}
nodes:
  - id: each
    type: python
    forEach: [1, 2, 3]
    onItemFailure: continue
    code: |
      if x == 2: raise ValueError('two')
      n = x * 10
    inputBindings: {x: "{{ item }}"}
    outputs: {n: integer}
  - id: told
    type: python
    code: "r = [n, failed, month]"
    inputBindings: {n: "{{ each.n }}", failed: "{{ each.run.items.failed_indexes }}", month: "{{ pipeline.input.month }}"}
    outputs: {r: array}
"""


def test_the_items_of_a_node_are_taken_over_with_their_failures_and_can_be_retried_there(service: ExecutionService) -> None:
    first = service.start(ITEMS, wait=True)
    made = first.fork(set={"pipeline.input.month": 4}).wait(60)
    assert made.nodes["each"].reused == first.id and made.nodes["told"].outputs == {"r": [[10, None, 30], [1], 4]}
    made.retry(failed_items=True).wait(60)
    assert made.nodes["each"].reused is None and made.nodes["told"].outputs == {"r": [[10, None, 30], [1], 4]}


WAITING = """
name: waiting
inputVariables: {month: {type: integer, default: 1}}
nodes:
  - {id: gate, type: wait, event: custom.go}
  - {id: after, type: python, code: "r = rows + month", startWhen: "event:gate.completed", outputs: {r: integer},
     inputBindings: {rows: "{{ gate.rows }}", month: "{{ pipeline.input.month }}"}}
  - {id: late, type: python, code: pass, startWhen: "event:custom.later"}
"""


def test_what_was_sent_counts_in_the_fork_and_what_had_not_ended_goes_on_there(service: ExecutionService) -> None:
    first = service.start(WAITING)
    first.send_event("go", {"rows": 5})
    first.wait(60, or_waiting=True)
    made = first.fork(set={"pipeline.input.month": 3}, at="gate").wait(60, or_waiting=True)
    assert made.status == "waiting" and made.waiting_for == ["custom.later"] and first.status == "waiting"
    assert made.nodes["gate"].reused is None and made.nodes["after"].outputs == {"r": 8}
    made.send_event("later").wait(60)
    assert made.status == "completed" and first.nodes["late"].state == "pending"
    first.cancel().wait(60)


def test_a_fork_of_a_fork_tells_where_each_result_came_from(service: ExecutionService, ledger: Ledger) -> None:
    text = """
name: three
nodes:
  - {id: a, type: python, code: "n = 1", outputs: {n: integer}}
  - {id: b, type: python, code: "m = n + 1", inputBindings: {n: "{{ a.n }}"}, outputs: {m: integer}}
  - {id: c, type: python, code: "k = m + 1", inputBindings: {m: "{{ b.m }}"}, outputs: {k: integer}}
"""
    first = service.start(text, wait=True)
    second = first.fork(set={"b.m": 7}).wait(60)
    third = second.fork(at="c").wait(60)
    assert [third.nodes[name].reused for name in "abc"] == [first.id, first.id, None] and third.origin == second.id
    assert third.nodes["c"].outputs == {"k": 8} and "its result is that of" in third.why("b")
    [set_here] = [event for event in second.events if event.type == "b.completed"]
    assert set_here.payload["set"] == ["b.m"] and set_here.payload["reused_from"] == first.id


@pytest.mark.parametrize(("change", "code"), [
    ({"set": {"a.m": 1}}, "YF728"), ({"set": {"a.n": "text"}}, "YF728"), ({"at": "a", "set": {"a.n": 2}}, "YF733"),
    ({"at": "nobody"}, "YF704"), ({}, "YF733"), ({"latest": True}, "YF733"),
])  # fmt: skip
def test_a_change_that_cannot_be_is_refused_before_anything_starts(
    service: ExecutionService, change: dict[str, Any], code: str
) -> None:
    text = 'name: one\ninputVariables: {k: {type: integer, default: 1}}\nnodes:\n'
    first = service.start(text + "  - {id: a, type: python, code: 'n = 1', outputs: {n: integer}}", wait=True)
    with pytest.raises(CommandError, match=code):
        first.fork(**change)
    with pytest.raises(InputError):
        first.fork(set={"pipeline.input.k": "text"})
    assert len(service.list()) == 1


def test_a_fork_of_what_another_process_ran_and_edited_files_of_tasks(
    service: ExecutionService, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "work.py").write_text(f"{ledger.note('a')}\nn = 1\n")
    text = """
name: files
nodes:
  - {id: a, type: python, file: work.py, outputs: {n: integer}}
  - {id: b, type: python, code: "m = n", inputBindings: {n: "{{ a.n }}"}, outputs: {m: integer}}
  - {id: c, type: python, code: pass}
"""
    (tmp_path / "files.yaml").write_text(text)
    first = service.start(tmp_path / "files.yaml", wait=True)
    other = opened(tmp_path)
    try:
        assert other.get(first.id).fork(latest=True).wait(60).nodes["a"].reused == first.id
        (tmp_path / "work.py").write_text(f"{ledger.note('a')}\nn = 2\n")
        made = other.get(first.id).fork(latest=True).wait(60)
        assert [made.nodes[name].reused for name in "abc"] == [None, None, first.id] and made.nodes["b"].outputs == {"m": 2}
        assert ledger.taken() == ["a", "a"]
        assert "work.py" in str(first.diff(made))
    finally:
        other.close()
