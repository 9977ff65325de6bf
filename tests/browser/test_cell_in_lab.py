"""The cell as a user sees it, in JupyterLab: ``make test-browser``.

With ``YAMLFLOW_SCREENSHOTS=docs/img`` the pictures of the guide are made anew.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright import sync_api

from tests.browser.lab import Page, Server, open_browser

pytestmark = pytest.mark.slow

SLOW = """\
%%pipeline slow
name: slow_and_free
nodes:
  - id: count
    type: python
    code: |
      import time, yamlflow_nb as yf
      for done in range(10):
          yf.progress(done, 10, f"number {done}")
          print("not for a cell")
          time.sleep(0.4)
  - id: square
    type: python
    forEach: [1, 2, 3, 4, 5, 6]
    maxParallel: 2
    code: import time; time.sleep(0.8); square = n * n
    inputBindings: {n: "{{ item }}"}
    outputs: {square: integer}
  - id: divide
    type: python
    code: 1 / 0
    retry: {maxAttempts: 2}
    onFailure: ignore
    startWhen: "event:count.completed"
  - {id: never, type: python, code: pass, startWhen: "event:divide.completed"}
  - id: told
    type: python
    code: text = f"squares {squares}"
    inputBindings: {squares: "{{ square.square }}"}
    outputs: {text: string}
    startWhen: "event:count.completed && event:square.completed"
"""
TYPO = """\
%%pipeline
name: typo
nodes:
  - {id: load, type: python, code: pass}
  - {id: next, type: python, code: pass, startWhen: event:laod.completed}
"""
BUSY = "import time\nfor number in range(7):\n    time.sleep(1)\n    print('another cell', number)"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = open_browser(playwright)
        yield browser
        browser.close()


def shoot(page: Page, name: str, top: bool = False) -> None:
    folder = os.environ.get("YAMLFLOW_SCREENSHOTS")
    if not folder:
        return
    from PIL import Image

    if top:
        page.page.locator(".jp-WindowedPanel-outer").first.evaluate("e => { e.scrollTop = 0 }")
    page.page.wait_for_timeout(600)  # the page's own animations
    path = Path(folder) / name
    page.page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def test_three_actions_show_a_pipeline_running_and_its_text_below(server, browser):
    server.notebook("demo.ipynb", "%load_ext yamlflow_nb", "%pipeline demo")
    page = Page(browser, server, "demo.ipynb", height=1010)
    page.run(0)
    page.page.wait_for_timeout(1500)  # a person reads
    page.run(1)
    page.shows(1, "running", timeout=5_000)
    page.shows(1, "completed in")
    assert page.outputs(1) == 1 and page.cell(1).locator("img").count() == 2
    assert page.cell(2).locator(".cm-content").inner_text().startswith("%%pipeline demo")
    shoot(page, "demo-in-lab.png", top=True)
    page.command("apputils:change-theme", theme="JupyterLab Dark")
    shoot(page, "demo-in-lab-dark.png", top=True)
    page.command("apputils:change-theme", theme="JupyterLab Light")
    page.page.close()


def test_a_run_goes_on_in_its_own_cell_while_another_runs_and_is_there_after_a_reload(server, browser):
    server.notebook("slow.ipynb", "%load_ext yamlflow_nb", SLOW, BUSY)
    page = Page(browser, server, "slow.ipynb", height=1200)
    for position in range(3):
        page.run(position)
    page.shows(2, "another cell 1")
    page.shows(1, "of 10 number")
    assert page.kernel_status() == "busy"
    shoot(page, "while-another-cell-runs.png")
    page.shows(1, "completed in")
    assert page.kernel_status() == "busy"
    page.shows(2, "another cell 6")
    assert [page.outputs(position) for position in range(3)] == [0, 1, 1]
    shown = [page.cell(position).locator(".jp-OutputArea").inner_text() for position in (1, 2)]
    assert not any("not for a cell" in text for text in shown)
    page.command("docmanager:save")
    page.page.reload()
    page.shows(1, "completed in")
    assert page.page.evaluate("() => document.querySelector('.jp-OutputArea-output img').naturalWidth") > 300
    page.page.close()


def test_a_notebook_that_is_not_trusted_shows_the_same(server, browser):
    import nbformat

    saved = nbformat.read(server.work / "slow.ipynb", as_version=4)
    saved.cells[2].source = "# written by somebody else"
    nbformat.write(saved, server.work / "other.ipynb")
    page = Page(browser, server, "other.ipynb")
    page.shows(1, "completed in")
    image = page.cell(1).locator("img").first
    assert "divide failed" in image.get_attribute("alt") and page.cell(1).locator("th[scope=row]").count() == 5
    assert page.page.evaluate("() => document.querySelector('.jp-OutputArea-output img').naturalWidth") > 300
    page.page.close()


LONG = """\
%%pipeline long
name: long
nodes:
  - {id: prepare, type: python, code: n = 3, outputs: {n: integer}}
  - id: train
    type: python
    code: |
      import pathlib, time
      while not pathlib.Path("data_is_there").exists():
          time.sleep(0.05)
      score = 0.7
    inputBindings: {n: "{{ prepare.n }}"}
    outputs: {score: number}
  - {id: report, type: python, code: pass, inputBindings: {score: "{{ train.score }}"}}
