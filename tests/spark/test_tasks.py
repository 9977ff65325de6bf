"""Pyspark tasks as they are written: SQL, code, functions and files; tables in, tables out."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import yamlflow_nb as yf
from tests.executors.running import Folder, failure
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.testing import validate

MAKE = """\
name: p
nodes:
  - id: make
    type: python
    outputs: {table: dataframe}
    code: |
      import pandas as pd
      table = pd.DataFrame({"origin": ["JFK", "LGA", "JFK"], "delay": [10, 20, 30]})
"""


def outputs(execution: Execution, node: str = "a") -> dict[str, Any]:
    assert execution.status == "completed", f"{execution}\n{execution.nodes[node].error}"
    return execution.nodes[node].outputs


@pytest.mark.trust("F38:Spark")
def test_a_query_reads_tables_of_other_nodes_and_its_result_is_one_for_them(folder: Folder) -> None:
    execution = folder.run(
        MAKE
        + """\
  - id: a
    type: pyspark
    sql: SELECT origin, sum(delay) AS delay FROM t WHERE delay >= :least GROUP BY origin ORDER BY origin
    inputBindings: {t: "{{ make.table }}", least: 15}
  - {id: duck, type: sql, query: "SELECT max(delay) AS most FROM t", inputBindings: {t: "{{ a.result }}"}}
  - {id: frame, type: python, code: "n = len(t)", inputBindings: {t: "{{ a.result }}"}, outputs: {n: integer}}
"""
    )
    found = outputs(execution)
    assert (found["row_count"], found["columns"], found["first"]) == (2, ["origin", "delay"], {"origin": "JFK", "delay": 30})
    reference = found["result"]
    assert set(reference) == {"path", "format", "size", "sha256", "schema", "rows"} and reference["rows"] == 2
    assert reference["format"] == "parquet" and list(reference["schema"]) == ["origin", "delay"]
    assert yf.read(reference, store=folder.store).to_dict("list") == {"origin": ["JFK", "LGA"], "delay": [30, 20]}
    assert outputs(execution, "duck")["first"] == {"most": 30} and outputs(execution, "frame") == {"n": 2}
    assert not list(folder.attempt(execution).glob("spark-*")), "what Spark wrote on the way is taken away"


def test_code_has_the_session_its_tables_and_leaves_values_and_tables(folder: Folder) -> None:
    execution = folder.run(
        MAKE
        + """\
  - id: a
    type: pyspark
    inputBindings: {t: "{{ make.table }}", factor: 2}
    outputs: {total: integer, doubled: dataframe, local: dataframe, row: object, rows: array}
    code: |
      from pyspark.sql import functions as F
      doubled = t.withColumn("delay", F.col("delay") * factor)
      total = doubled.agg(F.sum("delay")).first()[0]
      local = spark.table("t").toPandas()
      row = t.orderBy("delay").first()
      rows = t.orderBy("delay").limit(1).collect()
"""
    )
    found = outputs(execution)
    assert found["total"] == 120 and found["row"] == {"origin": "JFK", "delay": 10} and found["rows"] == [found["row"]]
    assert yf.read(found["doubled"], store=folder.store)["delay"].sum() == 120
    assert yf.read(found["local"], store=folder.store)["delay"].sum() == 60


def test_a_function_gets_the_session_when_it_asks_for_it_and_may_be_called_on_spark(folder: Folder) -> None:
    (folder.path / "work.py").write_text("""\
from pyspark.sql import SparkSession, functions as F

def twice(n):
    return n * 2

def asked(spark, n):
    return {"table": spark.range(n).select(F.udf(twice, "long")("id").alias("id")), "n": n}

def unasked(n):
    return SparkSession.getActiveSession().range(n)
