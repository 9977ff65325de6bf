"""A real terminal: the tree moves, nothing of a user's text is markup, and NO_COLOR is obeyed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.conftest import Said

PIPELINE = """\
name: moves
nodes:
  - id: train
    type: python
    code: |
        import threading, yamlflow_nb as yf
        for done in range(8):
            yf.progress(done, 8, "[bold red]loss[/] 0.3 \\x1b[2J")
            threading.Event().wait(0.1)
  - {id: bad, type: python, code: "raise ValueError('[/red] [link=file:///x]x')"}
"""


def in_terminal(*arguments: str, columns: int = 80, lines: int = 24, **environment: str) -> tuple[int, str]:
    """The command before a terminal of its own; its exit code, and every byte that it wrote."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    code = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()", *arguments]
    told = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        code, stdin=follower, stdout=follower, stderr=follower, env={**told, "TERM": "xterm-256color", **environment}
    )
    os.close(follower)
    written = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        written += part
    os.close(leader)
    return process.wait(30), written.decode("utf-8", "replace")


@pytest.fixture
def moves(place: Path) -> Path:
    (place / "moves.yaml").write_text(PIPELINE, encoding="utf-8")
    return place


def test_the_tree_moves_and_is_gone_when_the_whole_one_is_printed(moves: Path) -> None:
    code, written = in_terminal("run", "moves.yaml")
    assert code == 1 and "█" in written and " of 8 " in written
    assert "\x1b[1A" in written and written.rstrip().count("├─") == 1
    assert "[bold red]loss[/]" in written and "[/red] [link=file:///x]x" in written and "\x1b[2J" not in written


def test_what_tasks_print_while_the_tree_moves_is_in_their_logs_and_nothing_of_the_tree(place: Path, said: Said) -> None:
    text = "import sys, threading\nfor n in range(8):\n    print('line', n, file=(sys.stdout, sys.stderr)[n % 2])\n"
    told = "".join(f"        {line}\n" for line in f"{text}    threading.Event().wait(0.1)".splitlines())
    (place / "prints.yaml").write_text(f"name: prints\nnodes:\n  - id: a\n    type: python\n    code: |\n{told}")
    code, written = in_terminal("run", "prints.yaml")
    assert code == 0 and "\x1b[1A" in written and "line 3" not in written
    assert [line.split("a  ")[1] for line in said("logs")[1].splitlines()] == [f"line {n}" for n in range(8)]


def test_no_color_leaves_out_every_colour(moves: Path) -> None:
    _, coloured = in_terminal("run", "moves.yaml")
    _, plain = in_terminal("run", "moves.yaml", NO_COLOR="1")
    colours = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-9]|9[0-7])(?:;[0-9]+)*m")
    assert colours.search(coloured) and not colours.search(plain)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(moves: Path) -> None:
    code, written = in_terminal("run", "moves.yaml", TERM="dumb")
    assert code == 1 and "\x1b" not in written and "✗ bad  failed (error)" in written


def test_a_narrow_and_low_terminal_gets_what_fits(place: Path) -> None:
    code = "import threading; threading.Event().wait(0.5)"
    nodes = "".join(f"  - {{id: node_{n}, type: python, code: '{code}'}}\n" for n in range(30))
    (place / "many.yaml").write_text(f"name: many\nnodes:\n{nodes}")
    code, written = in_terminal("run", "many.yaml", columns=24, lines=8)
    moving = written[: written.rindex("\x1b[1A")]
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", moving).replace("\r", "\n").split("\n")
    assert code == 0 and "… and " in moving and max(map(len, drawn)) <= 24
    assert written.count("├─") == 29


def test_quiet_shows_only_how_it_ended(moves: Path) -> None:
    _, written = in_terminal("run", "moves.yaml", "--quiet")
    assert "█" not in written and written.count("├─") == 1


def test_json_is_alone_on_standard_output_also_before_a_terminal(moves: Path, said: Said) -> None:
    code, out, err = said("run", "moves.yaml", "--json")
    assert (code, err) == (1, "") and out.startswith("{")


def test_in_a_pipe_each_node_that_ends_is_a_line_and_the_tree_comes_last(moves: Path, said: Said) -> None:
    code, out, err = said("run", "moves.yaml")
    lines = out.splitlines()
    assert (code, err) == (1, "") and lines[0].startswith("✗ bad  failed (error)") and "\x1b" not in out
    assert lines[1].startswith("✓ train  completed") and lines[2].startswith("✗ moves: failed")


# --- completion and help --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(place: Path, said: Said, shell: str) -> None:
    code, out, _ = said("completion", shell)
    assert code == 0 and "_YAMLFLOW_COMPLETE" in out and f"{shell}_complete" in out


def completed(*words: str) -> list[str]:
    asked = {"_YAMLFLOW_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    environment = {**os.environ, **asked}
    code = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()"]
    found = subprocess.run(code, env=environment, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in found.stdout.splitlines()]


def test_tab_completes_verbs_options_and_ids(moves: Path, said: Said) -> None:
    said("run", "moves.yaml")
    assert completed("yamlflow", "re") == ["resume", "retry", "rerun", "reject"]
    assert "--items" in completed("yamlflow", "retry", "--")
    [name] = completed("yamlflow", "show", "2")
    assert name in said("list")[1]


def test_tab_completes_nodes_of_the_execution_that_is_meant(moves: Path, said: Said) -> None:
    said("run", "moves.yaml")
    name = said("list")[1].split()[0]
    (moves / "other.yaml").write_text("name: other\nnodes: [{id: lone, type: python, code: pass}]\n")
    said("run", "other.yaml")
    assert completed("yamlflow", "why", "") == ["lone"] and completed("yamlflow", "skip", "l") == ["lone"]
    assert completed("yamlflow", "logs", name, "") == ["train", "bad"]
    assert completed("yamlflow", "retry", name, "bad", "") == ["train"]
    assert "lone" in completed("yamlflow", "logs", "") and name in completed("yamlflow", "logs", "")


@pytest.mark.parametrize("verb", [["--help"], ["retry", "-h"], ["store", "query", "-h"], ["event", "send", "-h"]])
def test_every_verb_explains_itself(said: Said, verb: list[str]) -> None:
    code, out, err = said(*verb)
    assert (code, err) == (0, "") and "Usage: yamlflow" in out and len(out.splitlines()) > 5


def test_a_wrong_call_is_json_where_json_is_asked_for(said: Said) -> None:
    code, out, err = said("run", "--json", "--nosuch")
    assert (code, err) == (2, "") and '"YF712"' in out