outputs: {score: "{{ train.score }}"}
"""


def test_after_a_restart_of_the_kernel_a_run_goes_on_where_it_was(server, browser):
    server.notebook("long.ipynb", "%load_ext yamlflow_nb", LONG, "%load_ext yamlflow_nb\n%pipeline resume")
    page = Page(browser, server, "long.ipynb", height=1010)
    page.run(0)
    page.run(1)
    page.shows(1, "▶ running")
    page.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.ready()
    (server.work / "data_is_there").touch()
    page.run(2)
    page.shows(2, "completed in")
    assert page.outputs(2) == 1 and "report" in page.cell(2).locator(".jp-OutputArea").inner_text()
    shoot(page, "resumed-after-a-restart.png", top=True)
    page.page.close()


def test_a_kernel_is_killed_and_a_terminal_goes_on_with_its_run(server, browser):
    server.notebook(
        "killed.ipynb", "%load_ext yamlflow_nb\nimport os\nprint('process', os.getpid(), 'of the kernel')",
        LONG.replace("data_is_there", "data_came"), "%load_ext yamlflow_nb\n%pipeline attach",
    )  # fmt: skip
    page = Page(browser, server, "killed.ipynb", height=1010)
    page.run(0)
    page.shows(0, "of the kernel")
    page.run(1)
    page.shows(1, "▶ running")
    os.kill(int(page.cell(0).locator(".jp-OutputArea").inner_text().split()[1]), signal.SIGKILL)
    page.page.locator(".jp-Dialog .jp-mod-accept").click()  # the page tells that the kernel died, and starts another
    page.ready()
    page.run(2)
    page.shows(2, "interrupted")
    (server.work / "data_came").touch()
    command = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()", "resume", "--store", str(server.store)]
    terminal = subprocess.run(command, cwd=server.work, capture_output=True, text=True)
    assert terminal.returncode == 0 and "✓ long: completed" in terminal.stdout, terminal.stdout + terminal.stderr
    page.shows(2, "completed in")
    shoot(page, "attached-after-a-kill.png", top=True)
    page.page.close()


BROKEN = """\
%%pipeline broken
name: broken
nodes:
  - {id: load, type: python, code: n = 3, outputs: {n: integer}}
  - {id: features, type: notebook, path: broken_features.ipynb, inputBindings: {n: "{{ load.n }}"}, outputs: {share: number}}
  - {id: report, type: python, code: pass, startWhen: "event:features.completed"}
