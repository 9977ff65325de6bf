"""One secret through every kind of task that takes one, well and badly: no byte that is left anywhere holds it."""

from __future__ import annotations

import json
import traceback
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

import yamlflow_nb as yf
from tests.executors.running import Folder
from tests.executors.test_http import Server, server
from yamlflow_nb.views.bundle import bundle_of

__all__ = ["server"]
CANARY = 'canary-4711/ü"x'
SPEAKS = """import os, yamlflow_nb as yf
got = os.environ.get('MINE') or yf.secret('canary')
print(got); yf.log(got)
said = [got]
"""
NOWHERE = "postgresql://127.0.0.1:9/none"
SHELL = 'echo "$MINE"; echo "$MINE" >&2; cat /proc/[0-9]*/cmdline > ps.bin 2>/dev/null; exit '


def pipeline(server: Server, fails: bool) -> str:
    """``ps`` writes down what every process of the machine was called with while the others run."""
    end = "raise ValueError(got)" if fails else "pass"
    return json.dumps(
        {
            "name": "canary",
            "defaults": {"onFailure": "ignore"},
            "nodes": [
                {"id": "thread", "type": "python", "code": SPEAKS + end, "secrets": ["canary"], "outputs": {"said": "array"}},
                {
                    "id": "process", "type": "python", "code": SPEAKS + "import time; time.sleep(0.5)\n" + end,
                    "isolation": "process", "env": {"MINE": "{{ secrets.canary }}"}, "outputs": {"said": "array"},
                },
                {"id": "notebook", "type": "notebook", "path": "speaks.ipynb", "secrets": ["canary"], "outputs": {"said": "array"}},
                {
                    "id": "shell", "type": "shell", "env": {"MINE": "{{ secrets.canary }}"},
                    "command": SHELL + ("3" if fails else "0"),
                },
                {
                    "id": "http", "type": "http", "url": f"{server.url}/{'status/500' if fails else 'echo'}",
                    "headers": {"X-Token": "${TOKEN}"}, "env": {"TOKEN": "{{ secrets.ascii }}"},
                },
                {
                    "id": "sql", "type": "sql", "query": "SELECT 1 AS n",
                    "connection": {"url": NOWHERE, "user": "me", "password": "{{ secrets.canary }}"} if fails else "duckdb",
                },
            ],
        }
    )  # fmt: skip


@pytest.mark.trust("B20")
@pytest.mark.parametrize("fails", [False, True], ids=["well", "badly"])
def test_a_secret_is_in_no_byte_that_a_run_leaves(
    folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fails: bool
) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_CANARY", CANARY)
    monkeypatch.setenv("YAMLFLOW_SECRET_ASCII", "canary-0815-ascii")
    folder.notebook("speaks.ipynb", SPEAKS, "raise ValueError(got)" if fails else "pass")
    execution = folder.run(pipeline(server, fails))
    states = {name: node.state for name, node in execution.nodes.items()}
    assert set(states.values()) == {"failed" if fails else "completed"}, str(execution)
    shown = [json.dumps(bundle_of(execution), default=str, ensure_ascii=False), str(execution), repr(execution)]
    try:
        yf.run(pipeline(server, True), folder=folder.path, store=folder.store).raise_if_failed()
    except Exception as error:
        shown.append("".join(traceback.format_exception(error)))
    shown += capfd.readouterr()
    folder.close()
    left = [path for place in (Path(folder.store).parent, folder.path) for path in place.rglob("*") if path.is_file()]
    forms = [
        form
        for text in (CANARY, "canary-0815-ascii")
        for form in (text, json.dumps(text)[1:-1], quote(text, safe=""), b64encode(text.encode()).decode(), repr(text)[1:-1])
    ]
    assert [form for form in forms for text in shown if form in text] == []
    assert [(path.name, form) for path in left for form in forms if form.encode() in path.read_bytes()] == []
    assert (folder.path / "ps.bin").stat().st_size > 100
