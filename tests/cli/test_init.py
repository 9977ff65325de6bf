"""``init``: what it writes runs at once, and nothing of anybody's is overwritten."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Said


def test_what_init_writes_is_valid_and_runs_at_once(place, said: Said) -> None:
    code, out, _ = said("init", "flights")
    assert code == 0 and "now: yamlflow run flights.pipeline.yaml" in out
    assert said("validate", "flights.pipeline.yaml")[1].strip() == "ok"
    code, out, _ = said("run", "flights.pipeline.yaml", "--input", "days=30")
    assert code == 0 and "✓ alarm" in out and "many:" in said("logs", "alarm")[1]
    assert "skipped" in said("run", "flights.pipeline.yaml")[1]


def test_editors_find_the_schema_by_the_first_line(place, said: Said) -> None:
    said("init", "flights")
    first = (place / "flights.pipeline.yaml").read_text(encoding="utf-8").splitlines()[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((place / name).read_text(encoding="utf-8")) == json.loads(said("schema")[1])


def test_production_asks_a_person_about_work_that_was_cut_short(place, said: Said) -> None:
    said("init", "flights", "--production")
    plan = json.loads(said("plan", "flights.pipeline.yaml", "--json")[1])["document"]
    assert {node["onInterrupt"] for node in plan["nodes"]} == {"ask"}
    assert said("run", "flights.pipeline.yaml")[0] == 0


def test_the_configuration_holds_a_connection_and_makes_the_folder_a_project(place, said: Said) -> None:
    said("init", "flights", "--folder", "work")
    text = (place / "work" / "yamlflow.toml").read_text(encoding="utf-8")
    assert "[connections.warehouse]" in text and "secrets.warehouse" in text
    found = {one["what"]: one for one in json.loads(said("doctor", "--json")[1])}
    assert "none is needed" in found["configuration"]["told"]


def test_init_overwrites_nothing_unless_it_is_told_to_and_the_configuration_never(place, said: Said) -> None:
    said("init", "flights")
    (place / "flights.pipeline.yaml").write_text("# mine\n")
    (place / "yamlflow.toml").write_text("# mine\n")
    code, out, err = said("init", "flights")
    assert (code, out) == (2, "") and "error YF729: " in err
    assert (place / "flights.pipeline.yaml").read_text() == "# mine\n"
    code, out, _ = said("init", "flights", "--force")
    assert code == 0 and "kept     yamlflow.toml" in out and (place / "yamlflow.toml").read_text() == "# mine\n"
    assert "name: flights" in (place / "flights.pipeline.yaml").read_text(encoding="utf-8")
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["My Flights", "../flights", "1st", "", "a" * 100])
def test_a_name_that_is_none_is_told_with_one_that_is(place, said: Said, name: str) -> None:
    code, out, err = said("init", name)
    assert (code, out) == (2, "") and "error YF712: " in err and "for example " in err
    assert list(place.iterdir()) == []


def test_without_a_name_the_folder_gives_it(place, said: Said, monkeypatch) -> None:
    (place / "My Flights").mkdir()
    monkeypatch.chdir(place / "My Flights")
    said("init")
    assert (place / "My Flights" / "my_flights.pipeline.yaml").is_file()


def test_a_folder_that_cannot_be_written_is_told(place, said: Said) -> None:
    (place / "file").touch()
    code, _, err = said("init", "flights", "--folder", "file/below")
    assert code == 2 and "error: file" in err
