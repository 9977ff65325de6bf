"""Laws of ``forEach``: random lists, limits, failures and retries. Each attempt tells by what it emits when it ran."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

import pytest
import yaml

from yamlflow_nb.testing import Simulation, simulate


class Attempt(NamedTuple):
    item: int
    number: int
    began: float
    ended: float
    failed: bool


class Story:
    """One random ``forEach`` and what came of it."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.total = random.randint(0, 7)
        self.limit = random.choice((None, 1, 2, 3))
        self.most = random.randint(1, 3)
        self.delay = random.choice((0, 1, 4))
        self.timeout = random.choice((None, None, 3))
        self.tolerated, self.policy = random.choice(
            ((0, {}), (self.total, {"onItemFailure": "continue"}), (1, {"maxFailed": 1}), (self.total * 0.3, {"maxFailed": "30%"}))
        )
        self.paused = random.choice((None, None, (2, 6)))
        self.script = [[(random.choice((1, 2, 2, 5)), random.random() < 0.35) for _ in range(self.most)] for _ in range(self.total)]
        self.simulation = self._simulate()
        self.attempts = self._attempts()

    def _simulate(self) -> Simulation:
        node: dict[str, Any] = {
            "id": "each", "type": "python", "code": "pass", "forEach": list(range(self.total)), "emits": ["begun"],
            "outputs": {"n": "any"}, "retry": {"maxAttempts": self.most, "delay": self.delay}, **self.policy,
        }  # fmt: skip
        node |= {"maxParallel": self.limit} if self.limit else {}
        node |= {"timeout": self.timeout} if self.timeout else {}

        def outcome(item: Any, index: int, attempt: int) -> dict[str, Any]:
            duration, failed = self.script[index][attempt - 1]
            told = {"index": index, "attempt": attempt}
            return {
                "state": "failed" if failed else "completed", "duration": duration, "outputs": {"n": item * 10 + attempt},
                "emits": [[0, "begun", told]],
            }  # fmt: skip

        events = [(self.paused[0], "pause", {}), (self.paused[1], "resume", {})] if self.paused else []
        text = yaml.safe_dump({"name": "laws", "nodes": [node]}, sort_keys=False)
        return simulate(text, outcomes={"each": outcome}, events=events)

    def _attempts(self) -> list[Attempt]:
        found = []
        for at, kind, told in self.simulation.events:
            if kind == "each.begun":
                duration, failed = self.script[told["index"]][told["attempt"] - 1]
                late = self.timeout is not None and duration > self.timeout
                ended = at + (self.timeout if late and self.timeout else duration)
                found.append(Attempt(told["index"], told["attempt"], at, ended, failed or late))
        return found

    def last(self) -> dict[int, Attempt]:
        return {attempt.item: attempt for attempt in self.attempts}


def _check_places(story: Story) -> None:
    """Never more at a time than allowed; first attempts in the order of the list."""
    for moment in {attempt.began for attempt in story.attempts}:
        running = [attempt for attempt in story.attempts if attempt.began <= moment < attempt.ended]
        assert story.limit is None or len(running) <= story.limit
    firsts = [attempt.item for attempt in story.attempts if attempt.number == 1]
    assert firsts == list(range(len(firsts)))


def _check_retries(story: Story) -> None:
    """A failed attempt is followed by the next after the delay, while there are attempts; a success by none."""
    for item in story.last():
        mine = [attempt for attempt in story.attempts if attempt.item == item]
        assert [attempt.number for attempt in mine] == list(range(1, len(mine) + 1))
        assert all(attempt.failed for attempt in mine[:-1]) and (not mine[-1].failed or len(mine) == story.most)
        for before, after in pairwise(mine):
            waited = after.began - before.ended
            assert waited == story.delay or (waited > story.delay and (story.limit is not None or story.paused is not None))


def _check_result(story: Story) -> None:
    """What the node says of its items is what they did."""
    node, last = story.simulation.nodes["each"], story.last()
    lost = sorted(attempt.ended for attempt in last.values() if attempt.failed)
    broken = len(lost) > story.tolerated or (story.total > 0 and len(lost) == story.total)
    assert (node.state, node.reason is None) == (("failed", False) if broken else ("completed", True))
    if not broken:
        assert node.outputs == {"n": [None if last[item].failed else item * 10 + last[item].number for item in range(story.total)]}
    assert node.finished_at == max((attempt.ended for attempt in last.values()), default=0)
    if len(lost) > story.tolerated:
        too_many = lost[int(story.tolerated)]
        assert all(attempt.began <= too_many for attempt in story.attempts if attempt.number == 1)
    else:
        assert len(last) == story.total


@pytest.mark.parametrize("block", range(5))
def test_a_for_each_keeps_its_laws(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        story = Story(seed)
        assert story.simulation.status in ("completed", "failed"), seed
        _check_places(story)
        _check_retries(story)
        _check_result(story)
