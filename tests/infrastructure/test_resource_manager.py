"""Pools and who stands in line: by priority, then by age; nobody waits for ever, and nothing is held twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from yamlflow_nb.domain.pool import Demand, PoolSize
from yamlflow_nb.infrastructure.resource_manager import Place, PoolName, ResourceManager

GPU = PoolName("", "gpu")


class Line:
    """A manager, and who was granted room, in order."""

    def __init__(self, slots: float = 1, memory: float | None = None) -> None:
        self.granted: list[str] = []
        self.size = PoolSize(slots, memory)
        self.manager = ResourceManager(lambda place: self.granted.append(place.node))

    def ask(self, node: str, slots: float = 1, memory: float = 0, priority: int = 0, execution: str = "e") -> None:
        self.manager.ask(Place(execution, node, None), GPU, self.size, Demand("gpu", slots, memory), priority)

    def release(self, node: str, execution: str = "e") -> None:
        self.manager.release(Place(execution, node, None))


def test_room_is_given_up_to_the_size() -> None:
    line = Line(slots=2)
    for node in "abc":
        line.ask(node)
    assert line.granted == ["a", "b"]
    line.release("b")
    assert line.granted == ["a", "b", "c"]


def test_higher_priority_goes_first_then_age() -> None:
    line = Line()
    line.ask("first")
    line.ask("old")
    line.ask("young")
    line.ask("urgent", priority=5)
    for node in ("first", "urgent", "old"):
        line.release(node)
    assert line.granted == ["first", "urgent", "old", "young"]


def test_a_large_demand_is_not_passed_by_small_ones() -> None:
    line = Line(slots=2)
    line.ask("a")
    line.ask("large", slots=2)
    line.ask("small")
    assert line.granted == ["a"]
    line.release("a")
    assert line.granted == ["a", "large"]


def test_memory_counts_beside_slots() -> None:
    line = Line(slots=10, memory=100)
    line.ask("a", memory=60)
    line.ask("b", memory=60)
    assert line.granted == ["a"]
    line.release("a")
    assert line.granted == ["a", "b"]


def test_a_demand_that_has_become_larger_than_its_pool_runs_alone() -> None:
    line = Line(slots=1)
    line.ask("a")
    line.ask("b", slots=3)
    line.release("a")
    assert line.granted == ["a", "b"]


def test_who_asks_twice_stands_in_line_once() -> None:
    line = Line()
    line.ask("a")
    line.ask("b")
    line.ask("b")
    line.release("a")
    line.release("b")
    assert line.granted == ["a", "b"]
    assert line.manager.in_use()[GPU] == (0, line.size, 0)


def test_an_execution_that_is_forgotten_leaves_the_line_and_keeps_its_room_until_released() -> None:
    line = Line()
    line.ask("a", execution="gone")
    line.ask("b", execution="gone")
    line.ask("c")
    line.manager.forget("gone")
    assert line.granted == ["a"]
    line.release("a", execution="gone")
    assert line.granted == ["a", "c"]


def test_releasing_what_is_not_held_changes_nothing() -> None:
    line = Line()
    line.release("nobody")
    line.ask("a")
    line.release("b")
    assert line.manager.in_use()[GPU] == (1, line.size, 0)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=40), st.integers(4, 6))
@settings(max_examples=100, deadline=None)
def test_everybody_gets_room_and_the_pool_is_never_overfull(demands: list[tuple[int, int]], slots: int) -> None:
    line = Line(slots=slots)
    for number, (wanted, priority) in enumerate(demands):
        line.ask(str(number), slots=wanted, priority=priority)
    released = 0
    while released < len(line.granted):
        assert line.manager.in_use()[GPU][0] <= slots
        line.release(line.granted[released])
        released += 1
    assert sorted(line.granted, key=int) == [str(number) for number in range(len(demands))]
