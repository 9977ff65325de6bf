"""``store``: asked with SQL, exported, counted, backed up, and never changed."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import Said, Terminals

PIPELINE = """\
name: sums
inputVariables: {n: {type: integer, default: 3}}
nodes:
  - id: load
    type: python
    code: |
        square = n * n
        text = 'a;b,\\n"c"'
    inputBindings: {n: "{{ pipeline.input.n }}"}
    outputs: {square: integer, text: string}
"""


@pytest.fixture
def ran(place, said: Said):
    (place / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    for n in (3, 4):
        assert said("run", "p.yaml", "--input", f"n={n}")[0] == 0
    return place


def test_a_query_is_answered_as_a_table_as_csv_and_as_json(ran, said: Said) -> None:
    sql = "SELECT node, state, count(*) AS times FROM nodes GROUP BY node"
    assert said("store", "query", sql)[1].splitlines() == ["node  state      times", "load  completed  2"]
    assert said("store", "query", sql, "--csv")[1] == "node,state,times\nload,completed,2\n"
    assert json.loads(said("store", "query", sql, "--json")[1]) == [{"node": "load", "state": "completed", "times": 2}]
    assert said("store", "query", "SELECT 1 WHERE 0") == (0, "", "no rows\n")


def test_a_query_may_look_into_json_and_columns_of_one_name_keep_apart(ran, said: Said) -> None:
    sql = "SELECT key, v.value AS whole, json_each.value AS whole FROM variables v, json_each(v.value) WHERE name = 'n'"
    found = json.loads(said("store", "query", f"{sql} ORDER BY v.value", "--json")[1])
    assert found == [{"key": None, "whole": "3", "whole_2": 3}, {"key": None, "whole": "4", "whole_2": 4}]


def test_a_query_does_not_wait_for_pandas(ran) -> None:
    asked = "from yamlflow_nb.cli import main; main(['store', 'query', 'SELECT count(*) FROM nodes'])"
    loaded = f"import atexit, sys; atexit.register(lambda: print('pandas' in sys.modules, 'numpy' in sys.modules)); {asked}"
    outcome = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, env=dict(os.environ))
    assert outcome.stdout.split()[-3:] == ["2", "False", "False"], outcome.stderr


REFUSED = [
    "DELETE FROM events", "DROP TABLE events", "CREATE TABLE x (y)", "PRAGMA user_version = 7", "ATTACH 'new.db' AS new",
    "SELECT nosuch", "SELECT 1; DELETE FROM events", "", "no sql", "VACUUM INTO 'copy.db'",
]  # fmt: skip


@pytest.mark.parametrize("sql", REFUSED)
def test_a_query_changes_nothing_and_one_that_cannot_be_answered_is_told(ran, said: Said, sql: str) -> None:
    before = said("store", "query", "SELECT count(*) AS n FROM events")[1]
    code, out, err = said("store", "query", sql)
    assert said("store", "query", "SELECT count(*) AS n FROM events")[1] == before
    assert said("store", "query", "PRAGMA user_version")[1].split() == ["user_version", "0"]
    assert not (ran / "new.db").exists() and not (ran / "copy.db").exists()
    assert (code, out) == (2, "") and "error YF730: " in err


def test_all_tables_go_into_a_folder_and_one_into_a_file(ran, said: Said) -> None:
    assert said("store", "export", "out")[0] == 0
    names = sorted(path.name for path in (ran / "out").iterdir())
    assert names == ["decisions.csv", "events.csv", "executions.csv", "nodes.csv", "published.csv", "variables.csv"]
    assert said("store", "export", "runs.json")[0] == 0
    told = json.loads((ran / "runs.json").read_text(encoding="utf-8"))
    assert [one["inputs"] for one in told] == [{"n": 3}, {"n": 4}]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_every_format_holds_the_same_rows(ran, said: Said, kind: str) -> None:
    assert said("store", "export", f"v.{kind}", "--table", "variables")[0] == 0
    stored = json.loads(said("store", "query", "SELECT * FROM variables", "--json")[1])
    if kind == "csv":
        with (ran / "v.csv").open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
    elif kind == "json":
        found = [{**row, "value": json.dumps(row["value"])} for row in json.loads((ran / "v.json").read_text(encoding="utf-8"))]
        stored = [{**row, "value": json.dumps(json.loads(row["value"]))} for row in stored]
    else:
        found = pd.read_parquet(ran / "v.parquet").to_dict("records")
    assert found == stored


def test_columns_without_values_keep_their_type_in_parquet(ran, said: Said) -> None:
    said("store", "export", "n.parquet", "--table", "nodes")
    kinds = pd.read_parquet(ran / "n.parquet").dtypes.astype(str).to_dict()
    assert (kinds["attempts"], kinds["started_at"]) == ("int64", "float64") and len(kinds) == 9


WRONG = {"runs.xlsx": "YF731", "runs.csv --table nosuch": "YF731", "there.csv": "YF729"}


@pytest.mark.parametrize(("arguments", "wanted"), WRONG.items())
def test_an_export_that_cannot_be_made_is_told_and_nothing_is_overwritten(ran, said: Said, arguments, wanted) -> None:
    (ran / "there.csv").write_text("mine")
    code, out, err = said("store", "export", *arguments.split())
    assert (code, out) == (2, "") and f"error {wanted}: " in err
    assert (ran / "there.csv").read_text() == "mine"
    assert said("store", "export", "there.csv", "--force")[0] == 0


def test_info_counts_what_is_there(ran, said: Said) -> None:
    found = json.loads(said("store", "info", "--json")[1])
    assert found["executions"] == {"completed": 2} and found["rows"]["nodes"] == 2 and found["bytes"] > 0
    assert "2 completed" in said("store", "info")[1]


def test_a_backup_is_a_whole_store_that_opens(ran, said: Said) -> None:
    made = json.loads(said("store", "backup", "--json")[1])["backup"]
    assert sqlite3.connect(made).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert said("list", "--store", made)[1].count("completed") == 2
    assert made in said("store", "info")[1]
    code, _, err = said("store", "backup", made)
    assert code == 2 and "YF729" in err


@pytest.mark.parametrize("verb", ["query 1", "export x.csv", "info", "backup"])
def test_without_a_store_it_is_said_and_none_is_made(place, said: Said, verb: str) -> None:
    code, out, err = said("store", *verb.split())
    assert (code, out) == (2, "") and "error YF711: " in err and not (place / "state").exists()


@pytest.mark.parametrize("verb", ["query 1", "export x.csv", "info", "backup b.bak"])
def test_a_file_that_is_no_store_is_told(place, said: Said, verb: str) -> None:
    (place / "notes.txt").write_text("no database " * 1000)
    code, out, err = said("store", *verb.split(), "--store", "notes.txt")
    assert (code, out) == (2, "") and "error YF" in err


# --- gc ---------------------------------------------------------------------------------------------------------------------

TABLES = """\
name: tables
inputVariables: {n: {type: integer, default: 3}}
nodes:
  - id: make
    type: python
    code: "import pandas as pd; print('made'); t = pd.DataFrame({'n': [n]})"
    inputBindings: {n: "{{ pipeline.input.n }}"}
    outputs: {t: dataframe}
