"""Text → definition and everything that is wrong with it: reader, then definition, then the checks of the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.catalogue import Shelf
from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.domain.uncollected import uncollected
from yamlflow_nb.language.checks import run_checks
from yamlflow_nb.language.checks.model import CheckModel
from yamlflow_nb.language.consequences import without_consequences
from yamlflow_nb.language.definition_reader import read_definition
from yamlflow_nb.language.yaml_reader import read_document


@uncollected
def validate_text(
    text: str | bytes,
    task_types: Mapping[str, TaskType],
    name: str = "<text>",
    read_file: Callable[[str], str | None] | None = None,
    shelf: Shelf | None = None,
) -> tuple[PipelineDefinition | None, list[Diagnostic]]:
    """A document's definition and its diagnostics in the order of their places; the definition is None when there is an error.

    ``read_file`` gives the text of a file named in the document (a child pipeline's), None when there is none; without it
    such files are not looked at. ``shelf`` has what was published; without it nothing is. Never raises, whatever the text.
    """
    document, found = read_document(text, name)
    definition = None
    if document is not None:
        definition, more = read_definition(document, task_types, shelf)
        found += more
        if definition is not None:
            sound = not any(diagnostic.severity == "error" for diagnostic in found)
            model = CheckModel(definition, task_types, document, read_file=read_file, shelf=shelf, name=name)
            found += run_checks(model, sound=sound)
    if any(diagnostic.severity == "error" for diagnostic in found):
        definition = None
    return definition, in_order(without_consequences(found))


@uncollected
def read_stored(
    text: str | bytes, task_types: Mapping[str, TaskType], name: str, shelf: Shelf | None
) -> tuple[PipelineDefinition | None, list[Diagnostic]]:
    """The definition of a text that was validated when it was stored: read, not checked again."""
    document, found = read_document(text, name)
    definition, more = read_definition(document, task_types, shelf) if document is not None else (None, [])
    found = [*found, *more]
    return (None if any(diagnostic.severity == "error" for diagnostic in found) else definition), found


def in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, errors before warnings at the same one, each once."""
    ranks = {"error": 0, "warning": 1, "note": 2}
    unique = {(found.code, found.span, found.message): found for found in reversed(diagnostics)}
    return sorted(unique.values(), key=lambda found: (found.span, ranks[found.severity], found.code, found.message))
