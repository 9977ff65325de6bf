"""``cache``: an outside ledger, written by the tasks themselves, counts what really ran."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import yamlflow_nb as yf
from tests.executors.running import Folder, folder
from yamlflow_nb.services.execution import Execution

__all__ = ["folder"]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Gives how many tasks wrote into it since it was asked last. Its name is in the environment, not in any code."""
    path = tmp_path / "ledger"
    path.write_text("")
    monkeypatch.setenv("LEDGER", str(path))

    def taken() -> int:
        count = len(path.read_text())
        path.write_text("")
        return count

    return taken


NOTE = "import os\nwith open(os.environ['LEDGER'], 'a') as ledger: ledger.write('x')\n"


class Pipeline:
    """One node ``a`` with ``cache``, edited step by step."""

    def __init__(self, folder: Folder, ledger: Callable[[], int], **node: Any) -> None:
        self.folder, self.ledger = folder, ledger
        self.node: dict[str, Any] = {"id": "a", "cache": True, **node}
        self.inputs: dict[str, Any] = {}
        self.last: Execution | None = None

    def ran(self, **options: Any) -> bool:
        """Run it; whether the task was really at work."""
        import json

        declared = {name: {"type": "any"} for name in self.inputs}
        node = dict(self.node)
        if self.inputs:
            node["inputBindings"] = {name: f"{{{{ pipeline.input.{name} }}}}" for name in self.inputs}
        text = json.dumps({"name": "cached", "inputVariables": declared, "nodes": [node]})
        self.last = self.folder.run(text, inputs=self.inputs, **options)
        assert self.last.status == "completed", str(self.last)
        return self.ledger() > 0

    @property
    def told(self) -> str:
        """What the node says of the cache."""
        assert self.last is not None
        return str((self.last.nodes["a"].cached or {}).get("missed"))

    @property
    def outputs(self) -> dict[str, Any]:
        assert self.last is not None
        return dict(self.last.nodes["a"].outputs)


