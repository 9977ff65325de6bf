"""``%%pipeline`` in a real kernel: live in its own cell, in words when something is wrong, and the kernel free meanwhile."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.views.cells import Kernel
from yamlflow_nb.views.bundle import LARGEST, MIME, size

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
HELD = """\
name: held
nodes:
  - {id: hold, type: python, function: hold}
  - {id: after, type: python, code: pass, startWhen: event:hold.completed}
"""
GATE = "import threading\ngate = threading.Event()\ndef hold():\n    print('not for a cell')\n    assert gate.wait(60)\n"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    kernel.run("%load_ext yamlflow_nb")
    yield kernel
    kernel.close()


def ended(cell):
    return cell.text[:1] in "✓✗■"


def finished(kernel, code, **how):
    """A cell, and its output when its pipeline has ended."""
    cell = kernel.run(code, **how)
    assert cell.error is None, cell.error
    kernel.until(lambda: ended(cell))
    return cell


def test_a_cell_runs_its_pipeline_and_shows_it(kernel):
    cell = finished(kernel, f"%%pipeline run --input n=2\n{GOOD}")
    assert cell.text.startswith("✓ hello: completed") and "text = hellohello" in cell.text
    assert "'text': 'hellohello'" in kernel.run("run.outputs").text


def test_a_cell_has_one_output_that_is_page_picture_text_and_data_and_can_be_saved(kernel):
    cell = finished(kernel, f"%%pipeline\n{GOOD}")
    assert len(cell.outputs) == 1 and set(cell.outputs[0]) == {"text/html", "image/png", "text/plain", MIME}
    assert "<img alt=" in cell.outputs[0]["text/html"] and "<script" not in cell.outputs[0]["text/html"]
    assert size(cell.outputs[0]) <= LARGEST


def test_the_kernel_is_free_and_what_changes_lands_in_its_own_cell(kernel):
    kernel.run(GATE)
    first = kernel.run(f"%%pipeline held\n{HELD}")
    kernel.until(lambda: "▶ hold" in first.text)
    second = kernel.run("print('meanwhile'); held.status")
    third = kernel.start("gate.set(); held.wait(); print('waited')")
    kernel.until(lambda: "waited" in third.text and "✓ after" in first.text)
    assert second.text == "meanwhile\n\n'running'" and third.outputs == [{"stream": "waited\n"}]
    assert len(first.outputs) == 1 and "not for a cell" not in first.text
    assert first.updates and not second.updates and not third.updates


def test_a_run_that_goes_on_while_the_kernel_is_busy_is_drawn_at_once(kernel):
    kernel.run(GATE)
    first = kernel.run(f"%%pipeline held\n{HELD}")
    kernel.until(lambda: "▶ hold" in first.text)
    busy = kernel.start("gate.set()\nimport time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass")
    kernel.until(lambda: ended(first))
    assert not kernel.is_idle(busy)
    kernel.until(lambda: kernel.is_idle(busy))


def test_changes_that_come_close_together_are_drawn_together(kernel):
    nodes = "\n".join(f"  - {{id: n{i}, type: python, code: pass, startWhen: 'event:n{i - 1}.completed'}}" for i in range(1, 40))
    cell = finished(kernel, f"%%pipeline\nname: many\nnodes:\n  - {{id: n0, type: python, code: pass}}\n{nodes}\n")
    times = [when for when, message in cell.messages if message["msg_type"] == "update_display_data"]
    assert len(times) < 40 and all(later - earlier > 0.05 for earlier, later in itertools.pairwise(times))


def test_nothing_is_drawn_when_nothing_has_changed(kernel):
    kernel.run(GATE)
    cell = kernel.run(f"%%pipeline held\n{HELD}")
    kernel.until(lambda: "▶ hold" in cell.text)
    for _ in range(5):
        kernel.run("None")
    drawn = len(cell.updates)
    for _ in range(5):
        kernel.run("held.snapshot()")
    assert len(cell.updates) == drawn
    kernel.run("gate.set()")
    kernel.until(lambda: ended(cell))


def test_wait_returns_with_the_end_drawn_and_fails_the_cell_with_the_pipeline(kernel):
    good = kernel.run(f"%%pipeline --wait\n{GOOD}")
    assert ended(good) and good.error is None
    bad = kernel.run(f"%%pipeline --wait\n{FAILS}")
    assert "✗ divide" in bad.text and "`divide` failed: line 1: division by zero" in bad.error and "Traceback" not in bad.error
    assert len(bad.error.splitlines()) <= 3


def test_where_nobody_can_type_a_cell_waits(kernel):
    cell = kernel.run(f"%%pipeline\n{FAILS}", stdin=False)
    assert "✗ divide" in cell.text and "division by zero" in cell.error


def test_a_failure_is_shown_to_a_person_and_fails_no_cell(kernel):
    assert "division by zero" in finished(kernel, f"%%pipeline\n{FAILS}").text


def test_interrupting_a_waiting_cell_cancels_its_pipeline(kernel):
    kernel.run("import pathlib, time\ndef hold():\n    while not pathlib.Path('open').exists(): time.sleep(0.01)")
    cell = kernel.start(f"%%pipeline held --wait\n{HELD}")
    kernel.until(lambda: "▶ hold" in cell.text)
    kernel.manager.interrupt_kernel()
    kernel.until(lambda: "- after" in cell.text)
    (kernel.folder / "open").touch()
    kernel.until(lambda: ended(cell) and kernel.is_idle(cell))
    assert "`divide`" not in cell.error and "cancelled" in cell.error and "Traceback" not in cell.error


def test_a_mistake_is_the_line_with_the_caret_and_no_traceback(kernel):
    error = kernel.run(f"%%pipeline\n{TYPO}").error
    assert error.startswith("<cell>:4:") and error.splitlines()[0].endswith("error YF301: there is no node `laod`")
    assert "^^^^" in error and "hint: did you mean `load`?" in error and "Traceback" not in error and "magics.py" not in error


MISUSE = {
    "%%pipeline --input n\n" + GOOD: "YF712", "%%pipeline --inputs nosuch\n" + GOOD: "YF712", "%%pipeline --wiat\n" + GOOD: "YF712",
    "%%pipeline 1st\n" + GOOD: "YF712", "%%pipeline --store /dev/null/x.db\n" + GOOD: "YF607",
    "%%pipeline --input n=x\n" + GOOD: "YF432",
    "%pipeline nosuch": "YF712", "%pipeline why": "YF712", "%pipeline why nosuch": "YF704", "%pipeline show nosuch": "YF701",
    "%pipeline list --sotre x": "YF712", "%pipeline show 'x": "YF712", "%pipeline init nosuch.ipynb": "YF705",
    "%pipeline simulate nosuch.yaml": "YF705", "import yamlflow_nb as yf; yf.run('nosuch.yaml')": "YF705",
}  # fmt: skip


@pytest.mark.parametrize(("cell", "code"), MISUSE.items(), ids=lambda value: value.splitlines()[0])
def test_a_misuse_is_told_with_a_code_and_no_traceback(kernel, cell, code):
    finished(kernel, f"%%pipeline\n{GOOD}")
    error = kernel.run(cell).error
    assert error is not None and f"error {code}: " in error and "Traceback" not in error


def test_a_mistyped_flag_or_verb_is_refused_before_anything_runs_and_the_right_one_is_named(kernel):
    before = kernel.run("%pipeline list").text
    assert "did you mean `--wait`?" in kernel.run(f"%%pipeline --wiat\n{GOOD}").error
    assert "did you mean `attach`?" in kernel.run("%pipeline atach").error
    assert kernel.run("%pipeline list").text == before


def test_dollars_and_braces_of_a_pipeline_are_its_own(kernel):
    kernel.run("n = 99; price = 3")
    text = GOOD.replace("'hello' * n", "'{n} $n $price' * n")
    assert "text = {n} $n $price" in finished(kernel, f"%%pipeline run\n{text}").text


def test_inputs_come_from_variables_of_the_kernel_and_a_flag_wins(kernel):
    kernel.run("n = 3; given = {'n': 2}")
    for line, times in {"--inputs n": 3, "--inputs given": 2, "--inputs given --input n=1": 1}.items():
        finished(kernel, f"%%pipeline run {line}\n{GOOD}")
        assert kernel.run("run.outputs['text']").text == repr("hello" * times)


def test_functions_and_data_frames_of_the_kernel_are_tasks_and_what_they_print_lands_in_no_cell(kernel):
    kernel.run("import pandas as pd\ndef table(): return pd.DataFrame({'a': [1, 2, 3]})")
    kernel.run("def times(table, n):\n    print('not for a cell')\n    return {'rows': table.assign(a=table.a * n)}")
    cell = finished(
        kernel,
        "%%pipeline run\nname: kernels\nnodes:\n  - {id: made, type: python, function: table}\n"
        '  - {id: more, type: python, function: times, inputBindings: {table: "{{ made.result }}", n: 3}}\n'
        'outputs: {rows: "{{ more.rows }}"}\n',
    )
    assert "dataframe, 3 rows" in cell.text and "not for a cell" not in cell.text
    assert "9" in kernel.run("%pipeline result").text and kernel.run("list(_['rows'].a)").text == "[3, 6, 9]"


def test_a_dry_run_says_what_is_wrong_or_draws_the_graph_and_runs_nothing(kernel):
    before = kernel.run("%pipeline list").text
    assert "there is no node `laod`" in kernel.run(f"%%pipeline --dry-run\n{TYPO}").text
    cell = kernel.run(f"%%pipeline --dry-run\n{GOOD}")
    assert "nothing is wrong with it" in cell.text and any("image/png" in output for output in cell.outputs)
    assert kernel.run("%pipeline list").text == before


def test_the_line_magic_lists_shows_explains_and_simulates(kernel):
    finished(kernel, f"%%pipeline\n{GOOD}")
    assert "hello" in kernel.run("%pipeline list").text and "✓ greet" in kernel.run("%pipeline show").text
    assert "startWhen" in kernel.run("%pipeline why greet").text and "--wait" in kernel.run("%pipeline").text
    simulated = kernel.run("%pipeline simulate --input n=3").text
    assert "greet.completed" in simulated and "nothing was executed" in simulated


def test_an_execution_is_paused_attached_resumed_and_cancelled_by_line(kernel):
    kernel.run(GATE)
    first = kernel.run(f"%%pipeline held\n{HELD}")
    kernel.until(lambda: "▶ hold" in first.text)
    kernel.run("%pipeline pause")
    second = kernel.run("%pipeline attach")
    kernel.until(lambda: "paused" in first.text and "paused" in second.text)
    kernel.run("%pipeline resume")
    kernel.run("%pipeline cancel")
    kernel.run("gate.set()")
    kernel.until(lambda: ended(first) and ended(second))
    assert first.text == second.text and "cancelled" in first.text


DIVIDES = """\
name: divides
nodes:
  - {id: a, type: python, code: "n = 1 // int(str(open('divisor').read()))", outputs: {n: integer}}
  - {id: b, type: python, code: "print('b')", startWhen: "event:a.completed"}