""")
    found = outputs(folder.node("pyspark", {"n": 3}, {"table": "dataframe"}, function="work:asked"))
    assert found["n"] == 3 and sorted(yf.read(found["table"], store=folder.store)["id"]) == [0, 2, 4]
    found = outputs(folder.node("pyspark", {"n": 3}, {"result": "dataframe"}, function="work:unasked"))
    assert found["result"]["rows"] == 3


def test_a_file_is_a_program_or_a_query(folder: Folder) -> None:
    (folder.path / "work.py").write_text("n = spark.range(4).count()")
    assert outputs(folder.node("pyspark", outputs={"n": "integer"}, file="work.py")) == {"n": 4}
    (folder.path / "work.sql").write_text("-- one row\nSELECT :n + 1 AS n;\n")
    assert outputs(folder.node("pyspark", {"n": 4}, file="work.sql"))["first"] == {"n": 5}
    (folder.path / "bad.sql").write_text("SELECT {{ n }}")
    assert "bind parameters" in failure(folder.node("pyspark", file="bad.sql"))


@pytest.mark.parametrize("value", ["it's", '"; DROP TABLE t; --', ":n", "\\'", "{{ 1 }}"])
@pytest.mark.trust("B16:Spark")
def test_a_value_is_bound_whatever_it_holds(folder: Folder, value: str) -> None:
    got = outputs(folder.node("pyspark", {"v": value}, sql="SELECT :v AS v, ':v' AS text, \"it's :v\" AS other -- :w"))
    assert got["first"] == {"v": value, "text": ":v", "other": "it's :v"}


@pytest.mark.trust("B16:Spark")
def test_a_list_expands_in_an_in_and_an_empty_one_holds_nothing(folder: Folder) -> None:
    query = "SELECT count_if(id IN :some) AS a, count_if(id IN :none) AS b, count_if(id NOT IN :none) AS c FROM range(5)"
    got = outputs(folder.node("pyspark", {"some": [1, 2, 9], "none": []}, sql=query))
    assert got["first"] == {"a": 2, "b": 0, "c": 5}


@pytest.mark.trust("B16:Spark")
def test_values_keep_their_types_in_a_query_and_back(folder: Folder) -> None:
    given = {"d": dt.date(2013, 2, 1), "t": dt.datetime(2013, 2, 1, 12, 30), "x": Decimal("1.50"), "s": "ä", "yes": True}
    query = "SELECT " + ", ".join(f":{name} AS {name}" for name in given)
    got = outputs(folder.node("pyspark", given, sql=query))["first"]
    assert {name: got[name] for name in given if name != "t"} == {name: given[name] for name in given if name != "t"}
    assert got["t"].replace(tzinfo=None) == given["t"]


def test_a_parameter_that_is_not_bound_is_found_before_the_run() -> None:
    text = 'name: p\nnodes:\n- {id: a, type: pyspark, sql: "SELECT :mont AS m, `a:b`", inputBindings: {month: 1}}'
    assert [one.code for one in validate(text) if one.severity == "error"] == ["YF324"]


def test_a_file_is_a_path_for_a_program_and_a_table_for_sql(folder: Folder) -> None:
    (folder.path / "airports.csv").write_text("origin,seats\nJFK,180\n")
    execution = folder.run("""\
name: p
nodes:
  - {id: make, type: python, outputs: {csv: file}, code: "csv = 'airports.csv'"}
  - id: a
    type: pyspark
    inputBindings: {csv: "{{ make.csv }}"}
    outputs: {name: string, seats: integer}
    code: |
      name = type(csv).__name__
      seats = spark.sql("SELECT seats FROM csv").first().seats
""")
    found = outputs(execution)
    assert "Path" in found["name"] and found["seats"] == 180


def test_moments_of_pandas_are_read_and_those_of_spark_are_exact(folder: Folder) -> None:
    execution = folder.run("""\
name: p
nodes:
  - id: make
    type: python
    outputs: {table: dataframe}
    code: |
      import pandas as pd
      at = pd.to_datetime(["2013-02-01 12:30:00.123456"]).astype("datetime64[ns]")
      table = pd.DataFrame({"at": at, "zone": at.tz_localize("Europe/Berlin"), "nothing": [None]})
  - {id: a, type: pyspark, sql: "SELECT at, zone, timestamp'2013-02-01 00:00:00.000001Z' AS exact FROM t",
     inputBindings: {t: "{{ make.table }}"}}
