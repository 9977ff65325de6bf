"""An object kept in, and read from, S3 beside plain fsspec doing the same, in turns, against a server on this machine."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Report, Row
from benchmarks.p2_durable import in_turns

TARGET = 1.1
_OPTIONS = {"key": "someone", "secret": "something"}


def run(report: Report, full: bool) -> None:
    from moto.server import ThreadedMotoServer

    size = (64 if full else 8) * 1024 * 1024
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {**_OPTIONS, "endpoint_url": f"http://{host}:{port}"}
        with tempfile.TemporaryDirectory() as folder:
            _measure(report, Path(folder), options, size, 7 if full else 5)
    finally:
        server.stop()


def _measure(report: Report, folder: Path, options: dict[str, Any], size: int, times: int) -> None:
    import s3fs

    system = s3fs.S3FileSystem(**options)
    system.mkdir("bench")
    ours, plain = in_turns(partial(_kept, folder, options, size), partial(_put, folder, system, size), times)
    report.add(Row("S3", "upload, kept as an artifact", size, ours, note="hashed, cached on disk with fsync, uploaded"))
    report.add(Row("S3", "upload, plain fsspec", size, plain))
    report.find("S3", "upload over plain fsspec", sorted(ours)[times // 2] / sorted(plain)[times // 2], "x", TARGET)
    got, taken = in_turns(partial(_fetched, folder, options, size), partial(_get, folder, system), times)
    report.add(Row("S3", "download, found by hash", size, got, note="listed, fetched, verified"))
    report.add(Row("S3", "download, plain fsspec", size, taken))
    report.find("S3", "download over plain fsspec", sorted(got)[times // 2] / sorted(taken)[times // 2], "x", TARGET)


def _file(folder: Path, size: int) -> Path:
    path = folder / "made.bin"
    path.write_bytes(os.urandom(size))
    return path


def _kept(folder: Path, options: dict[str, Any], size: int) -> float:
    from yamlflow_nb.infrastructure.remote_artifacts import RemoteArtifacts

    path, artifacts = _file(folder, size), RemoteArtifacts("s3://bench/kept", folder / "cache", options)
    start = time.perf_counter()
    artifacts.keep(path)
    return time.perf_counter() - start


def _put(folder: Path, system: Any, size: int) -> float:
    path = _file(folder, size)
    start = time.perf_counter()
    system.put_file(str(path), "bench/plain.bin")
    return time.perf_counter() - start


def _fetched(folder: Path, options: dict[str, Any], size: int) -> float:
    from yamlflow_nb.infrastructure.remote_artifacts import RemoteArtifacts

    kept = RemoteArtifacts("s3://bench/kept", folder / "cache", options).keep(_file(folder, size))
    other = RemoteArtifacts("s3://bench/kept", Path(tempfile.mkdtemp(dir=folder)), options)
    start = time.perf_counter()
    other.find(f"artifact:{kept['sha256']}")
    return time.perf_counter() - start


def _get(folder: Path, system: Any) -> float:
    start = time.perf_counter()
    system.get_file("bench/plain.bin", str(folder / "got.bin"))
    return time.perf_counter() - start
