"""`python -m benchmarks.spark_beside_plain`: a query as a pyspark node beside the same query in plain pyspark. Writes
spark_results.json beside this file. Needs the extra `spark`; `make bench-spark` brings it.

Cold: a fresh process, from its start until the result lies on the disk, session included. Warm: queries on a session that is there;
of the node its own time (bindings, a session for the attempt, tag, query, Parquet into the pool, result), and the whole run from
`start` to its last commit. Both sides read the same Parquet file with the same settings and write Parquet.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Report, Row

HERE = Path(__file__).parent
ROWS = 2_000_000
QUERY = "SELECT key, count(*) AS n, avg(value) AS mean FROM t WHERE value > 0 GROUP BY key ORDER BY key"
SESSION = {
    "spark.sql.shuffle.partitions": "4",
    "spark.master": "local[2]",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
PIPELINE = json.dumps(
    {
        "name": "beside_plain",
        "inputVariables": {"t": {"type": "dataframe"}},
        "nodes": [
            {"id": "query", "type": "pyspark", "sql": QUERY, "session": SESSION, "inputBindings": {"t": "{{ pipeline.input.t }}"}}
        ],
    }
)


def main(times: int = 15, cold: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        reference = made_table(place)
        report = Report()
        sides: dict[str, list[float]] = {"plain": [], "node": []}
        for _ in range(cold):  # by turns: a machine that gets slower does so for both
            for side, raw in sides.items():
                raw.append(fresh_process(side, place, reference))
        plain = report.add(Row("Spark", "cold, plain pyspark", ROWS, sides["plain"]))
        node = report.add(Row("Spark", "cold, a pyspark node", ROWS, sides["node"]))
        report.find("Spark", "cold: node / plain", node.median / plain.median, "times")
        report.find("Spark", "cold: node - plain", node.median - plain.median, "s")
        warm(report, place, reference, times)
    results = {
        "versions": {name: version(name) for name in ("yamlflow_nb", "pyspark")} | {"python": platform.python_version()},
        "findings": [finding.to_dict() for finding in report.findings],
        "rows": [row.to_dict() for row in report.rows],
    }
    (HERE / "spark_results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for found in report.findings:
        print(f"{found.what:40} {found.value:.3g} {found.unit}")


def made_table(place: Path) -> dict[str, Any]:
    """The table in the pool of a store, as a node would have left it."""
    import yamlflow_nb as yf

    code = "import numpy as np, pandas as pd\nrandom = np.random.default_rng(0)\n"
    code += f"t = pd.DataFrame({{'key': random.integers(0, 1000, {ROWS}), 'value': random.normal(size={ROWS})}})"
    node = {"id": "make", "type": "python", "code": code, "outputs": {"t": "dataframe"}}
    run = yf.run(json.dumps({"name": "make", "nodes": [node]}), store=place / "store.db", folder=place)
    reference: dict[str, Any] = run.nodes["make"].outputs["t"]
    return reference


def fresh_process(side: str, place: Path, reference: dict[str, Any]) -> float:
    from yamlflow_nb.executors.spark.java import find_java, home_for_spark

    environment = dict(os.environ)
    if side == "plain":  # plain pyspark finds no Java that a package brought
        java, made = find_java(), place / "java"
        environment["JAVA_HOME"] = str(made if made.is_dir() else home_for_spark(java, place)) if java is not None else ""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.spark_beside_plain", side, str(place), json.dumps(reference)]
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=HERE.parent, env=environment, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def warm(report: Report, place: Path, reference: dict[str, Any], times: int) -> None:
    """In one process, on one application: the node's, which plain pyspark finds as the running one."""
    import yamlflow_nb as yf

    raw: dict[str, list[float]] = {"plain": [], "node": [], "run": []}
    for number in range(times + 3):
        started = time.perf_counter()
        run = yf.run(PIPELINE, {"t": reference}, store=place / "store.db", folder=place)
        ended = time.perf_counter()
        plain = plain_query(place, reference)
        if number >= 3:  # the first few queries of a JVM are slow, whoever asks
            node = run.nodes["query"]
            raw["run"].append(ended - started)
            raw["node"].append(node.finished_at - node.started_at)
            raw["plain"].append(plain)
    rows = {side: report.add(Row("Spark", f"warm, {side}", ROWS, seconds)) for side, seconds in raw.items()}
    report.find("Spark", "warm: node - plain", 1000 * (rows["node"].median - rows["plain"].median), "ms")
    report.find("Spark", "warm: run of one node - plain", 1000 * (rows["run"].median - rows["plain"].median), "ms")
    report.find("Spark", "warm: node / plain", rows["node"].median / rows["plain"].median, "times")


def plain_query(place: Path, reference: dict[str, Any]) -> float:
    from pyspark.sql import SparkSession

    started = time.perf_counter()
    builder = SparkSession.builder
    for name, value in SESSION.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.read.parquet(f"file://{reference['path']}").createOrReplaceTempView("t")
    spark.sql(QUERY).write.mode("overwrite").parquet(f"file://{place / 'plain'}")
    return time.perf_counter() - started


if __name__ == "__main__":
    if len(sys.argv) < 2:
        main()
    else:
        given = (Path(sys.argv[2]), json.loads(sys.argv[3]))
        if sys.argv[1] == "plain":
            plain_query(*given)
        else:
            import yamlflow_nb as yf

            yf.run(PIPELINE, {"t": given[1]}, store=given[0] / "store.db", folder=given[0])
