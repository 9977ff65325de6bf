"""An execution as the store has it → the same execution, driven or followed. Recovery is the normal path."""

from __future__ import annotations

from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.ports.repository import ExecutionRecord, Repository
from yamlflow_nb.domain.store_error import UnreadableRecord
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.replay import Replay, differences


def read_back(repository: Repository, execution_id: str, plan: ExecutionPlan, scripted: frozenset[str] = frozenset()) -> Replay:
    """Replay an execution's facts. Raises ``UnreadableRecord`` for facts that cannot be read, or not be taken in."""
    replay = Replay(plan, execution_id, scripted)
    facts = repository.facts(execution_id)
    try:
        replay.add(facts)
    except Exception as error:
        raise UnreadableRecord(
            f"`{execution_id}`: fact {replay.facts} leads to no state: {type(error).__name__}: {error}"
        ) from error
    crash_point("replayed")
    return replay


def compare(repository: Repository, record: ExecutionRecord, replay: Replay) -> list[str]:
    """Where what is stored of an execution is not what its facts lead to."""
    execution_id = record.id
    found = differences(
        replay,
        replay.state.status if record.reason == "quarantined" else record.status,
        repository.events(execution_id),
        repository.nodes(execution_id),
        repository.variables(execution_id),
    )
    standing = repository.standing(execution_id)
    if standing is not None and standing.facts != replay.facts:
        found.append(f"{standing.facts} facts were written, {replay.facts} are there")
    return found


class Follower:
    """An execution that another process drives, or nobody: its facts are taken in as they come."""

    def __init__(self, repository: Repository, record: ExecutionRecord, plan: ExecutionPlan, scripted: frozenset[str]) -> None:
        self._repository = repository
        self._replay = read_back(repository, record.id, plan, scripted)
        self.plan = plan
        self.run = Run(record, self._replay.state, facts=self._replay.facts)
        self._note()

    def look(self) -> bool:
        """Take in what has happened since; whether anything has."""
        with self.run.lock:
            moved = self._replay.add(self._repository.facts(self.run.id, self._replay.facts))
            self.run.facts = self._replay.facts
        if moved:
            self.run.tell()
            self._note()
        return moved

    def _note(self) -> None:
        if self.run.state.ended is not None and not self.run.is_over:
            self.run.end()
