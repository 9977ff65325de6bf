"""What a task type brings along stands beside what every node has."""

from __future__ import annotations

import pytest

from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.executors.installed import checked
from yamlflow_nb.executors.registry import task_types


class TakesTimeout(TaskFields):
    timeout: str | None = None


class TakesWords(TaskFields):
    words: str | None = None


def test_the_fields_of_a_type_may_not_take_the_names_of_control_fields() -> None:
    with pytest.raises(TypeError, match="`greedy` may not have the fields `timeout`"):
        checked(TaskType("greedy", TakesTimeout))
    assert checked(TaskType("modest", TakesWords)).name == "modest"


@pytest.mark.parametrize("name", sorted(task_types()))
def test_ours_do_not(name: str) -> None:
    assert checked(task_types()[name])
