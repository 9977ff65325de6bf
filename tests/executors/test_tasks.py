"""Tasks run for real: what they give comes back as it was, and what goes wrong is told in a line or two."""

from __future__ import annotations

import datetime as dt
import math
import sys
from decimal import Decimal
from uuid import UUID

import nbformat
import pytest

import yamlflow_nb as yf
from yamlflow_nb.executors.printed import printed_to


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "state" / "store.db"))
    return tmp_path


@pytest.fixture
def ran(folder):
    """Runs nodes, written as YAML flow mappings, as a pipeline in a folder of its own."""

    def run(*nodes: str, **options):
        text = "name: p\nnodes:\n" + "".join(f"  - {node}\n" for node in nodes)
        return yf.start(text, wait=True, folder=folder, **options)

    return run


@pytest.fixture
def fails(ran):
    """Runs one node that fails, and gives what is shown of it below the tree."""

    def run(node: str, **options) -> str:
        execution = ran(node, **options)
        assert execution.status == "failed"
        shown = str(execution)
        assert "Traceback" not in shown and len(shown.splitlines()) < 12
        return "\n".join(line.strip() for line in shown.splitlines()[2:])

    return run


def write(folder, name, *cells):
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=metadata), folder / name)


KINDS = """\
import datetime as dt, decimal, uuid
import numpy as np, pandas as pd
whole = np.int64(3); share = np.float64(0.5); flag = np.bool_(True); nan = float("nan"); infinite = float("-inf")
day = dt.date(2020, 1, 2); moment = pd.Timestamp("2020-01-02T10:00:00Z"); money = decimal.Decimal("1.10")
name = uuid.UUID(int=5); raw = b"\\x00\\xff"; mixed = [np.int64(1), {"at": day, "$": 1, "many": (1, 2)}]; row = np.arange(3)
table = pd.DataFrame({"a": [1, 2]}, index=["p", "q"]); series = pd.Series([1, 2])
"""
GIVEN = {
    "whole": 3, "share": 0.5, "flag": True, "infinite": -math.inf, "day": dt.date(2020, 1, 2), "money": Decimal("1.10"),
    "moment": dt.datetime(2020, 1, 2, 10, tzinfo=dt.timezone.utc), "name": UUID(int=5), "raw": b"\x00\xff",
    "mixed": [1, {"at": dt.date(2020, 1, 2), "$": 1, "many": [1, 2]}], "row": [0, 1, 2],
}  # fmt: skip
DECLARED = ", ".join(f"{name}: any" for name in [*GIVEN, "nan", "table", "series"])


@pytest.mark.parametrize("kind", ["python", "notebook"])
def test_values_of_every_kind_come_back_equal(ran, folder, kind):
    (folder / "kinds.py").write_text(KINDS, encoding="utf-8")
    write(folder, "kinds.ipynb", KINDS)
    where = "file: kinds.py" if kind == "python" else "path: kinds.ipynb"
    check = f"assert dict({', '.join(f'{name}={name}' for name in GIVEN)}) == {GIVEN!r}; assert nan != nan"
    check = check.replace("-inf", "-float('inf')").replace("datetime.", "dt.")
    (folder / "check.py").write_text(
        f"import datetime as dt\nfrom uuid import UUID\nfrom decimal import Decimal\n{check}\n"
        "assert list(table.a) == [1, 2] and list(table.index) == ['p', 'q'] and list(series['value']) == [1, 2]\n"
    )
    bound = ", ".join(f'{name}: "{{{{ kinds.{name} }}}}"' for name in [*GIVEN, "nan", "table", "series"])
    done = ran(
        f"{{id: kinds, type: {kind}, {where}, outputs: {{{DECLARED}}}}}",
        f"{{id: check, type: python, file: check.py, inputBindings: {{{bound}}}}}",
    )
    assert done.status == "completed", str(done)


# --- python ---------------------------------------------------------------------------------------------------------

