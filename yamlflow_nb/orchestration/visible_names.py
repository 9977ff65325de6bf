"""What an expression may see of an execution: settled names, or the latest ones.

``startWhen``, ``skipWhen``, bindings and fields see a node's names from the moment it is terminal; ``stopWhen`` and
``peek`` see what is there now; ``failWhen`` and ``until`` see the node's own fresh outputs beside settled ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.names import Absent, Namespace
from yamlflow_nb.domain.secret_mark import SecretNames
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun
from yamlflow_nb.orchestration.lifecycle import TERMINAL


class StateNames:
    """Names of one execution. ``latest`` sees running nodes' early outputs; ``own`` is a node whose fresh outputs are seen
    though it still runs; ``local`` adds ``item``, ``index`` or ``attempt``."""

    __slots__ = ("_latest", "_local", "_own", "_state")

    def __init__(
        self, state: ExecutionState, latest: bool = False, own: NodeRun | None = None, local: Mapping[str, Any] | None = None
    ) -> None:
        self._state = state
        self._latest = latest
        self._own = own
        self._local = local

    def lookup(self, name: str) -> Any:
        return self._find(name, self._latest)

    def lookup_now(self, name: str) -> Any:
        return self._find(name, True)

    def _find(self, name: str, latest: bool) -> Any:
        run = self._state.nodes.get(name)
        if run is not None:
            if latest or run is self._own or run.state in TERMINAL:
                return NodeNames(run, self._state)
            return UnsettledNames(run, self._state)
        if self._local is not None and name in self._local:
            return self._local[name]
        if name == "pipeline":
            return PipelineNames(self._state)
        if name == "system":
            return SystemNames(self._state)
        if name == "custom":
            return CustomNames(self._state)
        if name == "secrets":
            return SecretNames()
        return Absent(name, None, None)


class NodeNames(Namespace):
    """``<node>.*``: its outputs, ``run`` and ``events``."""

    __slots__ = ("_run", "_state")

    def __init__(self, run: NodeRun, state: ExecutionState) -> None:
        self._run = run
        self._state = state

    def member(self, key: str) -> Any:
        run = self._run
        if key in run.outputs:
            return run.outputs[key]
        if key == "run":
            return RunNames(run)
        if key == "events":
            return EventPayloads(run)
        return Absent(f"{run.planned.id}.{key}", run.planned.id, run.state)


class UnsettledNames(Namespace):
    """``<node>.*`` before the node is terminal: events that it has emitted already, nothing else."""

    __slots__ = ("_run", "_state")

    def __init__(self, run: NodeRun, state: ExecutionState) -> None:
        self._run = run
        self._state = state

    def member(self, key: str) -> Any:
        if key == "events":
            return EventPayloads(self._run)
        return Absent(f"{self._run.planned.id}.{key}", self._run.planned.id, self._run.state)


class EventPayloads(Namespace):
    """``<node>.events.<name>``: the payload of the first of each in this round."""

    __slots__ = ("_run",)

    def __init__(self, run: NodeRun) -> None:
        self._run = run

    def member(self, key: str) -> Any:
        payload = (self._run.event_payloads or {}).get(key)
        node = self._run.planned.id
        return Absent(f"{node}.events.{key}", node, self._run.state) if payload is None else payload


class RunNames(Namespace):
    """``<node>.run.*``: what happened to a node; absent before it is terminal."""

    __slots__ = ("_run",)

    def __init__(self, run: NodeRun) -> None:
        self._run = run

    def member(self, key: str) -> Any:
        run = self._run
        if key == "items" and run.fan is not None and (run.fan.concluded or run.state in TERMINAL):
            failed = [index for index, item in enumerate(run.fan.runs) if item.state == "failed"]
            done = sum(item.state == "completed" for item in run.fan.runs)
            return {"total": len(run.fan.items), "completed": done, "failed": len(failed), "failed_indexes": failed}
        if run.state not in TERMINAL or key not in RUN_MEMBERS or key == "items":
            return Absent(f"{run.planned.id}.run.{key}", run.planned.id, run.state)
        if key == "error":
            error = run.error
            kind = run.error_type if error is not None else ""
            return {"type": kind, "message": error.message if error is not None else ""}
        if key == "duration":
            return None if run.started_at is None or run.finished_at is None else run.finished_at - run.started_at
        if key == "outputs":
            lost = run.failed_outputs
            return {**run.outputs, **lost} if run.error is None else dict(lost or run.outputs)
        return {"state": run.state, "reason": run.reason or "", "attempts": run.attempts}[key]


RUN_MEMBERS = ("state", "reason", "error", "attempts", "duration", "outputs", "items")


class PipelineNames(Namespace):
    """``pipeline.input.*``."""

    __slots__ = ("_state",)

    def __init__(self, state: ExecutionState) -> None:
        self._state = state

    def member(self, key: str) -> Any:
        if key == "input":
            return InputNames(self._state)
        return Absent(f"pipeline.{key}", None, None)


class InputNames(Namespace):
    __slots__ = ("_state",)

    def __init__(self, state: ExecutionState) -> None:
        self._state = state

    def member(self, key: str) -> Any:
        values = self._state.variables.scopes.get("pipeline.input", {})
        return values[key] if key in values else Absent(f"pipeline.input.{key}", None, None)


class SystemNames(Namespace):
    """``system.*``; ``outcome`` is there from finishing on."""

    __slots__ = ("_state",)

    def __init__(self, state: ExecutionState) -> None:
        self._state = state

    def member(self, key: str) -> Any:
        if key == "outcome":
            return Absent("system.outcome", None, None) if self._state.outcome is None else self._state.outcome
        if key == "round":
            return self._state.round
        values = self._state.system
        return values[key] if key in values else Absent(f"system.{key}", None, None)


class CustomNames(Namespace):
    """``custom.<name>``: the payload of the first in this round."""

    __slots__ = ("_state",)

    def __init__(self, state: ExecutionState) -> None:
        self._state = state

    def member(self, key: str) -> Any:
        payload = self._state.custom.get(key)
        return Absent(f"custom.{key}", None, None) if payload is None else payload
