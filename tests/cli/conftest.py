"""A folder to work in, the command called in this process, and the command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from yamlflow_nb.cli import main

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which somebody types, with a store of its own."""
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "state" / "store.db"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Calls the command; gives exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    return call


class Terminals:
    """The command in other terminals, whose tasks tell when they have begun and wait until they are let go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []

    def pipeline(self, name: str = "held", more: str = "") -> str:
        """``load`` notes that it ran, ``hold`` tells that it has begun and waits, ``tidy`` comes at the end."""
        for pipe in ("begun", "gate"):
            if not (self.folder / pipe).exists():
                os.mkfifo(self.folder / pipe)
        where = repr(str(self.folder))
        head = f"import pathlib\n        here = pathlib.Path({where})\n        "
        note = "ledger = open(here / 'ledger', 'a'); print('{}', file=ledger); ledger.close()"
        wait = "(here / 'begun').write_text('x'); (here / 'gate').read_text()"
        text = f"""\
name: {name}
nodes:
  - id: load
    type: python
    code: |
        {head}n = 3; {note.format("load")}
    outputs: {{n: integer}}
  - id: hold
    type: python
    code: |
        {head}{note.format("hold")}; {wait}
    startWhen: event:load.completed
  - id: after
    type: python
    code: m = n
    outputs: {{m: integer}}
    inputBindings: {{n: "{{{{ load.n }}}}"}}
    startWhen: event:hold.completed
  - id: tidy
    type: python
    code: |
        {head}{note.format("tidy")}
    startWhen: event:pipeline.finishing
{more}"""
        (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        return f"{name}.yaml"

    def open(self, *arguments: str) -> subprocess.Popen[str]:
        # Whoever runs the tests in the background has Ctrl-C ignored, and a child would inherit that.
        listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        code = [sys.executable, "-c", f"{listens}; from yamlflow_nb.cli import main; main()", *arguments]
        made = subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.running.append(made)
        return made

    def run(self, name: str = "held", more: str = "") -> subprocess.Popen[str]:
        """A run whose ``hold`` is at work when this returns."""
        made = self.open("run", self.pipeline(name, more))
        self.begun()
        return made

    def begun(self) -> None:
        """Waits until a ``hold`` has begun."""
        assert (self.folder / "begun").read_text() == "x"

    def let_go(self) -> None:
        """Lets the one ``hold`` that waits go on."""
        (self.folder / "gate").write_text("x")

    def ledger(self) -> list[str]:
        ledger = self.folder / "ledger"
        return ledger.read_text().split() if ledger.exists() else []


@pytest.fixture
def terminals(place: Path) -> Iterator[Terminals]:
    made = Terminals(place)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()