PYTHON_FAILURES = {
    'code: "x = 1\\ny = x / 0"': "ZeroDivisionError: line 2: division by zero",
    'code: "import sys; sys.exit(3)"': "SystemExit: the code ended itself by sys.exit(3)",
    "code: raise KeyboardInterrupt": "KeyboardInterrupt",
    'code: "x = = 2"': "SyntaxError: line 1: invalid syntax",
    "code: \"o = open(1, 'w', closefd=False)\", outputs: {o: any}": "OutputError: output `o` cannot be kept: a _io.TextIOWrapper",
    'code: "o = []; o.append(o)", outputs: {o: any}': "it contains itself",
    'code: "o = {1: 2}", outputs: {o: any}': "the key 1 is no text",
    "code: o = 'x', outputs: {o: integer}": "should be integer, but it is string: 'x'",
    "code: pass, outputs: {o: integer}": "output `o` (integer) was declared, but not set",
    "file: nosuch.py": "nosuch.py cannot be read: No such file or directory",
    "file: bytes.py": "NotAText: the task's file",
    "file: broken.py": "SyntaxError: line 1:",
    'function: "nosuch_module:f"': "there is no module `nosuch_module`",
    'function: "os:nosuch"': "the module `os` has no `nosuch`",
    "function: nosuch": "there is no function `nosuch` in the kernel",
    'function: "os:sep"': "`os:sep` is no function",
    'function: "os:getcwd", inputBindings: {a: 1}': "TypeError: ",
    "code: \"raise ValueError('[/] [b]x[/b] \\\\x1b[2J \\\\u202e')\"": "ValueError: line 1: [/] [b]x[/b] \ufffd[2J \ufffd",
}


@pytest.mark.parametrize(("fields", "told"), PYTHON_FAILURES.items(), ids=lambda value: value[:40])
def test_a_python_task_that_fails_says_where_and_why(fails, folder, fields, told):
    (folder / "bytes.py").write_bytes(b"x = '\xff'")
    (folder / "broken.py").write_text("x = = 2")
    assert told in fails(f"{{id: a, type: python, {fields}}}")


def test_what_a_task_prints_is_its_log_line_by_line_and_nobody_elses_output(ran, folder, capsys):
    (folder / "prints.py").write_text(
        "import sys\ndef f():\n    print('begun', end=' ')\n    print('whole\\nsecond')\n    sys.stderr.write('warned')\n"
    )
    code = "import threading; print('mine'); t = threading.Thread(target=lambda: print('of a thread')); t.start(); t.join()"
    done = ran('{id: a, type: python, function: "prints:f"}', f'{{id: b, type: python, code: "{code}"}}')
    assert done.status == "completed" and capsys.readouterr().out == ""
    logs = {path.parent.parent.name: path.read_text().splitlines() for path in folder.rglob("log.txt")}
    assert [line.split(" ", 1)[1] for line in logs["a"]] == ["begun whole", "second", "warned"]
    assert [line.split(" ", 1)[1] for line in logs["b"]] == ["mine", "of a thread"]


def test_a_task_may_print_into_a_file_of_its_own(ran, folder):
    ran(f"{{id: a, type: python, code: \"with open('{folder}/own.txt', 'w') as f: print('x', file=f)\"}}")
    assert (folder / "own.txt").read_text() == "x\n"


def test_standard_streams_are_as_before_when_no_task_runs():
    before = sys.stdout, sys.stderr
    with printed_to(lambda line: None):
        with printed_to(lambda line: None):
            assert sys.stdout is not before[0]
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before


# --- sql ------------------------------------------------------------------------------------------------------------

SQL_FAILURES = {
    'query: "SELEC 1"': "syntax error",
    'query: "SELECT *\\nFROM nosuch"': "nosuch",
    'query: "SELECT 1; SELECT 2"': "write `statements: many`",
    'query: "-- nothing"': "the query holds no statement",
    "file: nosuch.sql": "nosuch.sql cannot be read",
    'connection: "nosuch://x", query: SELECT 1': "SQLAlchemy knows no database `nosuch`",
    "connection: no url, query: SELECT 1": "ConnectionError: there is no connection `no url`",
    'query: "SELECT * FROM {t}", identifiers: {t: {value: evil, allow: [a, b]}}': "none of a, b",
}


@pytest.mark.parametrize(("fields", "told"), SQL_FAILURES.items(), ids=lambda value: value[:40])
def test_a_query_that_fails_says_why(fails, fields, told):
    assert told in fails(f"{{id: a, type: sql, {fields}}}")


def test_a_parameter_in_a_file_that_is_not_bound_is_named(fails, tmp_path):
    (tmp_path / "query.sql").write_text("SELECT :x")
    assert "`:x` is not bound" in fails(f"{{id: a, type: sql, file: '{tmp_path / 'query.sql'}'}}")


def test_a_databases_caret_stands_below_its_query(fails):
    lines = fails('{id: a, type: sql, query: "SELECT *\\nFROM nosuch"}').splitlines()
    assert any("FROM nosuch" in line for line in lines) and any(set(line.strip(" │└─")) == {"^"} for line in lines)


