"""Task types: ours are loaded when they are asked for, those of plugins when none of ours is meant."""

from __future__ import annotations

import importlib.metadata

import pytest

from yamlflow_nb.executors.installed import GROUP
from yamlflow_nb.executors.registry import InstalledTypes


class Entry:
    name = value = "broken"

    def load(self):
        raise ImportError("no module named left_behind")


@pytest.fixture
def searched(monkeypatch):
    """How often the environment was searched for plugins."""
    calls = []
    real = importlib.metadata.entry_points

    def entry_points(**wanted):
        if wanted.get("group") != GROUP:
            return real(**wanted)
        calls.append(wanted)
        return [Entry()]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return calls


def test_a_type_of_ours_is_found_without_searching_the_environment(searched):
    assert InstalledTypes()["sql"].name == "sql" and searched == []


def test_an_unknown_type_searches_once(searched):
    types = InstalledTypes()
    with pytest.warns(RuntimeWarning, match="broken"):
        assert types.get("nothing") is None
    assert types.get("nothing") is None and len(searched) == 1


def test_a_plugin_that_cannot_be_loaded_is_said_and_does_not_stop_the_others(searched):
    with pytest.warns(RuntimeWarning, match="left_behind"):
        assert sorted(InstalledTypes()) == sorted(
            ["approval", "http", "notebook", "pyspark", "python", "shell", "sql", "subpipeline", "wait"]
        )


def test_our_types_enter_by_the_same_group_as_a_plugin():
    ours = {entry.name for entry in importlib.metadata.entry_points(group="yamlflow_nb.executors")}
    assert ours == set(InstalledTypes())