@pytest.mark.trust("F75")
def test_twenty_edits_give_no_wrong_hit_and_each_miss_names_what_changed(
    folder: Folder, ledger: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    (folder.path / "data.csv").write_text("1,2\n")
    (folder.path / "other.csv").write_text("5,6\n")
    (folder.path / "helper.py").write_text("FACTOR = 2\n")
    code = NOTE + "from pathlib import Path\nn = FACTOR_ * month + len(Path('data.csv').read_text())\n"
    code = code.replace("FACTOR_", "int(Path('helper.py').read_text().split()[-1])")
    pipeline = Pipeline(folder, ledger, type="python", code=code, outputs={"n": {"type": "integer"}})
    pipeline.inputs = {"month": 1}
    node = pipeline.node
    hits = 0

    def edit(change: Callable[[], object], expected: str | None) -> None:
        """A change, and whether the next run must work (``expected``: what the miss has to name) or may not (None)."""
        nonlocal hits
        change()
        worked = pipeline.ran()
        assert worked is (expected is not None), (expected, worked, pipeline.told)
        if expected is not None:
            assert expected in pipeline.told, pipeline.told
        # Never a wrong value, whoever gave it.
        helper = int((folder.path / "helper.py").read_text().split()[-1])
        plus = 100 if "+ 100" in node["code"] else 0
        assert pipeline.outputs["n"] == helper * pipeline.inputs["month"] + len((folder.path / "data.csv").read_text()) + plus
        hits += not worked

    def put(name: str, text: str) -> Callable[[], object]:
        return lambda: (folder.path / name).write_text(text)

    def code_is(text: str) -> Callable[[], object]:
        return lambda: node.update(code=text)

    edit(lambda: None, "the first")
    edit(lambda: None, None)
    edit(code_is(code + "# a comment\n"), None)
    edit(code_is(code.replace("* month", "*   month")), None)
    edit(code_is(code + "n = n + 100\n"), "code")
    edit(code_is(code), None)
    edit(lambda: pipeline.inputs.update(month=2), "input month")
    edit(lambda: pipeline.inputs.update(month=1), None)
    edit(put("data.csv", "1,2,3\n"), "data.csv")
    edit(put("data.csv", "1,2\n"), None)
    edit(put("other.csv", "7,8\n"), None)
    edit(put("helper.py", "FACTOR = 3\n"), "helper")
    edit(put("helper.py", "FACTOR = 2\n"), None)
    edit(lambda: node.update(title="Another title"), None)
    edit(lambda: node.update(cache={"packages": ["numpy"]}), "package numpy")
    edit(lambda: node.update(cache={"packages": ["numpy"]}), None)
    edit(lambda: node.update(cache={"key": "spring"}), "key")
    edit(lambda: node.update(cache={"key": "summer"}), "key")
    edit(lambda: node.update(cache={"key": "spring"}), None)
    edit(lambda: node.update(outputs={"n": {"type": "integer"}, "m": {"type": "integer", "optional": True}}), "outputs")
    assert hits >= 8


@pytest.mark.trust("F75")
def test_a_hit_says_from_which_execution_and_its_event_is_marked(folder: Folder, ledger: Callable[[], int]) -> None:
    pipeline = Pipeline(folder, ledger, type="python", code=NOTE + "n = 1", outputs={"n": {"type": "integer"}})
    assert pipeline.ran()
    first = pipeline.last
    assert first is not None and not pipeline.ran() and pipeline.last is not None
    assert pipeline.last.nodes["a"].cached == {**dict(pipeline.last.nodes["a"].cached or {}), "from": first.id}
    [event] = [event for event in pipeline.last.events if event.type == "a.completed"]
    assert event.payload["cached"] is True and event.payload["cached_from"] == first.id
    assert f"cached: the result of {first.id}" in str(pipeline.last) and first.id in pipeline.last.why("a")


@pytest.mark.trust("F75")
def test_a_result_whose_file_is_gone_is_a_miss(folder: Folder, ledger: Callable[[], int]) -> None:
    code = NOTE + "import pandas\nt = pandas.DataFrame({'x': [1, 2]})"
    pipeline = Pipeline(folder, ledger, type="python", code=code, outputs={"t": {"type": "dataframe"}})
    assert pipeline.ran() and not pipeline.ran()
    Path(pipeline.outputs["t"]["path"]).unlink()
    assert pipeline.ran() and "gone" in pipeline.told
    assert list(yf.read(pipeline.outputs["t"], store=folder.store)["x"]) == [1, 2]
    Path(pipeline.outputs["t"]["path"]).write_bytes(b"PAR1")
    assert pipeline.ran() and "damaged" in pipeline.told


@pytest.mark.trust("F75")
def test_what_failed_is_never_kept_also_not_by_its_own_rule(folder: Folder, ledger: Callable[[], int]) -> None:
    text = f"""
name: failing
nodes:
  - id: a
    type: python
    cache: true
    code: {(NOTE + "n = 1")!r}
    outputs: {{n: integer}}
    failWhen: "{{{{ a.n == 1 }}}}"
""".replace("'import", '"import').replace("n = 1'", 'n = 1"').replace("\\'", "'")
    text = re.sub(r'code: "(.*)"', lambda found: "code: |\n      " + found[1].replace("\\n", "\n      "), text)
    for _ in range(2):
        assert folder.run(text).status == "failed" and ledger() == 1
    recovered = text.replace("failWhen: \"{{ a.n == 1 }}\"", 'failWhen: "{{ a.n == 1 }}"\n    onFailure: {outputs: {n: 7}}')
    for _ in range(2):
        assert folder.run(recovered).status == "completed" and ledger() == 1


def test_each_item_has_its_own_result(folder: Folder, ledger: Callable[[], int]) -> None:
    def text(items: str) -> str:
        code = (NOTE + "n = x * 2").replace("\n", "\n      ")
        return f"""
name: items
nodes:
  - id: a
    type: python
    forEach: {items}
    cache: true
    inputBindings: {{x: "{{{{ item }}}}"}}
    outputs: {{n: integer}}
    code: |
      {code}
"""

    assert folder.run(text("[1, 2, 3]")).nodes["a"].outputs["n"] == [2, 4, 6] and ledger() == 3
    again = folder.run(text("[3, 4, 1]"))
    assert again.nodes["a"].outputs["n"] == [6, 8, 2] and ledger() == 1
    assert "cached: 2 of 3 items" in str(again)


def test_a_time_to_live_and_no_cache(folder: Folder, ledger: Callable[[], int]) -> None:
    pipeline = Pipeline(folder, ledger, type="python", code=NOTE + "n = 1", outputs={"n": {"type": "integer"}})
    pipeline.node["cache"] = {"ttl": "1h"}
    assert pipeline.ran() and not pipeline.ran()
    assert pipeline.ran(fresh=True) and "--no-cache" in pipeline.told
    assert not pipeline.ran()
    pipeline.node["cache"] = {"ttl": "0.000001s"}
    assert pipeline.ran() and "older than" in pipeline.told


def test_what_a_cached_task_had_emitted_and_set_early_is_there_again(folder: Folder, ledger: Callable[[], int]) -> None:
    code = NOTE + "import yamlflow_nb as yf\nyf.output(k=3)\nyf.emit('ready', rows=5)\nn = 1"
    code = code.replace("\n", "\n      ")
    text = f"""
name: emits
nodes:
  - id: a
    type: python
    cache: true
    emits: [ready]
    outputs: {{n: integer, k: integer}}
    code: |
      {code}
  - {{id: b, type: python, code: "r = rows + k", startWhen: "event:a.ready", outputs: {{r: integer}},
     inputBindings: {{rows: "{{{{ a.events.ready.rows }}}}", k: "{{{{ a.k }}}}"}}}}
"""
    for expected in (1, 0):
        execution = folder.run(text)
        assert execution.nodes["b"].outputs == {"r": 8} and ledger() == expected, str(execution)


def test_a_file_that_is_read_under_a_name_put_together_counts(folder: Folder, ledger: Callable[[], int]) -> None:
    (folder.path / "m1.csv").write_text("12")
    code = NOTE + "with open(here + '/m' + str(month) + '.csv') as file: n = int(file.read())"
    pipeline = Pipeline(folder, ledger, type="python", code=code, outputs={"n": {"type": "integer"}})
    pipeline.inputs = {"month": 1, "here": str(folder.path)}
    assert pipeline.ran() and not pipeline.ran()
    (folder.path / "m1.csv").write_text("13")
    assert pipeline.ran() and "m1.csv changed" in pipeline.told and pipeline.outputs == {"n": 13}


def test_a_file_that_a_task_only_writes_does_not_count(folder: Folder, ledger: Callable[[], int]) -> None:
    code = NOTE + f"with open({str(folder.path / 'out.txt')!r}, 'w') as file: file.write('1')\nn = 1"
    pipeline = Pipeline(folder, ledger, type="python", code=code, outputs={"n": {"type": "integer"}})
    assert pipeline.ran()
    (folder.path / "out.txt").write_text("2")
    assert not pipeline.ran()


def test_a_function_of_the_kernel_counts_with_what_it_reads(folder: Folder, ledger: Callable[[], int]) -> None:
    import linecache

    def kernel(text: str) -> dict[str, Any]:
        name = f"<cell {abs(hash(text))}>"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, name, "exec"), names)
        return names

    note = "    import os\n    with open(os.environ['LEDGER'], 'a') as ledger: ledger.write('x')\n"
    text = f"factor = 2\ndef twice(x):\n    return x * factor\ndef f(x):\n{note}    return {{'n': twice(x)}}\n"
    pipeline = Pipeline(folder, ledger, type="python", function="f", outputs={"n": {"type": "integer"}})
    pipeline.inputs = {"x": 4}
    assert pipeline.ran(namespace=kernel(text)) and not pipeline.ran(namespace=kernel(text))
    assert pipeline.ran(namespace=kernel(text.replace("factor = 2", "factor = 3"))) and "factor" in pipeline.told
    assert pipeline.outputs == {"n": 12}
    assert pipeline.ran(namespace=kernel(text.replace("x * factor", "x + factor"))) and "twice" in pipeline.told
    unclear = kernel(text)
    unclear["factor"] = type("Odd", (int,), {})(2)
    for _ in range(2):
        assert pipeline.ran(namespace=unclear) and "cannot be compared" in pipeline.told