def test_a_driver_that_is_missing_names_the_extra_that_brings_it(fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    told = fails('{id: a, type: sql, connection: "postgresql://u:geheim@127.0.0.1:1/x", query: SELECT 1}')
    assert 'pip install "yamlflow_nb[postgres]"' in told and "geheim" not in told


def first(execution, node="a"):
    return execution.nodes[node].outputs["first"]


def test_a_row_of_any_kind_is_readable(ran):
    query = (
        "SELECT sum(x) AS total, DATE '2020-01-02' AS day, TIMESTAMP '2020-01-02 10:00:00' AS moment, NULL::INT AS none, "
        "[1, 2] AS list, {'a': 1} AS struct, INTERVAL 1 DAY AS span, TIME '10:00:00' AS clock, "
        "9007199254740993::BIGINT AS big, 'NaN'::DOUBLE AS nan FROM range(10) t(x)"
    )
    assert first(ran(f'{{id: a, type: sql, query: "{query}"}}')) == {
        "total": 45, "day": dt.date(2020, 1, 2), "moment": dt.datetime(2020, 1, 2, 10), "none": None, "list": [1, 2],
        "struct": {"a": 1}, "span": "1 days 00:00:00", "clock": "10:00:00", "big": 9007199254740993, "nan": None,
    }  # fmt: skip


def test_a_sum_of_large_integers_loses_no_digit(ran):
    done = ran('{id: a, type: sql, query: "SELECT sum(x) AS s FROM (VALUES (9007199254740992), (1)) t(x)"}')
    assert first(done)["s"] == 9007199254740993
    assert ran('{id: a, type: sql, query: "SELECT sum(9223372036854775807) AS s FROM range(3)"}').status == "completed"


def test_files_that_a_query_names_and_a_sqlite_file_lie_beside_the_pipeline(ran, folder):
    (folder / "rows.csv").write_text("a\n1\n2\n")
    assert first(ran("{id: a, type: sql, query: \"SELECT sum(a) AS s FROM 'rows.csv'\"}")) == {"s": 3}
    done = ran(
        '{id: a, type: sql, connection: "sqlite:///here.db", query: "CREATE TABLE t AS SELECT 4 AS n"}',
        '{id: b, type: sql, connection: "sqlite:///here.db", query: "SELECT n FROM t", startWhen: "event:a.completed"}',
    )
    assert first(done, "b") == {"n": 4} and (folder / "here.db").exists()


def test_a_list_is_bound_as_parameters(ran):
    query = "SELECT count(*) AS c FROM range(9) t(x) WHERE x IN :xs"
    done = ran(f'{{id: a, type: sql, query: "{query}", inputBindings: {{xs: [1, 2, 30]}}}}')
    assert first(done) == {"c": 2}


# --- notebook -------------------------------------------------------------------------------------------------------

NOTEBOOK_FAILURES = {
    "path: error.ipynb": "ZeroDivisionError: cell 2, line 3: division by zero",
    "path: error.ipynb, inputBindings: {a: 1}": "ZeroDivisionError: cell 2, line 3: division by zero",
    "path: syntax.ipynb": "SyntaxError: cell 1, line 1: invalid syntax",
    "path: killed.ipynb": "KernelDied: cell 1: the kernel ended itself (exit code 3)",
    "path: handle.ipynb, outputs: {o: any}": "OutputError: output `o` cannot be kept: a _io.TextIOWrapper",
    "path: handle.ipynb, outputs: {other: any}": "output `other` (any) was declared, but not set",
    "path: nosuch.ipynb": "nosuch.ipynb cannot be read: No such file or directory",
    "path: text.ipynb": "NotANotebook: ",
    "path: error.ipynb, kernel: nosuch": "there is no kernel `nosuch`; installed: `python3`",
}


@pytest.mark.parametrize(("fields", "told"), NOTEBOOK_FAILURES.items(), ids=lambda value: value[:40])
def test_a_notebook_that_fails_says_cell_line_and_error(fails, folder, fields, told):
    write(folder, "error.ipynb", "a = 1", "def f():\n    return a / 0\nf()")
    write(folder, "syntax.ipynb", "x = = 2")
    write(folder, "killed.ipynb", "import os\nos._exit(3)")
    write(folder, "handle.ipynb", "o = open('/dev/null')")
    (folder / "text.ipynb").write_bytes(b"\xff no notebook")
    assert told in fails(f"{{id: a, type: notebook, {fields}}}")


def test_a_notebook_is_not_written_and_its_kernels_own_words_reach_no_terminal(ran, folder, capfd):
    write(folder, "quiet.ipynb", "x = 1")
    before = (folder / "quiet.ipynb").read_bytes()
    done = ran("{id: a, type: notebook, path: quiet.ipynb, outputs: {x: integer}}")
    assert done.nodes["a"].outputs["x"] == 1 and (folder / "quiet.ipynb").read_bytes() == before
    assert "".join(capfd.readouterr()) == ""
