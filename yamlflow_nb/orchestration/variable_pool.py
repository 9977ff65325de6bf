"""The typed values of executions, in scopes: ``pipeline.input``, ``<node>``, ``custom.<name>``, ``system``.

Large objects are held by reference (a mapping with path, size and sha256), never by value; see ``domain.variable``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.names import Absent
from yamlflow_nb.domain.variable import Variable, type_of
from yamlflow_nb.language.evaluation import render
from yamlflow_nb.language.expression_parser import parse_template
from yamlflow_nb.orchestration.event_manager import timestamp
from yamlflow_nb.orchestration.keepable import kept

_INDEX = re.compile(r"\[(-?\d+)\]")


class Variables:
    """The values of one execution: scope → name → value, and when each scope was last written."""

    __slots__ = ("_explicit", "scopes", "written_at")

    def __init__(self) -> None:
        self.scopes: dict[str, dict[str, Any]] = {}
        self.written_at: dict[str, float] = {}
        self._explicit: dict[tuple[str, str], tuple[str | None, float]] = {}

    def set_scope(self, scope: str, values: Mapping[str, Any], at: float) -> None:
        """Replace all values of a scope: it has one writer."""
        self.scopes[scope] = dict(values)
        self.written_at[scope] = at

    def drop_scope(self, scope: str) -> None:
        self.scopes.pop(scope, None)

    def set_one(self, scope: str, name: str, value: Any, type_hint: str | None, at: float) -> None:
        self.scopes.setdefault(scope, {})[name] = value
        self._explicit[scope, name] = (type_hint, at)

    def record(self, scope: str, name: str) -> Variable:
        """The seed's record of one variable; raises KeyError where there is none."""
        value = self.scopes[scope][name]
        hint, at = self._explicit.get((scope, name), (None, self.written_at.get(scope, 0.0)))
        kind = hint or type_of(value)
        metadata = dict(value) if kind in ("file", "dataframe") and isinstance(value, dict) else None
        return Variable(name=name, scope=scope, value=value, type=kind, metadata=metadata, created_at=timestamp(at))


class _PoolNames:
    """Names as expressions read them, straight from the scopes of a pool."""

    def __init__(self, scopes: Mapping[str, Mapping[str, Any]]) -> None:
        self._tree: dict[str, Any] = {}
        for scope, values in scopes.items():
            first, _, second = scope.partition(".")
            branch = self._tree.setdefault(first, {})
            if second:
                branch = branch.setdefault(second, {})
            branch.update(values)

    def lookup(self, name: str) -> Any:
        return self._tree[name] if name in self._tree else Absent(name, None, None)

    lookup_now = lookup


class VariablePool:
    """The values of executions, with the seed's interface; ``execution_id`` comes first everywhere.

    >>> pool = VariablePool()
    >>> pool.set_variable("run1", "extract", "row_count", 3)
    >>> pool.get_variable("run1", "extract.row_count")
    3
    >>> pool.resolve_expression("run1", "{{ extract.row_count + 1 }}")
    4
    """

    def __init__(self) -> None:
        self._executions: dict[str, Variables] = {}

    def variables(self, execution_id: str) -> Variables:
        """The values of one execution, made when first asked for."""
        found = self._executions.get(execution_id)
        if found is None:
            found = self._executions[execution_id] = Variables()
        return found

    def set_variable(self, execution_id: str, scope: str, name: str, value: Any, type_hint: str | None = None) -> None:
        """Set one variable; ``type_hint`` is its declared type, otherwise the value's own is recorded. The pool keeps a copy;
        raises ``UnkeepableVariable`` for what cannot be kept, before anything is written."""
        variables = self.variables(execution_id)
        variables.set_one(scope, name, kept(value, f"{scope}.{name}"), type_hint, variables.written_at.get(scope, 0.0))

    def set_variables(self, execution_id: str, scope: str, variables: Mapping[str, Any]) -> None:
        """Set several variables of a scope: all of them, or none."""
        copies = {name: kept(value, f"{scope}.{name}") for name, value in variables.items()}
        for name, value in copies.items():
            self.set_variable(execution_id, scope, name, value)

    def get_variable(self, execution_id: str, reference: str) -> Any:
        """The value under ``scope.name``, with further dots and ``[0]`` into it; raises KeyError where there is none."""
        steps: list[str | int] = []
        for part in reference.split("."):
            name, *indexes = _INDEX.split(part)
            steps += [name, *(int(index) for index in indexes if index)]
        scopes = self.variables(execution_id).scopes
        for length in (2, 1):
            scope = ".".join(str(step) for step in steps[:length])
            if len(steps) > length and scope in scopes:
                return kept(_walk(scopes[scope], steps[length:], reference), reference)
        raise KeyError(f"no variable {reference!r}: scopes are {', '.join(sorted(scopes)) or 'none'}")

    def get_variable_record(self, execution_id: str, scope: str, name: str) -> Variable:
        """The whole record: type, metadata, time."""
        return self.variables(execution_id).record(scope, name)

    def resolve_expression(self, execution_id: str, expression: str) -> Any:
        """The value of a text with ``{{ }}``; raises ``ExpressionError`` where it has none, returns other texts as they are."""
        template = parse_template(expression)
        return expression if template is None else render(template, _PoolNames(self.variables(execution_id).scopes))

    def resolve_bindings(self, execution_id: str, bindings: Mapping[str, Any]) -> dict[str, Any]:
        """Every binding resolved, in lists and mappings too."""
        return {name: self._resolve(execution_id, value) for name, value in bindings.items()}

    def get_all_variables(self, execution_id: str) -> dict[str, Any]:
        """Every value under its full name: ``extract.row_count``, ``pipeline.input.month``."""
        scopes = self.variables(execution_id).scopes
        return {f"{scope}.{name}": value for scope, values in scopes.items() for name, value in values.items()}

    def _resolve(self, execution_id: str, value: Any) -> Any:
        if isinstance(value, str):
            return self.resolve_expression(execution_id, value)
        if isinstance(value, list):
            return [self._resolve(execution_id, item) for item in value]
        if isinstance(value, dict):
            return {name: self._resolve(execution_id, item) for name, item in value.items()}
        return value


def _walk(value: Any, steps: list[str | int], reference: str) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            raise KeyError(f"no variable {reference!r}: it ends before {step!r}") from None
    return value
