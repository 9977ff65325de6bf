"""The chain of decisions: whoever edits, takes out or adds a row past yamlflow is found out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from yamlflow_nb import bootstrap
from yamlflow_nb.cli import main
from yamlflow_nb.infrastructure.store.decisions import COLUMNS

TEXT = "name: p\nnodes: [{id: review, type: approval, forEach: [1, 2, 3]}]"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A store with three decisions, with nobody at work on it."""
    path = tmp_path / "store.db"
    execution = bootstrap.services(path).executions.start(TEXT).wait(60, or_waiting=True)
    for item in range(3):
        execution.approve("review", item=item, comment=f"number {item}")
    execution.wait(60)
    bootstrap._close_all()
    yield path


def changed(path: Path, *statements: str) -> list[str]:
    """What is found wrong after statements of somebody who can write the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TRIGGER decisions_stay; DROP TRIGGER decisions_remain;" + ";".join(statements))
        connection.commit()
    return bootstrap.store_service(path).verify()[1]


@pytest.mark.trust("B28")
def test_decisions_are_only_added(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        for statement in ("UPDATE decisions SET by = 'eve'", "DELETE FROM decisions WHERE number = 2"):
            with pytest.raises(sqlite3.IntegrityError, match="decisions are only added"):
                connection.execute(statement)
    assert bootstrap.store_service(store).verify() == (3, [])


@pytest.mark.trust("B28")
def test_an_edited_byte_of_any_column_is_found(store: Path) -> None:
    names = COLUMNS.split(", ")
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript("DROP TRIGGER decisions_stay; DROP TRIGGER decisions_remain; PRAGMA ignore_check_constraints=1")
        for number in (1, 2, 3):
            row = connection.execute(f"SELECT {COLUMNS} FROM decisions WHERE number = ?", (number,)).fetchone()
            for name, value in zip(names, row):
                if name == "number":
                    continue
                places = range(0, len(value), max(1, len(value) // 12)) if isinstance(value, str) else [0]
                for place in places:
                    other = (
                        value + 1 if not isinstance(value, str) else value[:place] + chr(ord(value[place]) ^ 8) + value[place + 1 :]
                    )
                    connection.execute(f"UPDATE decisions SET {name} = ? WHERE number = ?", (other, number))
                    connection.commit()
                    assert bootstrap.store_service(store).verify()[1], f"{name} of decision {number}, character {place}"
                connection.execute(f"UPDATE decisions SET {name} = ? WHERE number = ?", (value, number))
                connection.commit()
    assert bootstrap.store_service(store).verify() == (3, [])


@pytest.mark.trust("B28")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_row_that_was_taken_out_is_missed_also_the_last(store: Path, number: int) -> None:
    assert changed(store, f"DELETE FROM decisions WHERE number = {number}")


@pytest.mark.trust("B28")
def test_a_row_that_was_made_up_is_found_though_its_hash_is_right(store: Path) -> None:
    from yamlflow_nb.infrastructure.store.decisions import digest

    with closing(sqlite3.connect(store)) as connection:
        connection.executescript("DROP TRIGGER decisions_stay; DROP TRIGGER decisions_remain")
        row = list(connection.execute(f"SELECT {COLUMNS} FROM decisions WHERE number = 3").fetchone())
        row[0], row[4], row[6], row[8], row[9] = 4, "other", "eve", row[8].replace("number 2", "number 9"), row[10]
        row[10] = digest(row[:10])
        connection.execute(f"INSERT INTO decisions ({COLUMNS}) VALUES ({', '.join('?' * 11)})", row)
        connection.commit()
    assert bootstrap.store_service(store).verify()[1] == [f"a decision of `{row[1]}` stands in the chain and not in the journal"]


@pytest.mark.trust("B28")
def test_the_command_and_the_doctor_tell_it(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    changed(store, "UPDATE decisions SET action = 'reject' WHERE number = 2")
    with pytest.raises(SystemExit) as ended:
        main(["store", "verify", "--store", str(store), "--json"])
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out) == {"decisions": 3, "broken": ["decision 2 was changed after it was given"]}
    found = {one.what: one for one in bootstrap.doctor(store).findings()}
    assert (found["decisions"].state, found["decisions"].told) == ("wrong", "decision 2 was changed after it was given")


def test_what_was_shown_and_from_where_stands_in_the_row(store: Path) -> None:
    (row,) = bootstrap.store_service(store).query("SELECT body FROM decisions WHERE number = 1")
    fact = json.loads(row["body"])["fact"]
    assert fact["asked"]["title"] == "review" and fact["comment"] == "number 0" and fact["origin"].startswith("process ")