""")
    found = yf.read(outputs(execution)["result"], store=folder.store).iloc[0]
    assert found["at"] == pd.Timestamp("2013-02-01 12:30:00.123456")
    assert found["zone"] == pd.Timestamp("2013-02-01 12:30:00.123456", tz="Europe/Berlin")
    assert found["exact"] == pd.Timestamp("2013-02-01 00:00:00.000001", tz="UTC")


def test_a_large_table_keeps_its_order_and_is_never_collected(folder: Folder) -> None:
    """The application refuses to give more than a megabyte to the process that asks (`spark.driver.maxResultSize`)."""
    code = "table = spark.range(0, 1_500_000, numPartitions=6).selectExpr('id', 'hash(id) * 1.5 AS x').orderBy('id')"
    found = outputs(folder.node("pyspark", outputs={"table": "dataframe"}, code=code))["table"]
    assert found["rows"] == 1_500_000 and found["size"] > 2 * 1024 * 1024
    assert yf.read(found, store=folder.store)["id"].is_monotonic_increasing


def test_an_empty_table_has_its_columns_and_a_statement_without_rows_no_result(folder: Folder) -> None:
    found = outputs(folder.node("pyspark", sql="SELECT id FROM range(5) WHERE id > 9"))
    assert found["row_count"] == 0 and "first" not in found and list(found["result"]["schema"]) == ["id"]
    assert outputs(folder.node("pyspark", sql="CREATE TEMP VIEW v AS SELECT 1 AS x")) == {"row_count": 0, "columns": []}


def test_what_is_printed_goes_to_the_log_and_the_session_is_not_stopped_by_a_program(folder: Folder, capfd: Any) -> None:
    code = "print('hello'); spark.range(2).show(); spark.stop(); n = spark.range(3).count()"
    execution = folder.node("pyspark", outputs={"n": "integer"}, code=code)
    log = folder.log(execution)
    assert outputs(execution) == {"n": 3} and "hello" in log and "| id|" in log
    assert "hello" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sql": "SELECT * FROM nothing"}, "[TABLE_OR_VIEW_NOT_FOUND] The table or view `nothing` cannot be found"),
        ({"sql": "SELEC 1"}, "[PARSE_SYNTAX_ERROR]"),
        ({"code": "\nspark.sql('SELECT 1/0').collect()"}, "line 2: [DIVIDE_BY_ZERO]"),
        ({"code": "from pyspark.sql.functions import udf\ndef f(x): raise ValueError('bad row')\n"
                  "spark.range(1).select(udf(f)('id')).collect()"},
         "in a Python function on Spark: ValueError: bad row"),
        ({"code": "n = 1"}, "output `table` (dataframe) was declared, but not set"),
        ({"code": "table = spark.range(1).select()"}, "output `table` is a table without columns"),
        ({"sql": "SELECT 1 AS x, 2 AS x"}, "[COLUMN_ALREADY_EXISTS]"),
        ({"code": "table = spark.sql('SELECT 1 AS x, 2 AS x')"}, "output `table`: [COLUMN_ALREADY_EXISTS]"),
    ],
)  # fmt: skip
def test_an_error_is_told_in_sparks_words_without_stacks_and_plans(
    folder: Folder, capfd: Any, fields: dict[str, str], told: str
) -> None:
    declared = None if "sql" in fields else {"table": "dataframe"}
    message = failure(folder.node("pyspark", outputs=declared, **fields))
    assert told in message
    assert "\tat " not in message and "UnresolvedRelation" not in message and len(message) < 800
    assert "SQLSTATE" not in "".join(capfd.readouterr()), "nothing of it reaches the page"


def test_a_table_in_a_folder_with_odd_letters_is_found(tmp_path: Path) -> None:
    odd = Folder(tmp_path / "a [b] {c} ä %20 *")
    odd.path.mkdir()
    try:
        execution = odd.run(MAKE + '  - {id: a, type: pyspark, sql: SELECT * FROM t, inputBindings: {t: "{{ make.table }}"}}\n')
        assert outputs(execution)["row_count"] == 3
    finally:
        odd.close()


def test_with_an_environment_of_its_own_it_runs_in_a_process_with_an_application_of_its_own(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_API", "hushhush42")
    execution = folder.run(
        MAKE
        + """\
  - id: a
    type: pyspark
    inputBindings: {t: "{{ make.table }}"}
    env: {TOKEN: "{{ secrets.api }}"}
    outputs: {table: dataframe, pid: integer, length: integer, n: integer}
    code: |
      import os
      from pyspark.sql.functions import udf
      print("token", os.environ["TOKEN"])
      pid, length, table = os.getpid(), len(os.environ["TOKEN"]), t.where("delay > 10")
      n = spark.range(1).select(udf(lambda x: len(os.environ["TOKEN"]), "long")("id")).first()[0]
"""
    )
    found = outputs(execution)
    assert found["pid"] != os.getpid() and found["length"] == found["n"] == 10 and found["table"]["rows"] == 2
    assert yf.read(found["table"], store=folder.store)["delay"].sum() == 50
    assert "hushhush42" not in "\n".join(folder.log(execution)) and "token •••" in "\n".join(folder.log(execution))
    assert "TOKEN" not in os.environ
