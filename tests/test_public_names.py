"""``import yamlflow_nb``: what it promises, and that it costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import yamlflow_nb

NAMES = (
    "start run load validate list_executions get_execution read output progress emit log secret "
    "DefinitionError InputError ExecutionFailed load_ipython_extension"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(yamlflow_nb, name).__doc__
    assert name in dir(yamlflow_nb)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'strat'"):
        yamlflow_nb.strat  # noqa: B018


def test_importing_the_package_loads_no_other_room() -> None:
    code = "import sys, yamlflow_nb; print(*[name for name in sys.modules if name.startswith('yamlflow_nb.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
