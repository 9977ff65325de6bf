"""Inputs of a run against the pipeline's ``inputVariables``: typed, defaulted, or refused by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic, InputError
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.task_definition import InputDeclaration
from yamlflow_nb.domain.variable import fits, type_of


def accepted_inputs(definition: PipelineDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The typed inputs with defaults filled in; raises ``InputError`` naming every one that is missing, unknown or wrong."""
    values, diagnostics = check_inputs(definition, given)
    if diagnostics:
        raise InputError(diagnostics)
    return values


def check_inputs(definition: PipelineDefinition, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The typed inputs and what is wrong with them."""
    declared = definition.inputVariables
    values: dict[str, Any] = {}
    found: list[Diagnostic] = []
    for name in given:
        if name not in declared:
            close = get_close_matches(str(name), list(declared), 1)
            known = ", ".join(declared) or "none"
            hint = f"did you mean `{close[0]}`?" if close else f"this pipeline's inputs: {known}"
            found.append(Diagnostic("YF431", "error", f"unknown input `{name}`", hint=hint))
    for name, declaration in declared.items():
        if name in given:
            value, problem = typed(given[name], declaration)
            if problem is not None:
                found.append(_at(definition, name, Diagnostic("YF432", "error", f"input `{name}` {problem}")))
            values[name] = value
        elif declaration.has_default:
            values[name] = typed(declaration.default, declaration)[0]
        elif declaration.is_required:
            hint = f"give it: --input {name}=..., or inputs={{'{name}': ...}}"
            found.append(
                _at(definition, name, Diagnostic("YF430", "error", f"input `{name}` ({declaration.type}) is missing", hint=hint))
            )
    return values, found


def _at(definition: PipelineDefinition, name: str, diagnostic: Diagnostic) -> Diagnostic:
    from dataclasses import replace

    document = definition.document
    key = document.key_at(("inputVariables", name)) if document is not None else None
    if document is None or key is None:
        return diagnostic
    span = document.source.span(key.start, key.end)
    return replace(
        diagnostic, line=span.line, column=span.column, end_line=span.end_line, end_column=span.end_column,
        file=document.source.name, source=document.source,
    )  # fmt: skip


def typed(value: Any, declaration: InputDeclaration) -> tuple[Any, str | None]:
    """A value under its declared type: dates may be given as ISO texts, nothing else is guessed."""
    if value is None:
        return None, None if declaration.has_default and declaration.default is None else "must not be null"
    if declaration.type in ("date", "datetime") and isinstance(value, str):
        try:
            value = (
                dt.date.fromisoformat(value)
                if declaration.type == "date"
                else dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
            )
        except ValueError:
            return value, f"should be a {declaration.type} such as {_SAMPLES[declaration.type]}, but it is {value!r}"
    if not fits(value, declaration.type):
        return value, f"should be {declaration.type}, but it is {type_of(value)}: {value!r}"
    return value, _out_of_bounds(value, declaration)


_SAMPLES = {"date": "2025-01-31", "datetime": "2025-01-31T12:00:00+00:00"}


def _out_of_bounds(value: Any, declaration: InputDeclaration) -> str | None:
    if declaration.enum is not None and not any(type(value) is type(choice) and value == choice for choice in declaration.enum):
        return f"should be one of {', '.join(map(repr, declaration.enum))}, but it is {value!r}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if declaration.minimum is not None and value < declaration.minimum:
            return f"should be at least {declaration.minimum}, but it is {value!r}"
        if declaration.maximum is not None and value > declaration.maximum:
            return f"should be at most {declaration.maximum}, but it is {value!r}"
    if isinstance(value, str):
        if declaration.minLength is not None and len(value) < declaration.minLength:
            return f"should have at least {declaration.minLength} characters"
        if declaration.maxLength is not None and len(value) > declaration.maxLength:
            return f"should have at most {declaration.maxLength} characters"
    return None