def test_a_function_of_a_module_counts_with_the_modules_beside_it(folder: Folder, ledger: Callable[[], int]) -> None:
    (folder.path / "cache_helper.py").write_text("FACTOR = 2\n")
    indented = NOTE.replace("\n", "\n    ")
    work = f"import cache_helper\ndef run(x):\n    {indented}return {{'n': x * cache_helper.FACTOR}}\n"
    (folder.path / "cache_work.py").write_text(work)
    pipeline = Pipeline(folder, ledger, type="python", function="cache_work:run", outputs={"n": {"type": "integer"}})
    pipeline.inputs = {"x": 4}
    assert pipeline.ran() and not pipeline.ran()
    (folder.path / "cache_helper.py").write_text("FACTOR = 30\n")
    assert pipeline.ran() and "module cache_helper" in pipeline.told and pipeline.outputs == {"n": 120}
    (folder.path / "cache_work.py").write_text(work.replace("x * ", "x + "))
    assert pipeline.ran() and "module cache_work" in pipeline.told and pipeline.outputs == {"n": 34}


def test_of_a_notebook_the_code_counts_and_nothing_else(folder: Folder, ledger: Callable[[], int]) -> None:
    folder.notebook("a.ipynb", "month = 1", NOTE + "n = month * 2", tags={1: "parameters"})
    pipeline = Pipeline(folder, ledger, type="notebook", path="a.ipynb", outputs={"n": {"type": "integer"}})
    pipeline.inputs = {"month": 4}
    assert pipeline.ran() and not pipeline.ran() and pipeline.outputs["n"] == 8
    folder.notebook("a.ipynb", "month = 1", NOTE + "n = month * 2  # doubled", "# nothing", tags={1: "parameters"})
    assert not pipeline.ran()
    folder.notebook("a.ipynb", "month = 1", NOTE + "n = month * 3", tags={1: "parameters"})
    assert pipeline.ran() and "code" in pipeline.told and pipeline.outputs["n"] == 12