"""


def aged(folder: Path, days: float) -> None:
    """Everything that lies there, as if it had been written so many days ago; what ended, ended then."""
    for path in (folder / "state").rglob("*"):
        os.utime(path, (time.time() - days * 86_400,) * 2)
    with closing(sqlite3.connect(folder / "state" / "store.db")) as store, store:
        store.execute("UPDATE executions SET finished_at = finished_at - ?", (days * 86_400,))


@pytest.fixture
def tables(place: Path, said: Said) -> Path:
    (place / "t.yaml").write_text(TABLES, encoding="utf-8")
    for n in (1, 2):
        assert said("run", "t.yaml", "--input", f"n={n}")[0] == 0
    return place


def parquet(folder: Path) -> int:
    return len(list((folder / "state" / "artifacts").rglob("*.parquet")))


def test_gc_removes_old_executions_with_their_files_and_objects(tables: Path, said: Said) -> None:
    aged(tables, 40)
    assert said("run", "t.yaml", "--input", "n=3")[0] == 0
    assert parquet(tables) == 3
    code, out, _ = said("store", "gc", "--older-than", "30d", "--dry-run")
    assert code == 0 and out.startswith("would remove 2 executions and 2 objects") and parquet(tables) == 3
    assert "removed 2 executions and 2 objects" in said("store", "gc", "--older-than", "30d")[1]
    assert parquet(tables) == 1 and len(list((tables / "state" / "runs").iterdir())) == 1
    for table in ("executions", "facts", "events", "nodes", "variables", "given"):
        key = "id" if table == "executions" else "execution_id"
        assert json.loads(said("store", "query", f"SELECT count(DISTINCT {key}) AS n FROM {table}", "--json")[1]) == [{"n": 1}]
    assert "completed" in said("show")[1]


def test_gc_keeps_the_newest_of_each_pipeline_and_what_they_share(tables: Path, said: Said) -> None:
    assert said("run", "t.yaml", "--input", "n=1")[0] == 0
    aged(tables, 40)
    assert "removed 2 executions and 1 objects" in said("store", "gc", "--older-than", "30d", "--keep-last", "1")[1]
    assert parquet(tables) == 1


def test_gc_without_an_age_removes_only_what_nothing_refers_to(tables: Path, said: Said) -> None:
    lost = tables / "state" / "artifacts" / "ab" / ("ab" * 32 + ".parquet")
    lost.parent.mkdir(exist_ok=True)
    lost.write_bytes(b"of an attempt that was killed before its commit")
    assert "removed 0 executions and 0 objects" in said("store", "gc")[1]
    os.utime(lost, (1, 1))
    assert "removed 0 executions and 1 objects" in said("store", "gc")[1]
    assert not lost.exists() and parquet(tables) == 2


def test_gc_leaves_alone_what_has_not_ended(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    for path in (terminals.folder / "state").rglob("*"):
        if not path.name.startswith("store.db"):
            os.utime(path, (1, 1))
    assert "removed 0 executions" in said("store", "gc", "--older-than", "0s")[1]
    terminals.let_go()
    assert run.wait(30) == 0


def test_an_age_that_is_none_is_told(tables: Path, said: Said) -> None:
    code, _, err = said("store", "gc", "--older-than", "old")
    assert code == 2 and "YF712" in err and "30d" in err