outputs: {n: "{{ a.n }}"}
"""


def test_what_failed_runs_again_by_line_and_gives_its_result(kernel):
    (kernel.folder / "divisor").write_text("0")
    first = kernel.run(f"%%pipeline one\n{DIVIDES}")
    kernel.until(lambda: ended(first))
    assert "✗ a" in first.text and "YF410" in kernel.run("%pipeline result").error
    (kernel.folder / "divisor").write_text("1")
    assert "YF704" in kernel.run("%pipeline retry nosuch").error
    again = kernel.run("%pipeline retry")
    kernel.until(lambda: "✓ divides" in again.text)
    assert "✓ a" in again.text and "✓ b" in again.text and kernel.run("%pipeline result").text == "{'n': 1}"
    name = re.search(r"\((\d[\w-]+)\)", again.text)[1]
    assert kernel.run(f"%pipeline retry {name}").error is not None, "there is nothing of it that failed any more"


def test_the_result_of_a_run_that_waits_is_an_error_and_a_verb_finds_the_run_that_it_fits(kernel):
    held = kernel.run("%%pipeline\nname: held\nnodes: [{id: a, type: wait, event: custom.go}]\n")
    kernel.until(lambda: "waiting" in held.text)
    later = kernel.run("%%pipeline\nname: later\nnodes: [{id: a, type: python, code: pass}]\n")
    kernel.until(lambda: "✓ later" in later.text)
    name = re.search(r"\((\d[\w-]+)\)", held.text)[1]
    assert "it waits for custom.go" in kernel.run(f"%pipeline result {name}").error
    assert name in kernel.run("%pipeline cancel").text, "the newest has ended: the one that waits is meant"
    kernel.until(lambda: "cancelled" in held.text)


def test_settings_are_listed_and_set_by_config(kernel):
    assert "PipelineMagics.wait" in kernel.run("%config PipelineMagics").text
    kernel.run("%config PipelineMagics.wait = True")
    try:
        assert "division by zero" in kernel.run(f"%%pipeline\n{FAILS}").error
    finally:
        kernel.run("%config PipelineMagics.wait = False")


COMPLETED = {
    "%pipeline at": "attach", "%pipeline attach --st": "--store",
    "%%pipeline run --wa": "--wait", "%%pipeline --inputs mont": "month",
}  # fmt: skip


@pytest.mark.parametrize(("begun", "word"), COMPLETED.items())
def test_tab_completes_verbs_flags_and_variables(kernel, begun, word):
    kernel.run("month = 2")
    assert word in kernel.completed(begun)


def test_a_question_mark_tells_every_option(kernel):
    cell = kernel.run("%%pipeline?")
    told = cell.reply["payload"][0]["data"]["text/plain"]
    assert all(flag in told for flag in ("--wait", "--input", "--inputs", "--dry-run", "--store"))


def test_under_capture_an_execution_is_caught_and_not_followed(kernel):
    cell = kernel.run(f"%%capture caught\nget_ipython().run_cell_magic('pipeline', '--wait', {GOOD!r})")
    assert cell.error is None and not cell.outputs
    assert "'text/html'" in kernel.run("[list(one.data) for one in caught.outputs]").text


def test_what_would_have_been_is_simulated_with_what_the_nodes_gave(kernel):
    finished(kernel, "%pipeline demo")
    simulated = kernel.run("%pipeline simulate").text
    assert "✓ demo: completed" in simulated and "- routine" in simulated and "model  completed" in simulated.replace("    ", "  ")


def test_loading_the_extension_costs_little(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        load = "get_ipython().run_line_magic('load_ext', 'yamlflow_nb')"
        kernel.run(f"import time\nstarted = time.perf_counter()\n{load}\ntook = time.perf_counter() - started")
        assert float(kernel.run("took").text) < 0.15
    finally:
        kernel.close()


def test_the_demo_needs_no_file_and_puts_its_text_into_a_new_cell_that_runs(kernel):
    cell = finished(kernel, "%pipeline demo")
    assert cell.text.startswith("✓ demo: completed") and "- routine" in cell.text
    (payload,) = cell.reply["payload"]
    assert payload["source"] == "set_next_input" and payload["text"].startswith("%%pipeline demo\n#")
    assert "<b>picture</b><br><img" in cell.outputs[0]["text/html"]
    calm = finished(kernel, payload["text"].replace("demo\n", "demo --input month=10\n", 1))
    assert "- storms" in calm.text and "✓ routine" in calm.text


def test_notebooks_become_a_pipeline_in_a_new_cell(kernel):
    import nbformat

    for name in ("a", "b"):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]), kernel.folder / f"{name}.ipynb")
    cell = kernel.run("%pipeline init a.ipynb b.ipynb")
    assert any("image/png" in output for output in cell.outputs) and "event:a.completed" in cell.reply["payload"][0]["text"]


def test_an_execution_that_another_kernel_runs_is_drawn_live(kernel):
    hold = "import pathlib, time\ndef hold():\n    while not pathlib.Path('elsewhere').exists(): time.sleep(0.01)"
    kernel.run(hold)
    here = kernel.run(f"%%pipeline held\n{HELD}")
    kernel.until(lambda: "▶ hold" in here.text)
    other = Kernel(kernel.folder)
    try:
        other.run("%load_ext yamlflow_nb")
        name = kernel.run("print(held.id)").text.strip()
        there = other.run(f"%pipeline attach {name}")
        other.until(lambda: "▶ hold" in there.text)
        (kernel.folder / "elsewhere").touch()
        other.until(lambda: ended(there))
        assert "✓ after" in there.text and len(there.outputs) == 1
    finally:
        other.close()


def test_a_run_whose_kernel_was_killed_goes_on_in_another_and_is_drawn_there(tmp_path):
    first, second = Kernel(tmp_path), None
    try:
        first.run("%load_ext yamlflow_nb")
        hold = "import pathlib, time\ndef hold():\n    while not pathlib.Path('open').exists(): time.sleep(0.01)"
        first.run(hold)
        cell = first.run(f"%%pipeline held\n{HELD}")
        first.until(lambda: "▶ hold" in cell.text)
        first.manager.shutdown_kernel(now=True)
        (tmp_path / "open").touch()
        second = Kernel(tmp_path)
        second.run("%load_ext yamlflow_nb")
        second.run(hold)
        there = second.run("%pipeline resume")
        assert there.error is None, there.error
        second.until(lambda: ended(there))
        assert "✓ after" in there.text and len(there.outputs) == 1
    finally:
        first.close()
        if second is not None:
            second.close()
