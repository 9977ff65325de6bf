"""``%%pipeline`` in a real kernel: shown, failed, told in words; and the kernel free while a long pipeline runs."""

from __future__ import annotations

import re
import time

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

GOOD = """\
name: hello
inputVariables: {n: {type: integer, default: 1}}
nodes:
  - {id: greet, type: python, code: "text = 'hello' * n", inputBindings: {n: "{{ pipeline.input.n }}"}, outputs: {text: string}}
outputs: {text: "{{ greet.text }}"}
"""
FAILS = "name: fails\nnodes:\n  - {id: divide, type: python, code: 'x = 1 / 0'}\n"
TYPO = """\
name: typo
nodes:
  - {id: load, type: python, code: pass}
  - {id: b, type: python, code: pass, startWhen: event:laod.completed}
"""
SLOW = "name: slow\nnodes:\n  - {id: sleep, type: python, code: 'import time; time.sleep(4)'}\n"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Kernel:
    """Runs cells in one kernel, as a front end does."""

    def __init__(self, client):
        self.client = client

    def run(self, code, stdin=True):
        """What the cell shows: text of outputs and streams, and its error without colours."""
        message = self.client.execute(code, allow_stdin=stdin)
        shown, error = [], None
        for got in self._until_idle(message):
            content = got["content"]
            if got["msg_type"] == "stream":
                shown.append(content["text"])
            elif got["msg_type"] in ("execute_result", "display_data"):
                shown.append(content["data"]["text/plain"])
                assert "<script" not in content["data"].get("text/html", "")
            elif got["msg_type"] == "error":
                error = _COLOUR.sub("", "\n".join(content["traceback"]))
        return "\n".join(shown), error

    def _until_idle(self, message):
        while True:
            got = self.client.get_iopub_msg(timeout=60)
            if got["parent_header"].get("msg_id") != message:
                continue
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                return
            yield got

    def updates(self, seconds):
        """What displays show that are drawn again while no cell runs."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            got = self.client.get_iopub_msg(timeout=seconds)
            if got["msg_type"] == "update_display_data":
                yield got["content"]["data"]["text/plain"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YAMLFLOW_STORE", str(folder / "store.db"))
        patch.delenv("YAMLFLOW_WAIT", raising=False)
        manager, client = start_new_kernel(cwd=str(folder))
    kernel = Kernel(client)
    kernel.run("%load_ext yamlflow_nb")
    yield kernel
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_cell_runs_its_pipeline_and_shows_it_as_a_tree(kernel):
    shown, error = kernel.run(f"%%pipeline run --input n=2\n{GOOD}")
    assert error is None and "✓ hello: completed" in shown and "text = hellohello" in shown
    assert "'text': 'hellohello'" in kernel.run("run.outputs")[0]


def test_a_mistake_is_the_line_with_the_caret_and_no_traceback(kernel):
    _, error = kernel.run(f"%%pipeline\n{TYPO}")
    assert error.splitlines()[0] == "<cell>:4:56: error YF301: there is no node `laod`"
    assert "^^^^" in error and "hint: did you mean `load`?" in error and "Traceback" not in error and "magics.py" not in error


MISUSE = {
    "%%pipeline --input n\n" + GOOD: "YF712", "%%pipeline --inputs nosuch\n" + GOOD: "YF712",
    "%%pipeline 1st\n" + GOOD: "YF712", "%%pipeline --store /dev/null/x.db\n" + GOOD: "YF607",
    "%%pipeline --input n=x\n" + GOOD: "YF432",
    "%pipeline nosuch": "YF712", "%pipeline why": "YF712", "%pipeline why nosuch": "YF704", "%pipeline show nosuch": "YF701",
    "import yamlflow_nb as yf; yf.run('nosuch.yaml')": "YF705",
}  # fmt: skip


@pytest.mark.parametrize(("cell", "code"), MISUSE.items(), ids=lambda value: value.splitlines()[0])
def test_a_misuse_is_told_with_a_code_and_no_traceback(kernel, cell, code):
    kernel.run(f"%%pipeline\n{GOOD}")
    _, error = kernel.run(cell)
    assert error is not None and f"error {code}: " in error and "Traceback" not in error


def test_functions_and_data_frames_of_the_kernel_are_tasks_and_what_they_print_lands_in_no_cell(kernel):
    kernel.run("import pandas as pd\ndef table(): return pd.DataFrame({'a': [1, 2, 3]})")
    kernel.run("def times(table, n):\n    print('not for a cell')\n    return {'rows': table.assign(a=table.a * n)}")
    shown, error = kernel.run(
        "%%pipeline run\nname: kernels\nnodes:\n  - {id: made, type: python, function: table}\n"
        '  - {id: more, type: python, function: times, inputBindings: {table: "{{ made.result }}", n: 3}}\n'
        'outputs: {rows: "{{ more.rows }}"}\n'
    )
    assert error is None and "dataframe, 3 rows" in shown and "not for a cell" not in shown
    assert kernel.run("import yamlflow_nb as yf; list(yf.read(run.outputs['rows']).a)")[0] == "[3, 6, 9]"


def test_a_failure_is_shown_to_a_person_and_fails_the_cell_where_nobody_is(kernel):
    shown, error = kernel.run(f"%%pipeline\n{FAILS}")
    assert error is None and "✗ divide" in shown and "division by zero" in shown
    for cell, stdin in ((f"%%pipeline --wait\n{FAILS}", True), (f"%%pipeline\n{FAILS}", False)):
        shown, error = kernel.run(cell, stdin=stdin)
        assert "✗ divide" in shown and "`divide` failed: line 1: division by zero" in error and "Traceback" not in error


def test_a_long_pipeline_leaves_the_kernel_free_and_its_cell_goes_on_changing(kernel):
    started = time.monotonic()
    shown, _ = kernel.run(f"%%pipeline\n{SLOW}")
    assert "▶ sleep" in shown and time.monotonic() - started < 3.5
    assert kernel.run("1 + 1")[0] == "2"
    assert any("✓ sleep" in text for text in kernel.updates(6))


def test_a_dry_run_says_what_is_wrong_and_runs_nothing(kernel):
    before = kernel.run("%pipeline list")[0]
    assert "there is no node `laod`" in kernel.run(f"%%pipeline --dry-run\n{TYPO}")[0]
    assert kernel.run(f"%%pipeline --dry-run\n{GOOD}")[0].strip() == "nothing is wrong with it"
    assert kernel.run("%pipeline list")[0] == before


def test_the_line_magic_lists_shows_and_explains(kernel):
    kernel.run(f"%%pipeline\n{GOOD}")
    assert "hello" in kernel.run("%pipeline list")[0] and "✓ greet" in kernel.run("%pipeline show")[0]
    assert "startWhen" in kernel.run("%pipeline why greet")[0] and "--wait" in kernel.run("%pipeline")[0]


@pytest.mark.parametrize(("text", "fails"), [(GOOD, False), (FAILS, True)])
def test_in_nbclient_a_failing_pipeline_fails_the_notebook(tmp_path, monkeypatch, text, fails):
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "store.db"))
    cells = [nbformat.v4.new_code_cell("%load_ext yamlflow_nb\n"), nbformat.v4.new_code_cell(f"%%pipeline\n{text}")]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3", timeout=60)
    if fails:
        with pytest.raises(CellExecutionError, match="division by zero"):
            client.execute()
    else:
        client.execute()
        assert "✓ greet" in cells[1].outputs[0]["data"]["text/plain"]
