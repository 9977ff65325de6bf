"""Tables of the pool → Spark data frames, and back: each a Parquet file that Spark itself writes; nothing is collected here."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.spark.sessions import Lent
from yamlflow_nb.executors.spark.told import told

_FORMATS = ("parquet", "csv", "json")
_GLOB = re.compile(r"([\\\[\]{}*?])")
_ROWS = 1 << 20
_BYTES = 128 * 1024 * 1024
"""Of rows and bytes as many are in memory at once while the files of a table become one."""


def frames(
    work: Work, lent: Lent, find: Callable[[Mapping[str, Any]], Path], read: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """Inputs as a task on Spark wants them: tables are data frames and, by the same name, views; all else is as for Python.
    ``find`` gives the file of a reference, ``read`` what it stands for."""
    shared: list[bool] = []
    found: dict[str, Any] = {}
    for name, value in work.inputs.items():
        table = value
        if is_reference(value):
            if "of" in value or not ("schema" in value or value.get("format") in _FORMATS):
                found[name] = read(dict(value))
                continue
            path = find(value)
            if not shared:
                shared.append(lent.place.sees_files_of(work.run_folder, lent.session))
            table = _read(path, str(value.get("format")), lent.session, work) if shared[0] else _sent(path, lent.session)
            # A file is a path for a program, as everywhere; in SQL it is a table.
            found[name] = table if "schema" in value else path
        elif type(value).__name__ == "DataFrame" and type(value).__module__.startswith("pandas"):
            found[name] = table = lent.session.createDataFrame(value)
        else:
            found[name] = value
            continue
        table.createOrReplaceTempView(name)
    return found


def _read(path: Path, form: str, session: Any, work: Work) -> Any:
    if form == "csv":
        return session.read.csv(_address(path), header=True, inferSchema=True)
    if form == "json":
        return session.read.json(_address(path))
    return session.read.parquet(_address(_without_nanoseconds(path, work.run_folder)))


def _sent(path: Path, session: Any) -> Any:
    """A table for a server that does not see our files: it goes over the wire."""
    import pandas as pd

    if path.suffix == ".csv":
        return session.createDataFrame(pd.read_csv(path))
    return session.createDataFrame(pd.read_json(path) if path.suffix == ".json" else pd.read_parquet(path))


def _address(path: Path) -> str:
    return "file://" + _GLOB.sub(r"\\\1", str(path.absolute()))


def _without_nanoseconds(path: Path, folder: Path) -> Path:
    """The file itself, or a copy with microseconds: Spark reads no finer ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    kinds = [field.type for field in schema]
    if not any(pa.types.is_timestamp(kind) and kind.unit == "ns" for kind in kinds):
        return path
    fields = [
        field.with_type(pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(kind) and kind.unit == "ns" else field
        for field, kind in zip(schema, kinds)
    ]
    coarse = pa.schema(fields, schema.metadata)
    copy = folder / f"microseconds-{path.name}"
    with pq.ParquetFile(path) as source, pq.ParquetWriter(copy, coarse) as writer:
        for batch in source.iter_batches():
            writer.write_table(pa.Table.from_batches([batch]).cast(coarse, safe=False))
    return copy


# --- what a task leaves --------------------------------------------------------------------------------------------


def is_spark_frame(value: Any) -> bool:
    """A data frame of Spark, or of pandas on Spark."""
    return type(value).__name__ == "DataFrame" and type(value).__module__.startswith("pyspark.")


class ParquetTable(NamedTuple):
    """A table on its way into the pool: its file."""

    path: Path

    @property
    def rows(self) -> int:
        """How many rows it has, as the file itself says."""
        import pyarrow.parquet as pq

        return int(pq.read_metadata(self.path).num_rows)


def written_outputs(outputs: Mapping[str, Any], work: Work, lent: Lent) -> dict[str, Any]:
    """Outputs whose Spark data frames are ``ParquetTable``; rows of Spark are objects. Raises ``TaskFailed``."""
    found: dict[str, Any] = {}
    for name, value in outputs.items():
        try:
            found[name] = written(name, value, work, lent) if is_spark_frame(value) else _plain(value)
        except TaskFailed:
            raise
        except Exception as error:  # a data frame is worked out only now, and what is wrong with it shows only now
            raise TaskFailed(type(error).__name__, f"output `{name}`: {told(error)}") from error
    return found


def written(name: str, value: Any, work: Work, lent: Lent) -> ParquetTable:
    """The file of one data frame. Raises ``TaskFailed``."""
    frame = value.to_spark() if type(value).__module__.startswith("pyspark.pandas") else value
    if not frame.columns:
        raise TaskFailed("OutputError", f"output `{name}` is a table without columns")
    return ParquetTable(_written(name, frame, work, lent))


def references(outputs: Mapping[str, Any], artifacts: ArtifactStore) -> dict[str, Any]:
    """Outputs with each ``ParquetTable`` in the pool, as ``{path, format, size, sha256, schema, rows}``."""
    return {name: _reference(value, artifacts) if isinstance(value, ParquetTable) else value for name, value in outputs.items()}


def _reference(table: ParquetTable, artifacts: ArtifactStore) -> dict[str, Any]:
    import pyarrow.parquet as pq

    kinds = pq.read_schema(table.path).empty_table().to_pandas().dtypes
    kept = {**artifacts.keep(table.path), "schema": {str(name): str(kind) for name, kind in kinds.items()}, "rows": table.rows}
    table.path.unlink()
    return kept


def _written(name: str, frame: Any, work: Work, lent: Lent) -> Path:
    """One Parquet file of a data frame, written by Spark's own workers, side by side and in the frame's order."""
    folder = work.run_folder / f"spark-{name}"
    target = work.run_folder / f"spark-{name}.parquet"
    if not lent.place.sees_files_of(work.run_folder, lent.session):
        import pyarrow.parquet as pq

        work.log(f"the server sees no folder of this machine: `{name}` is fetched")
        pq.write_table(frame.toArrow(), target, coerce_timestamps="us")
        return target
    try:
        frame.write.mode("overwrite").parquet(f"file://{folder.absolute()}")
        parts = sorted(folder.glob("part-*.parquet"))
        if len(parts) == 1:
            parts[0].replace(target)
        else:
            _join(parts, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


def _join(parts: list[Path], target: Path) -> None:
    """Several Parquet files of one table → one, a piece at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(target, pq.read_schema(parts[0])) as writer:
        waiting: list[Any] = []
        for batch in _batches(parts):
            waiting.append(batch)
            if sum(one.num_rows for one in waiting) >= _ROWS or sum(one.nbytes for one in waiting) >= _BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))


def _batches(parts: list[Path]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    for part in parts:
        with pq.ParquetFile(part) as file:
            yield from file.iter_batches()


def _plain(value: Any) -> Any:
    """Rows of Spark as objects."""
    if type(value).__name__ == "Row" and type(value).__module__.startswith("pyspark."):
        return value.asDict(recursive=True)
    return [_plain(item) for item in value] if isinstance(value, list) else value
