"""``doctor``: each line ok, a warning, or what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from yamlflow_nb.services.doctor import file_system_of


def told(said: Said, *arguments: str) -> dict[str, dict[str, str]]:
    return {one["what"]: one for one in json.loads(said("doctor", "--json", *arguments)[1])}


def test_a_sound_machine_is_told_line_by_line_and_no_store_is_made(place, said: Said) -> None:
    code, out, err = said("doctor")
    assert (code, err) == (0, "") and "✓ Python" in out and "not there yet" in out and "python3" in out
    assert not (place / "state").exists()


def test_the_store_and_what_is_in_it_are_told(place, said: Said) -> None:
    (place / "p.yaml").write_text("name: p\nnodes: [{id: a, type: python, code: pass}]\n")
    said("run", "p.yaml")
    assert told(said)["executions"] == {"what": "executions", "state": "ok", "told": "1 completed", "todo": None}


def test_a_store_that_is_damaged_or_none_is_wrong_and_what_to_do_is_said(place, said: Said) -> None:
    (place / "notes.txt").write_text("no database " * 1000)
    code, out, _ = said("doctor", "--store", "notes.txt")
    assert code == 1 and "✗ executions" in out and "→" in out


def test_a_store_that_others_may_read_is_a_warning(place, said: Said) -> None:
    (place / "p.yaml").write_text("name: p\nnodes: [{id: a, type: python, code: pass}]\n")
    said("run", "p.yaml")
    (place / "state" / "store.db").chmod(0o644)
    found = told(said)["rights"]
    assert found["state"] == "warning" and found["todo"].startswith("chmod 600 ")


def test_what_is_configured_is_told_and_secrets_by_name_alone(place, said: Said, monkeypatch) -> None:
    monkeypatch.setenv("THERE", "hunter2")
    secrets = '[secrets]\na = {env = "THERE"}\nb = {env = "NOT_THERE"}\n'
    (place / "yamlflow.toml").write_text(f'[connections]\nlake = "sqlite:///x.db"\n{secrets}')
    found = told(said)
    assert "lake" in found["configuration"]["told"] and found["secrets"]["state"] == "warning" and "b" in found["secrets"]["told"]
    assert "hunter2" not in json.dumps(found)


BAD = ["no = [toml", "connections = 3", "secrets = 3", "[connections]\nx = 3", "[secrets]\nx = 'hunter2'"]


@pytest.mark.parametrize("text", BAD)
def test_a_configuration_that_cannot_be_read_is_a_finding(place, said: Said, text: str) -> None:
    (place / "yamlflow.toml").write_text(text)
    code, out, _ = said("doctor")
    assert "hunter2" not in out and (code == 1 or "configuration" in out)


def test_extras_say_what_brings_them(place, said: Said) -> None:
    found = told(said)["extras"]
    assert "demo" in found["told"] and (found["todo"] is None or "pip install" in found["todo"])


PLACES = {"/home/ann/work": "nfs4", "/home": "ext4", "/mnt/my disk/x": "cifs", "/homes": "ext4"}


@pytest.mark.parametrize(("folder", "kind"), PLACES.items())
def test_the_file_system_is_that_of_the_longest_mount_above(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nserver:/x /home/ann nfs4 rw 0 0\n//s/d /mnt/my\\040disk cifs rw 0 0\n")
    assert file_system_of(Path(folder), mounts) == kind
