"""A real JupyterLab in a real Chromium: a server with folders of its own, and a page with one notebook."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat

from tests.browser.provide_chromium import provide

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
# The indicator alone says "idle" before the first cell can run: the kernel itself is asked.
_READY = """async () => { const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready; await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info; await panel.sessionContext.session.kernel.requestKernelInfo(); }"""


class Server:
    """JupyterLab on a free port; notebooks lie in ``work``."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.store = folder / "store.db"
        self.work.mkdir()
        quiet = folder / "settings" / "@jupyterlab" / "apputils-extension"
        quiet.mkdir(parents=True)
        (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
        names = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
                 "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
                 "YAMLFLOW_STORE": "store.db"}  # fmt: skip
        env = {key: value for key, value in os.environ.items() if key != "YAMLFLOW_WAIT"}
        env |= {key: str(folder / name) for key, name in names.items()}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["--no-browser", "--allow-root", f"--port={self.port}", "--ServerApp.port_retries=0",
                 "--IdentityProvider.token=token", f"--ServerApp.root_dir={self.work}", "--LabApp.extension_manager=readonly",
                 "--LabApp.expose_app_in_browser=True"]  # fmt: skip
        self._log = (folder / "lab.log").open("w")
        self._process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *words], env=env, stdout=self._log, stderr=self._log)
        self._wait(folder / "lab.log")

    def _wait(self, log: Path) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api", timeout=5)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")

    def notebook(self, name: str, *cells: str) -> None:
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=kernel)
        nbformat.write(book, self.work / name)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


class Page:
    """A notebook that is open."""

    def __init__(self, browser, server: Server, name: str, width: int = 1100, height: int = 900) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.goto(f"http://127.0.0.1:{server.port}/lab/tree/{name}?token=token&reset")
        self.ready()
        self.command("application:toggle-left-area")

    def ready(self) -> None:
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=60_000)
        self.page.evaluate(_READY)

    def command(self, name: str, **arguments) -> None:
        self.page.evaluate(f"() => window.jupyterapp.commands.execute({name!r}, {json.dumps(arguments)})")

    def cell(self, position: int):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(position)

    def run(self, position: int) -> None:
        self.cell(position).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

    def shows(self, position: int, text: str, timeout: int = 30_000) -> None:
        """Waits until a cell's output holds a text."""
        holding = f".jp-OutputArea-output:has-text({json.dumps(text, ensure_ascii=False)})"
        self.cell(position).locator(holding).first.wait_for(timeout=timeout)

    def outputs(self, position: int) -> int:
        return self.cell(position).locator(".jp-OutputArea-child").count()

    def kernel_status(self) -> str:
        return self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status")


def open_browser(playwright):
    return playwright.chromium.launch(executable_path=provide(), headless=True, args=_FLAGS)
