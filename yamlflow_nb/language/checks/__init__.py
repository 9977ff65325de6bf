"""One rule, one file, one code: each file's docstring is its page of the docs.

A rule is a module with ``CODE``, ``TITLE`` and ``check(model) -> Iterator[Diagnostic]``; a new one is one file and one
row in ``RULES``. ``NEEDS_SOUND`` marks rules that would only repeat or misread what is already wrong with the text.
"""

from __future__ import annotations

from types import ModuleType

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks import (
    aside_names,
    attempt_outside_retry,
    bind_parameters,
    binding_fits,
    child_pipeline,
    circle,
    emptied_pattern,
    ends_of_pipeline,
    external_cache,
    idle_settings,
    item_outside_for_each,
    never_starts,
    outcome_outside_finally,
    peek_outside_bindings,
    resource_demand,
    retry_without_attempts,
    secrets_outside_env,
    type_mismatch,
    unguarded_read,
    unknown_event,
    unknown_input,
    unknown_member,
    unknown_node,
    unknown_output,
    unsettled_read,
)
from yamlflow_nb.language.checks.model import CheckModel

RULES: tuple[ModuleType, ...] = (
    unknown_node,
    unknown_event,
    ends_of_pipeline,
    emptied_pattern,
    unknown_input,
    unknown_output,
    unknown_member,
    attempt_outside_retry,
    item_outside_for_each,
    peek_outside_bindings,
    secrets_outside_env,
    outcome_outside_finally,
    unsettled_read,
    circle,
    never_starts,
    type_mismatch,
    binding_fits,
    bind_parameters,
    aside_names,
    unguarded_read,
    retry_without_attempts,
    child_pipeline,
    idle_settings,
    external_cache,
    resource_demand,
)


def run_checks(model: CheckModel, sound: bool = True) -> list[Diagnostic]:
    """Everything that the rules find. ``sound`` is false when reading the text found errors already; rules that look at the
    whole then wait."""
    return [found for rule in RULES if sound or not getattr(rule, "NEEDS_SOUND", False) for found in rule.check(model)]