def test_of_a_query_comments_do_not_count_and_the_files_that_it_names_do(folder: Folder) -> None:
    def run(query: str) -> tuple[Any, str]:
        done = folder.node("sql", query=query, cache=True)
        told = done.nodes["a"].cached or {}
        return done.nodes["a"].outputs["first"], "hit" if "from" in told else str(told.get("missed"))

    (folder.path / "d.csv").write_text("x\n1\n")
    query = "SELECT sum(x) AS s FROM 'd.csv'"
    assert run(query) == ({"s": 1}, "it is the first")
    assert run(query + "  -- all of it")[1] == "hit" and run(query.replace(" FROM", "\n  FROM"))[1] == "hit"
    (folder.path / "d.csv").write_text("x\n2\n")
    assert run(query) == ({"s": 2}, "file d.csv changed")
    assert run(query.replace("sum", "max"))[1] == "query changed"
    glob = "SELECT count(*) AS n FROM read_csv('*.csv')"
    run(glob)
    (folder.path / "e.csv").write_text("x\n2\n")
    assert run(glob)[0] == {"n": 2}


def test_a_person_who_wants_it_to_run_is_not_given_the_cache(folder: Folder, ledger: Callable[[], int]) -> None:
    pipeline = Pipeline(folder, ledger, type="python", code=NOTE + "n = 1", outputs={"n": {"type": "integer"}})
    assert pipeline.ran() and not pipeline.ran()
    assert pipeline.last is not None
    pipeline.last.retry(with_nodes=["a"]).wait(60)
    assert ledger() == 1
    pipeline.last.fork(at="a").wait(60)
    assert ledger() == 1
    assert pipeline.last.rerun(fresh=True).wait(60).status == "completed" and ledger() == 1
    assert pipeline.last.rerun().wait(60).status == "completed" and ledger() == 0


def test_no_secret_is_in_what_the_cache_keeps(folder: Folder, monkeypatch: pytest.MonkeyPatch, ledger: Callable[[], int]) -> None:
    canary = "canary-7f3a9c-secret"
    monkeypatch.setenv("YAMLFLOW_SECRET_TOKEN", canary)
    pipeline = Pipeline(folder, ledger, type="python", code=NOTE + "n = 1", outputs={"n": {"type": "integer"}})
    pipeline.node["env"] = {"TOKEN": "{{ secrets.token }}"}
    assert pipeline.ran() and not pipeline.ran()
    folder.close()
    for path in (folder.path / ".state").rglob("*"):
        assert path.is_dir() or canary.encode() not in path.read_bytes(), path
    assert os.environ["YAMLFLOW_SECRET_TOKEN"] == canary
