"""SQL tasks on DuckDB and on SQLite files: values, names, several statements, connections, what errors must not show."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.executors.running import Folder, failure
from yamlflow_nb.executors.bound_sql import bound_sql, statements
from yamlflow_nb.executors.database import without_password
from yamlflow_nb.testing import validate


@pytest.fixture
def database(folder: Folder) -> Path:
    """A SQLite file with a table, beside the pipeline."""
    path = folder.path / "flights.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE flights (month INTEGER, origin TEXT)")
        made.executemany("INSERT INTO flights VALUES (?, ?)", [(1, "JFK"), (2, "LGA"), (2, "EWR"), (3, "it's")])
    made.close()
    return path


def _first(folder: Folder, query: str, inputs: dict[str, Any] | None = None, **fields: Any) -> Any:
    execution = folder.node("sql", inputs, query=query, **fields)
    assert execution.status == "completed", str(execution)
    return execution.nodes["a"].outputs.get("first")


ON = pytest.mark.parametrize("connection", ["duckdb", "sqlite:///flights.db"])
INJECTIONS = [
    "2025-01-01'; DROP TABLE flights; --", "' OR '1'='1", '"; DROP TABLE flights; --', "x') UNION SELECT sql FROM sqlite_master --",
    "\\'; DROP TABLE flights; --", "%27 OR 1=1", "1; ATTACH 'stolen.db' AS s", "{{ 1 }}", ":other", "{table}", "$other", "?",
    "\x00' OR 1=1", "\xad\u202e' OR 1=1 --",
]  # fmt: skip


@ON
@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.trust("B16")
def test_a_value_is_a_value_whatever_it_holds(folder: Folder, database: Path, connection: str, value: str) -> None:
    got = _first(folder, "SELECT :value AS given", {"value": value, "other": "stolen"}, connection=connection)
    assert got["given"] == value
    with sqlite3.connect(database) as kept:
        assert kept.execute("SELECT count(*) FROM flights").fetchone() == (4,)
    kept.close()


@ON
@pytest.mark.trust("B16")
def test_a_list_expands_in_an_in_and_an_empty_one_holds_nothing(folder: Folder, database: Path, connection: str) -> None:
    table = "flights" if connection != "duckdb" else "(VALUES (1), (2), (2), (3)) f(month)"
    query = f"SELECT count(*) AS n FROM {table} WHERE month"
    assert _first(folder, f"{query} IN :months", {"months": [2, 3]}, connection=connection) == {"n": 3}
    assert _first(folder, f"{query} IN :months", {"months": []}, connection=connection) == {"n": 0}
    assert _first(folder, f"{query} NOT IN :months", {"months": []}, connection=connection) == {"n": 4}


def test_items_of_a_list_and_parameters_do_not_share_names() -> None:
    query, values = bound_sql("SELECT :m_0 WHERE 1 IN :m", {"m_0": "mine", "m": [7]}, {}, ":")
    assert query == "SELECT :m_0 WHERE 1 IN (:m_0_)" and values == {"m_0": "mine", "m_0_": 7}


@pytest.mark.trust("B16")
def test_colons_in_texts_and_comments_are_no_parameters(folder: Folder, database: Path) -> None:
    got = _first(folder, "SELECT ':a' AS a, '12:30:00' AS b /* :c */ -- :d", connection="sqlite:///flights.db")
    assert got == {"a": ":a", "b": "12:30:00"}


IDENTIFIER = {"table": {"value": "{{ pipeline.input.table }}", "allow": ["flights", "main.flights"]}}


@pytest.mark.parametrize("named", ["flights", "main.flights"])
@pytest.mark.trust("B16")
def test_an_allowed_name_is_quoted_by_the_dialect(folder: Folder, database: Path, named: str) -> None:
    got = _first(
        folder, "SELECT count(*) AS n FROM {table}", {"table": named}, connection="sqlite:///flights.db", identifiers=IDENTIFIER
    )
    assert got == {"n": 4}


@pytest.mark.parametrize("named", ["sqlite_master", 'flights"; DROP TABLE flights; --', "FLIGHTS", ""])
@pytest.mark.trust("B16")
def test_any_other_name_is_refused(folder: Folder, database: Path, named: str) -> None:
    execution = folder.node(
        "sql", {"table": named}, query="SELECT * FROM {table}", connection="sqlite:///flights.db", identifiers=IDENTIFIER
    )
    assert "none of flights, main.flights" in failure(execution)


@pytest.mark.parametrize("given", ['"{{ a.t }}"', '{value: "{{ a.t }}"}', "{value: x, allow: all}"])
@pytest.mark.trust("B16")
def test_a_name_that_the_run_decides_needs_its_list(given: str) -> None:
    text = "name: p\nnodes:\n- {id: a, type: python, code: t = 1, outputs: {t: string}}\n- {id: b, type: sql, query: 'SELECT {t}'"
    found = validate(f"{text}, identifiers: {{t: {given}}}}}")
    assert any("allow: [...]" in one.message for one in found), [one.message for one in found]


@pytest.mark.trust("B16")
def test_a_template_in_a_file_of_sql_is_refused(folder: Folder) -> None:
    (folder.path / "q.sql").write_text("SELECT {{ x }}")
    assert "bind parameters" in failure(folder.node("sql", file="q.sql"))


@ON
@pytest.mark.trust("B16")
def test_one_statement_unless_many_are_declared(folder: Folder, database: Path, connection: str) -> None:
    query = "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7), (8); SELECT sum(n) AS n FROM t; -- done;"
    assert "`statements: many`" in failure(folder.node("sql", query=query, connection=connection))
    assert _first(folder, query, connection=connection, statements="many") == {"n": 15}
    assert "holds no statement" in failure(folder.node("sql", query="-- nothing", connection=connection))


def test_semicolons_in_texts_end_no_statement() -> None:
    assert statements("SELECT ';' ; -- a;b\n; SELECT $x$;$x$;") == ["SELECT ';'", "SELECT $x$;$x$"]


def test_rows_that_a_statement_changed_are_counted(folder: Folder, database: Path) -> None:
    execution = folder.node("sql", query="DELETE FROM flights WHERE month = 2", connection="sqlite:///flights.db")
    assert execution.nodes["a"].outputs["row_count"] == 2
    with sqlite3.connect(database) as kept:
        assert kept.execute("SELECT count(*) FROM flights").fetchone() == (2,)
    kept.close()


def test_a_failing_statement_undoes_the_ones_before_it(folder: Folder, database: Path) -> None:
    query = "DELETE FROM flights; SELECT * FROM nothing"
    assert folder.node("sql", query=query, connection="sqlite:///flights.db", statements="many").status == "failed"
    with sqlite3.connect(database) as kept:
        assert kept.execute("SELECT count(*) FROM flights").fetchone() == (4,)
    kept.close()


def test_dataframes_and_files_appear_as_tables(folder: Folder) -> None:
    (folder.path / "airports.csv").write_text("origin,name\nJFK,Kennedy\n")
    execution = folder.run("""\
