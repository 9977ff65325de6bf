"""Executions that are held until fewer of their pipeline run (``concurrency``): places taken, left, handed on by a ring."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable

from yamlflow_nb.domain.event import CancelRequested, Fact, PlaceGranted, PlaceRefused
from yamlflow_nb.domain.ports.clock import Clock
from yamlflow_nb.domain.ports.places import PlaceAnswer
from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.ports.requests import Request
from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.language.evaluation import ExpressionError
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.tenure import Tenure
from yamlflow_nb.orchestration import place

_log = logging.getLogger("yamlflow_nb")


class Concurrency:
    """Takes places for the executions of one loop, on its thread. ``send`` lets a fact reach one that is driven here."""

    def __init__(self, repository: Repository, tenure: Tenure, clock: Clock, send: Callable[[str, Fact], None]) -> None:
        self._repository = repository
        self._tenure = tenure
        self._clock = clock
        self._send = send
        self._told: set[tuple[str, str]] = set()
        """Who was asked to cancel for whom: once is enough."""

    def look(self, runs: Iterable[Run]) -> None:
        """Try for those that are held, in the order in which they were created."""
        held = [run for run in runs if run.state.held and run.state.reason == place.REASON and run.lost is None]
        for run in sorted(held, key=lambda run: run.record.created_at):
            try:
                fact = self._tried(run)
            except StoreError as error:
                _log.warning("`%s` could not take its place: %s", run.id, error)
                continue
            if fact is not None:
                self._send(run.id, fact)

    def left(self, run: Run) -> None:
        """An execution has ended, or is no longer driven here: whoever stands in line may look."""
        if run.plan.definition.concurrency is None:
            return
        try:
            for ring in self._repository.leave_place(run.id):
                self._tenure.ring_at(ring)
        except StoreError as error:
            _log.warning("the place of `%s` could not be left: %s", run.id, error)
        self._told = {pair for pair in self._told if pair[0] != run.id}

    def _tried(self, run: Run) -> Fact | None:
        limits = run.plan.definition.concurrency or {}
        now, policy = self._clock.now(), limits.get("policy", "queue")
        try:
            key = place.key(run.state)
        except ExpressionError as error:
            return PlaceRefused(now, "failed", f"concurrency.group: {error.problem.message}")
        answer = self._repository.take_place(run.id, key, limits["limit"], self._tenure.may_be_driven)
        if answer.taken:
            return PlaceGranted(now)
        if policy in ("skip", "fail"):
            why = f"{limits['limit']} of `{key}` may run at once, and these do: {', '.join(answer.holders)}"
            return PlaceRefused(now, "failed" if policy == "fail" else "cancelled", why)
        if policy == "cancelRunning":
            self._cancel(run, answer)
        return None

    def _cancel(self, run: Run, answer: PlaceAnswer) -> None:
        for holder in answer.holders:
            if (run.id, holder) not in self._told:
                self._told.add((run.id, holder))
                fact = CancelRequested(self._clock.now(), f"concurrency: {run.id} takes its place")
                self._repository.ask(Request(uuid.uuid4().hex, holder, fact))
                standing = self._repository.standing(holder)
                self._tenure.ring_at(standing.ring if standing is not None else None)
