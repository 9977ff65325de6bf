"""Turns → the store: all in one transaction, and what becomes of those that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from yamlflow_nb.domain.ports.repository import Commit, Repository
from yamlflow_nb.domain.store_error import StoreBusy, StoreDamaged, StoreFull, StoreMoved
from yamlflow_nb.loop.run import Run

Written = tuple[Run, Commit]


@dataclass
class Refused:
    """What could not be written: ``lost`` for good, each with its reason; ``held`` until the store takes it."""

    lost: list[tuple[Run, Exception]] = field(default_factory=list)
    held: list[Written] = field(default_factory=list)
    why: Exception | None = None
    everything: Exception | None = None
    """Nothing can be written to this store any more."""


def hold_reason(error: Exception | None) -> str:
    """The execution's reason while its turn waits for the store."""
    return "storeFull" if isinstance(error, StoreFull) else "storeBusy"


def write(repository: Repository, turns: Sequence[Written]) -> Refused:
    """Everything of the turn in one transaction. When that is refused for a reason of one execution's own, each for itself,
    so that one that cannot be written takes no other with it."""
    refused = Refused()
    if turns:
        _try(repository, turns, refused)
    return refused


def _try(repository: Repository, turns: Sequence[Written], refused: Refused) -> None:
    try:
        repository.commit([commit for _, commit in turns])
    except (StoreFull, StoreBusy) as error:
        refused.held += turns
        refused.why = error
    except (StoreMoved, StoreDamaged) as error:
        refused.everything = error
        refused.lost += [(run, error) for run, _ in turns]
    except Exception as error:
        if len(turns) == 1:
            refused.lost.append((turns[0][0], error))
            return
        for one in turns:
            _try(repository, [one], refused)
    else:
        for run, commit in turns:
            run.facts = commit.first - 1 + len(commit.facts)
