"""The events of executions: stored and queried, nothing else. It triggers nothing; the orchestrator asks it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import Event
from yamlflow_nb.domain.pattern import matches
from yamlflow_nb.orchestration.keepable import kept


def timestamp(seconds: float) -> dt.datetime:
    """Seconds since the epoch as a time with zone UTC."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(seconds=seconds)


class EventLog:
    """The history of one execution, numbered from 1 in commit order. Queries build their index as they need it, so that
    appending costs one list entry."""

    __slots__ = ("_first", "_indexed", "execution_id", "rows")

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.rows: list[StoredEvent] = []
        self._first: dict[str, int] = {}
        self._indexed = 0

    def first(self, event_type: str) -> StoredEvent | None:
        """The first event of a type, or None."""
        rows = self.rows
        for position in range(self._indexed, len(rows)):
            self._first.setdefault(rows[position].type, position)
        self._indexed = len(rows)
        position = self._first.get(event_type, -1)
        return rows[position] if position >= 0 else None

    def matching(self, pattern: str) -> Iterator[StoredEvent]:
        """Events whose type fits a pattern (``*`` stands for any characters), in order."""
        return (row for row in self.rows if matches(pattern, row.type))

    def record(self, row: StoredEvent) -> Event:
        """The seed's record of a row."""
        return Event(
            event_id=f"{self.execution_id}:{row.number}",
            execution_id=self.execution_id,
            event_type=row.type,
            timestamp=timestamp(row.at),
            source=row.source,
            payload=dict(row.payload),
        )


class EventManager:
    """Stores the events of executions and answers queries about them.

    >>> manager = EventManager()
    >>> manager.publish_event("run1", Event("e1", "run1", "extract.completed", timestamp(0), "extract", {"row_count": 3}))
    >>> manager.has_event("run1", "extract.*"), manager.get_event_payload("run1", "extract.completed")
    (True, {'row_count': 3})
    """

    def __init__(self) -> None:
        self._logs: dict[str, EventLog] = {}

    def log(self, execution_id: str) -> EventLog:
        """The log of one execution, made when first asked for."""
        found = self._logs.get(execution_id)
        if found is None:
            found = self._logs[execution_id] = EventLog(execution_id)
        return found

    def publish_event(self, execution_id: str, event: Event) -> None:
        """Append an event to the execution's history."""
        log = self.log(execution_id)
        at = event.timestamp if event.timestamp.tzinfo else event.timestamp.replace(tzinfo=dt.timezone.utc)
        seconds = (at - timestamp(0)).total_seconds()
        payload = kept(dict(event.payload or {}), event.event_type)
        log.rows.append(StoredEvent(len(log.rows) + 1, seconds, event.event_type, event.source, payload, 1))

    def query_events(self, execution_id: str, event_pattern: str, since: dt.datetime | None = None) -> list[Event]:
        """Events whose type fits the pattern, at or after ``since``, in commit order."""
        log = self.log(execution_id)
        events = [log.record(row) for row in log.matching(event_pattern)]
        if since is None:
            return events
        moment = since if since.tzinfo else since.replace(tzinfo=dt.timezone.utc)
        return [event for event in events if event.timestamp >= moment]

    def has_event(self, execution_id: str, event_pattern: str) -> bool:
        """Whether an event that fits the pattern is stored."""
        log = self.log(execution_id)
        if "*" not in event_pattern:
            return log.first(event_pattern) is not None
        return next(log.matching(event_pattern), None) is not None

    def get_event_payload(self, execution_id: str, event_name: str) -> dict[str, Any] | None:
        """The payload of the first event of a type, or None where none is stored."""
        row = self.log(execution_id).first(event_name)
        return None if row is None else kept(dict(row.payload), event_name)
