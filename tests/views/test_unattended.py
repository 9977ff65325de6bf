"""Programs that run notebooks by themselves: they wait, fail with the pipeline, pass parameters on, and keep the page."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.views.test_cell import FAILS, GOOD
from yamlflow_nb.views.bundle import MIME


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "store.db"))
    monkeypatch.delenv("YAMLFLOW_WAIT", raising=False)


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext yamlflow_nb", *sources)]
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )


def test_nbclient_waits_and_keeps_the_end_as_the_only_output():
    book = notebook(f"%%pipeline run\n{GOOD}", "run.outputs['text']")
    NotebookClient(book, kernel_name="python3", timeout=60).execute()
    (output,) = book.cells[1].outputs
    assert output.data["text/plain"].startswith("✓ hello: completed") and output.data[MIME]["status"] == "completed"
    assert "<img" in output.data["text/html"] and book.cells[2].outputs[0].data["text/plain"] == "'hello'"
    nbformat.validate(book)


def test_nbclient_stops_at_a_pipeline_that_failed_with_a_short_error():
    book = notebook(f"%%pipeline\n{FAILS}", "print('not reached')")
    with pytest.raises(CellExecutionError, match="division by zero"):
        NotebookClient(book, kernel_name="python3", timeout=60).execute()
    shown, error = book.cells[1].outputs
    assert "✗ divide" in shown.data["text/plain"] and len(error.traceback) <= 3 and not book.cells[2].outputs


def test_papermill_passes_its_parameters_through_inputs(tmp_path):
    import papermill

    book = notebook("n = 1", f"%%pipeline run --inputs n\n{GOOD}", "run.outputs['text']")
    book.cells[1].metadata["tags"] = ["parameters"]
    nbformat.write(book, tmp_path / "in.ipynb")
    done = papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", {"n": 2}, progress_bar=False)
    assert done.cells[-1].outputs[0].data["text/plain"] == "'hellohello'"


def test_papermill_fails_with_the_pipeline(tmp_path):
    import papermill
    from papermill.exceptions import PapermillExecutionError

    nbformat.write(notebook(f"%%pipeline\n{FAILS}"), tmp_path / "in.ipynb")
    with pytest.raises(PapermillExecutionError, match="division by zero"):
        papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False)


def test_the_environment_makes_every_cell_wait(tmp_path, monkeypatch):
    from tests.views.cells import Kernel

    kernel = Kernel(tmp_path, YAMLFLOW_WAIT="1")
    try:
        kernel.run("%load_ext yamlflow_nb")
        cell = kernel.run(f"%%pipeline\n{FAILS}")
        assert "✗ divide" in cell.text and "division by zero" in cell.error
    finally:
        kernel.close()


def test_ipython_in_a_terminal_waits_and_shows_text(tmp_path):
    import subprocess
    import sys

    (tmp_path / "cell.ipy").write_text(f"%load_ext yamlflow_nb\nget_ipython().run_cell_magic('pipeline', 'run', {GOOD!r})\n")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(tmp_path / "cell.ipy")],
        capture_output=True, text=True, timeout=100, check=False, env={**__import__("os").environ, "IPYTHONDIR": str(tmp_path)},
    )  # fmt: skip
    assert "✓ hello: completed" in done.stdout, done.stdout + done.stderr