"""


def test_an_error_in_a_notebook_is_told_by_its_cell_and_line(server, browser):
    third = "total = n\nprint(total)\nshare = total / len(rows)"
    server.notebook("broken_features.ipynb", "n = 1", "rows = []", third, "never = 1")
    server.notebook("broken.ipynb", "%load_ext yamlflow_nb", BROKEN, "%pipeline result")
    page = Page(browser, server, "broken.ipynb", height=800)
    page.run(0)
    page.run(1)
    page.shows(1, "ZeroDivisionError: cell 3, line 3: division by zero", timeout=60_000)
    page.shows(1, "failed (error) in")
    page.run(2)
    page.shows(2, "cell 3, line 3: division by zero")
    assert "Traceback" not in page.page.locator(".jp-Notebook").inner_text() and page.cell(2).inner_text().count("\n") < 8
    shoot(page, "an-error-in-a-notebook.png", top=True)
    page.page.close()


PAYLOADS = [
    "<script>pwned=1</script>", "</script><script>pwned=1</script>", "<img src=x onerror=pwned=1>", "<svg onload=pwned=1>",
    "<svg><script>pwned=1</script></svg>", "\"><img src=x onerror=pwned=1>", "'><img src=x onerror=pwned=1>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>", "<a href=javascript:pwned=1>x</a>", "[x](javascript:pwned=1)",
    "<math><mtext></p><img src=x onerror=pwned=1>", "<body onload=pwned=1>", "<input autofocus onfocus=pwned=1>",
    "<details open ontoggle=pwned=1>", "<video><source onerror=pwned=1></video>", "<object data=javascript:pwned=1>",
    "<embed src=javascript:pwned=1>", "<style>@import 'javascript:pwned=1'</style>",
    "<link rel=stylesheet href=javascript:pwned=1>",
    "<form action=javascript:pwned=1><button>x", "<marquee onstart=pwned=1>", "<select autofocus onfocus=pwned=1>",
    "<textarea autofocus onfocus=pwned=1>", "<keygen autofocus onfocus=pwned=1>", "<audio src=x onerror=pwned=1>",
    "`<img src=x onerror=pwned=1>`", "$\\\\href{javascript:pwned=1}{x}$", "{{7*7}}", "<!--><img src=x onerror=pwned=1>-->",
    "<table background=javascript:pwned=1>", "<base href=javascript:pwned=1//>",
    "<button data-commandlinker-command='x'>x</button>",
]  # fmt: skip


def test_no_text_of_a_run_becomes_a_part_of_the_page(server, browser):
    shown = (
        "import yamlflow_nb as yf\n"
        f"payloads = {PAYLOADS!r}\n"
        "def give():\n    return {f'v{n}': text for n, text in enumerate(payloads)}\n"
        "def fail(text):\n    yf.progress(1, 2, text)\n    raise ValueError(text)\n"
    )
    hostile = "\n".join(
        f"  - {{id: n{number}, type: python, function: fail, title: {json.dumps(text.replace('{{', '{'))}, "
        f'inputBindings: {{text: "{{{{ given.v{number} }}}}"}}}}'
        for number, text in enumerate(PAYLOADS)
    )
    text = f"%%pipeline\nname: hostile\nnodes:\n  - {{id: given, type: python, function: give}}\n{hostile}\n"
    server.notebook("hostile.ipynb", "%load_ext yamlflow_nb", shown, text)
    page = Page(browser, server, "hostile.ipynb")
    dialogs = []
    page.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for position in range(3):
        page.run(position)
    page.shows(2, "failed (error)")
    page.shows(2, f"{len(PAYLOADS)} failed")
    output = page.cell(2).locator(".jp-OutputArea-output").first
    output.locator("summary").click()
    page.page.wait_for_timeout(500)
    assert page.page.evaluate("() => window.pwned") is None and dialogs == []
    assert output.locator("img").count() == 1
    assert output.locator("script, svg, iframe, object, embed, a, form, input, button, style, link").count() == 0
    page.page.close()


def test_mistakes_are_shown_without_a_traceback(server, browser):
    server.notebook("wrong.ipynb", "%load_ext yamlflow_nb", TYPO, "%%pipeline --wiat\nname: p")
    page = Page(browser, server, "wrong.ipynb", height=560)
    page.run(0)
    page.run(1)
    page.shows(1, "did you mean `load`?")
    page.run(2)
    page.shows(2, "did you mean `--wait`?")
    assert "Traceback" not in page.page.locator(".jp-Notebook").inner_text()
    shoot(page, "a-mistake.png", top=True)
    page.page.close()