name: p
nodes:
  - {id: make, type: python, outputs: {table: dataframe, csv: file},
     code: "import pandas as pd; csv = 'airports.csv'; table = pd.DataFrame({'origin': ['JFK', 'LGA'], 'n': [1, 2]})"}
  - {id: a, type: sql, query: "SELECT name, n FROM t JOIN c USING (origin)",
     inputBindings: {t: "{{ make.table }}", c: "{{ make.csv }}"}}
""")
    assert execution.nodes["a"].outputs["first"] == {"name": "Kennedy", "n": 1}, str(execution)


def test_few_rows_are_given_by_value_where_max_inline_says_so(folder: Folder) -> None:
    query = "SELECT n, DATE '2024-01-31' AS day FROM range(3) t(n)"
    rows = folder.node("sql", query=query, maxInline=3).nodes["a"].outputs["rows"]
    assert rows == [{"n": n, "day": dt.date(2024, 1, 31)} for n in range(3)]
    assert "rows" not in folder.node("sql", query=query, maxInline=2).nodes["a"].outputs
    assert "rows" not in folder.node("sql", query=query).nodes["a"].outputs
    assert "rows" in folder.node("sql", query=query, maxInline="1KiB").nodes["a"].outputs
    assert "rows" not in folder.node("sql", query="SELECT * FROM range(500)", maxInline="1KiB").nodes["a"].outputs


# --- connections ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "table"), [("yamlflow.toml", "connections"), ("pyproject.toml", "tool.yamlflow.connections")])
def test_a_connection_is_configured_by_name(folder: Folder, database: Path, file: str, table: str) -> None:
    (folder.path / file).write_text(f'[{table}]\nflights = "sqlite:///flights.db"\n')
    assert _first(folder, "SELECT count(*) AS n FROM flights", connection="flights") == {"n": 4}


def test_an_unknown_connection_is_told_with_the_known_ones(folder: Folder) -> None:
    (folder.path / "yamlflow.toml").write_text('[connections.flights]\nurl = "sqlite:///flights.db"\n')
    told = failure(folder.node("sql", query="SELECT 1", connection="flihgts"))
    assert told == "there is no connection `flihgts`; configured: `flights`"


def test_a_configuration_that_cannot_be_read_is_told(folder: Folder) -> None:
    (folder.path / "yamlflow.toml").write_text("[connections\n")
    assert "yamlflow.toml cannot be read" in failure(folder.node("sql", query="SELECT 1", connection="flights"))


PASSWORD = "hush/hush@4711:x"


@pytest.mark.parametrize(
    "connection",
    [
        {"url": "postgresql://127.0.0.1:1/db", "user": "me", "password": "{{ secrets.db }}"},
        "configured",
        {"url": "sqlite://host/nowhere/x.db", "user": "me", "password": "{{ secrets.db }}"},
        "no-such-thing://me:hush%2Fhush%404711%3Ax@host/db",
        "postgresql://me:hush%2Fhush%404711%3Ax@127.0.0.1:1/db?nonsense=1",
    ],
)
@pytest.mark.trust("B20")
def test_no_error_and_no_file_shows_the_password(folder: Folder, monkeypatch: pytest.MonkeyPatch, connection: Any) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_DB", PASSWORD)
    text = '[connections.configured]\nurl = "postgresql://127.0.0.1:1/db"\nuser = "me"\npassword = "{{ secrets.db }}"\n'
    (folder.path / "yamlflow.toml").write_text(text)
    execution = folder.node("sql", query="SELECT 1", connection=connection)
    assert execution.status == "failed"
    folder.close()
    shown = failure(execution) + "".join(
        path.read_bytes().decode("latin-1") for path in Path(folder.store).parent.rglob("*") if path.is_file()
    )
    # What the author wrote into the definition itself is in the definition; nothing else may show it.
    written = shown.replace("hush%2Fhush%404711%3Ax@", "") if isinstance(connection, str) and "hush" in connection else shown
    assert PASSWORD not in shown and "hush%2Fhush" not in written, failure(execution)


@pytest.mark.trust("B20")
def test_urls_show_no_password() -> None:
    assert without_password("a mysql+pymysql://u:p%40:@h/d b") == "a mysql+pymysql://u:•••@h/d b"


@pytest.mark.trust("F32")
@pytest.mark.parametrize("connection", ["duckdb", "sqlite:///flights.db"])
def test_a_query_that_takes_too_long_is_stopped_in_the_database(folder: Folder, database: Path, connection: str) -> None:
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    if connection == "duckdb":
        endless = "SELECT count(*) FROM range(3000000) a, range(3000000) b WHERE a.range * b.range % 7 = 3"
    execution = folder.node("sql", query=endless, connection=connection, timeout="1s")
    assert execution.nodes["a"].reason == "timeout"
    until = time.monotonic() + 8
    while _busy_workers() and time.monotonic() < until:
        time.sleep(0.05)
    assert not _busy_workers()


def _busy_workers() -> list[str]:
    """The worker threads that are in an executor."""
    import sys
    import threading

    names = {thread.ident: thread.name for thread in threading.enumerate()}
    found = []
    for ident, frame in sys._current_frames().items():
        stack = []
        step: Any = frame
        while step is not None:
            stack.append(step.f_code.co_filename)
            step = step.f_back
        if names.get(ident, "").startswith("yamlflow-task") and any(file.endswith("executors/sql.py") for file in stack):
            found.append(names[ident])
    return found


@pytest.mark.trust("B20")
def test_a_password_that_stands_in_a_connection_is_masked_like_a_secret(folder: Folder) -> None:
    from yamlflow_nb.domain.event import AttemptKey
    from yamlflow_nb.domain.ports.settings import NoSettings
    from yamlflow_nb.domain.work import TaskFailed, Work
    from yamlflow_nb.executors.database import opened_database

    hidden: list[str] = []
    key = AttemptKey("a", 1, 0, None, 1)
    work = Work("e", key, "sql", {}, {}, {}, folder.path, folder.path, hide=hidden.append)
    with pytest.raises(TaskFailed, match="SQLAlchemy knows no database"):
        opened_database("nosuch://me:hush%2F4711@/x.db", work, NoSettings())
    assert hidden == ["hush/4711"]
