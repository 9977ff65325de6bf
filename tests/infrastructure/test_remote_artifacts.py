"""Large objects in an object store: really uploaded to a server, fetched by another machine, never believed unseen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from yamlflow_nb.infrastructure.artifact_place import artifact_place
from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
from yamlflow_nb.infrastructure.configuration import ConfigurationError
from yamlflow_nb.infrastructure.remote_artifacts import RemoteArtifacts

OPTIONS = {"key": "someone", "secret": "something"}
TABLE = pd.DataFrame({"carrier": ["UA", "AA"], "delay": [1.5, 2.5]})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that speaks S3's language on this machine; its address."""
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def options(server: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    import s3fs

    found = {**OPTIONS, "endpoint_url": server}
    system = s3fs.S3FileSystem(**found)
    if not system.exists("bucket"):
        system.mkdir("bucket")
    return found


@pytest.fixture(params=["s3", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    if request.param == "folder":
        return f"file://{tmp_path}/shared", {}
    return f"s3://bucket/{tmp_path.name}", request.getfixturevalue("options")


def machine(place: tuple[str, dict[str, Any]], folder: Path) -> RemoteArtifacts:
    return RemoteArtifacts(place[0], folder, place[1])


def test_what_one_machine_keeps_another_reads(place: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    reference = machine(place, tmp_path / "a").keep(TABLE)
    assert reference["url"] == f"{place[0]}/{reference['sha256'][:2]}/{reference['sha256']}.parquet"
    other = machine(place, tmp_path / "b")
    pd.testing.assert_frame_equal(other.read(reference), TABLE)
    brought = other.bring({"deep": [reference, 1]})["deep"][0]
    assert Path(brought["path"]).is_relative_to(tmp_path / "b") and {**brought, "path": 0} == {**reference, "path": 0}


def test_a_file_an_array_and_a_text_come_back(place: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    here, there = machine(place, tmp_path / "a"), machine(place, tmp_path / "b")
    file, array = tmp_path / "notes.txt", tmp_path / "numbers.npy"
    file.write_text("é" * 70_000)
    np.save(array, np.arange(1000))
    assert there.read(here.keep(file)).read_text() == "é" * 70_000
    assert there.read({**here.keep(file), "of": "string"}) == "é" * 70_000
    assert (there.read({**here.keep(array), "of": "array"}) == np.arange(1000)).all()


def test_the_same_content_is_uploaded_once(place: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    here = machine(place, tmp_path / "a")
    reference = here.keep(TABLE)
    system, _ = here._system
    first = system.modified(reference["url"].removeprefix("file://"))
    assert machine(place, tmp_path / "c").keep(TABLE)["sha256"] == reference["sha256"]
    system.invalidate_cache()
    assert system.modified(reference["url"].removeprefix("file://")) == first


def test_an_object_that_was_spoiled_is_not_believed(place: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    reference = machine(place, tmp_path / "a").keep(TABLE)
    system, _ = machine(place, tmp_path / "a")._system
    with system.open(reference["url"].removeprefix("file://"), "wb") as file:
        file.write(b"something else")
    with pytest.raises(FileNotFoundError, match="was spoiled"):
        machine(place, tmp_path / "b").read(reference)


def test_an_object_that_is_nowhere_is_named_with_both_places(place: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"(?s){'0' * 64}.*neither.*nor at"):
        machine(place, tmp_path / "a").find("artifact:" + "0" * 64)


def test_a_sweep_leaves_what_is_wanted_and_what_is_young(place: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    here = machine(place, tmp_path / "a")
    wanted, other = here.keep(TABLE), here.keep(TABLE.assign(more=1))
    assert here.sweep({wanted["sha256"]}, time.time() - 3600) == []
    gone = here.sweep({wanted["sha256"]}, time.time() + 3600, remove=False)
    assert [name.partition(".")[0] for name, _ in gone] == [other["sha256"]]
    assert here.read(other) is not None
    here.sweep({wanted["sha256"]}, time.time() + 3600)
    assert here.read(wanted) is not None
    with pytest.raises(FileNotFoundError):
        here.read(other)


def test_what_is_kept_again_is_young_again(tmp_path: Path) -> None:
    here = LocalArtifacts(tmp_path)
    path = Path(here.keep(TABLE)["path"])
    os.utime(path, (1, 1))
    here.keep(TABLE)
    assert here.sweep(set(), time.time() - 3600) == []


def test_the_configuration_names_the_place_and_secrets_stay_out_of_it(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yamlflow.toml").write_text(
        f'[artifacts]\nurl = "s3://bucket/configured"\nkey = "someone"\nsecret = "{{{{ secrets.store }}}}"\n'
        f'endpoint_url = "{options["endpoint_url"]}"\n'
    )
    with pytest.raises(ConfigurationError, match="YAMLFLOW_SECRET_STORE"):
        artifact_place(tmp_path / "a", tmp_path)
    monkeypatch.setenv("YAMLFLOW_SECRET_STORE", "something")
    made = artifact_place(tmp_path / "a", tmp_path)
    assert made.keep(TABLE)["url"].startswith("s3://bucket/configured/")


def test_without_a_configuration_objects_lie_beside_the_store(tmp_path: Path) -> None:
    assert type(artifact_place(tmp_path / "a", tmp_path)) is LocalArtifacts
