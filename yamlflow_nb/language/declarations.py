"""What is declared with a type: inputs of pipelines and tasks, outputs of nodes, task definitions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import ValidationError

from yamlflow_nb.domain.document import DocumentNode, MappingNode, Path, ScalarNode
from yamlflow_nb.domain.pipeline_definition import CONTROL_FIELDS, VARIABLE_TYPES
from yamlflow_nb.domain.task_definition import InputDeclaration, OutputDeclaration, TaskDefinition, TaskFields, TaskType
from yamlflow_nb.domain.variable import fits, type_of
from yamlflow_nb.language.bound_form import unbound
from yamlflow_nb.language.nearest import nearest
from yamlflow_nb.language.quoting import quoted, shown
from yamlflow_nb.language.reading import INVALID, Reading, anything, boolean, integer_from, list_of, text

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SYNONYMS = {
    "int": "integer", "str": "string", "text": "string", "float": "number", "double": "number", "bool": "boolean",
    "list": "array", "dict": "object", "map": "object", "df": "dataframe", "table": "dataframe", "path": "file",
    "timestamp": "datetime",
}  # fmt: skip
_OUTPUT_FIELDS = {"type": None, "optional": boolean, "description": text}
_INPUT_FIELDS: dict[str, Any] = {
    "type": None, "title": text, "description": text, "default": anything, "required": boolean, "minimum": anything,
    "maximum": anything, "minLength": integer_from(0), "maxLength": integer_from(0), "enum": list_of(anything),
}  # fmt: skip


def meant_type(value: str) -> str | None:
    """The type that is meant by a name."""
    return _SYNONYMS.get(value.lower()) or nearest(value, VARIABLE_TYPES)


def variable_type(reading: Reading, path: Path, node: DocumentNode) -> Any:
    """The name of a variable type."""
    value = node.value if type(node) is ScalarNode else None
    if value in VARIABLE_TYPES and isinstance(value, str):
        return value
    if not isinstance(value, str):
        return reading.wrong(path, node, "the name of a type", f"types: {', '.join(VARIABLE_TYPES)}")
    close = meant_type(value)
    hint = f"did you mean `{close}`?" if close else f"types: {', '.join(VARIABLE_TYPES)}"
    return reading.report(
        "YF127", path, f"there is no type {shown(value)}", hint, replace=(f"write `{close}`", close) if close else None
    )


def _declared(reading: Reading, path: Path, node: DocumentNode, fields: dict[str, Any]) -> dict[str, Any]:
    """``integer``, or a mapping with ``type`` and more."""
    if not isinstance(node, MappingNode):
        kind = variable_type(reading, path, node)
        return {} if kind is INVALID else {"type": kind}
    values: dict[str, Any] = {}
    for name, item in node.items.items():
        if name not in fields:
            reading.unknown_key((*path, name), fields, node.items, f"`{path[-1]}`")
            continue
        value = (fields[name] or variable_type)(reading, (*path, name), item)
        if value is not INVALID:
            values[name] = value
    return values


def _names(reading: Reading, path: Path, node: DocumentNode, what: str) -> dict[str, DocumentNode]:
    if not isinstance(node, MappingNode):
        reading.wrong(path, node, f"a mapping: {what} → type", "for example {row_count: integer}")
        return {}
    for name in node.items:
        if not IDENTIFIER.match(name):
            reading.report(
                "YF128",
                (*path, name),
                f"{shown(name)} is no name",
                "names are letters, digits and `_`, a letter first",
                on_key=True,
            )
    return node.items


def outputs(reading: Reading, path: Path, node: DocumentNode) -> dict[str, OutputDeclaration]:
    """Declared outputs of a node or a task."""
    found = {}
    for name, item in _names(reading, path, node, "output").items():
        if name in ("run", "events"):
            reading.report("YF129", (*path, name), f"no output may be called `{name}`: `<node>.{name}` is taken", on_key=True)
        values = _declared(reading, (*path, name), item, _OUTPUT_FIELDS)
        found[name] = OutputDeclaration.of(values)
    return found


def inputs(reading: Reading, path: Path, node: DocumentNode) -> dict[str, InputDeclaration]:
    """Declared inputs of a pipeline or a task."""
    found = {}
    for name, item in _names(reading, path, node, "input").items():
        values = _declared(reading, (*path, name), item, _INPUT_FIELDS)
        if "enum" in values:
            values["enum"] = list(values["enum"])
        declared = found[name] = InputDeclaration.of(values)
        _check_bounds(reading, (*path, name), declared)
        if declared.has_default:
            _check_default(reading, (*path, name, "default"), declared)
    return found


def _check_bounds(reading: Reading, path: Path, declared: InputDeclaration) -> None:
    """``minimum``, ``maximum`` and ``enum`` speak of values of the declared type."""
    bounds = {name: getattr(declared, name) for name in ("minimum", "maximum") if getattr(declared, name) is not None}
    if declared.type in ("integer", "number"):
        for name, bound in bounds.items():
            if not fits(bound, "number"):
                reading.report("YF130", (*path, name), f"`{name}` must be a number, this is {type_of(bound)}")
                return
        if len(bounds) == 2 and bounds["minimum"] > bounds["maximum"]:
            reading.report("YF130", (*path, "maximum"), f"the maximum is below the minimum {bounds['minimum']}")
    for index, value in enumerate(declared.enum or ()):
        if declared.type not in ("date", "datetime") and not fits(value, declared.type):
            reading.report(
                "YF130", (*path, "enum", index), f"a value of type {declared.type} is expected, this is {type_of(value)}"
            )


_BOOLEANS = {
    "yes": "true",
    "on": "true",
    "true": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "false": "false",
    "n": "false",
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?P<rest>\.[0-9]{1,30})?\Z")


def _as_type(value: Any, wanted: str) -> str | None:
    """A value as the YAML of another type; None where it has no plain form there."""
    if wanted == "string" and isinstance(value, (int, float)):
        return quoted(str(value).lower() if isinstance(value, bool) else str(value))
    if not isinstance(value, str):
        return str(int(value)) if wanted == "integer" and isinstance(value, float) and value.is_integer() else None
    if wanted == "boolean":
        return _BOOLEANS.get(value.lower())
    number = _NUMBER.match(value)
    return value if number is not None and (wanted == "number" or (wanted == "integer" and number["rest"] is None)) else None


def _bounds(low: Any, high: Any) -> str:
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"between {low} and {high}"


def _check_default(reading: Reading, path: Path, declared: InputDeclaration) -> None:
    value = declared.default
    if value is None:
        return
    if declared.type in ("date", "datetime") and isinstance(value, str):
        read: Any = dt.date.fromisoformat if declared.type == "date" else dt.datetime.fromisoformat
        try:
            value = read(value.replace("Z", "+00:00"))
        except ValueError:
            reading.report("YF130", path, f"the default is no {declared.type}", "ISO 8601, for example 2025-01-31")
            return
    if not fits(value, declared.type):
        written = _as_type(value, declared.type)
        message = f"the default must be of type {declared.type}, this is {type_of(value)}"
        hint, replace = (f"write {written}", (f"write {written}", written)) if written is not None else (None, None)
        reading.report("YF130", path, message, hint, replace=replace)
    elif declared.enum is not None and value not in declared.enum:
        reading.report("YF130", path, f"the default is none of {', '.join(map(shown, declared.enum))}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = declared.minimum, declared.maximum
        if (isinstance(low, (int, float)) and value < low) or (isinstance(high, (int, float)) and value > high):
            reading.report("YF130", path, f"the default {value} is not {_bounds(low, high)}")


def task_type(reading: Reading, path: Path, node: DocumentNode) -> TaskType | None:
    """The task type that ``type:`` names."""
    value = text(reading, path, node)
    if value is INVALID:
        return None
    found = reading.task_types.get(value)
    if found is None:
        close = reading.near(value, reading.task_types)
        hint = f"did you mean `{close}`?" if close else f"installed types: {', '.join(sorted(reading.task_types))}"
        # One that is installed and cannot be used says why: there is no typing mistake to look for.
        refused = getattr(reading.task_types, "refused", {}).get(value)
        replace = (f"write `{close}`", close) if close and refused is None else None
        reading.report("YF131", path, f"there is no task type {shown(value)}", refused or hint, replace=replace)
    return found


def task_fields(
    reading: Reading, path: Path, written: dict[str, DocumentNode], kind: TaskType, also_known: tuple[str, ...] = CONTROL_FIELDS
) -> dict[str, Any]:
    """A task type's own fields, checked against its model; keys that are none are reported. ``path`` is the mapping's."""
    names = field_names(kind, written)
    plain: dict[str, Any] = {}
    for name, item in written.items():
        if name not in names:
            where = reading.document.find(path)
            present = where.items if isinstance(where, MappingNode) else written
            if not _foreign(reading, (*path, name)):
                reading.unknown_key((*path, name), (*names, *also_known), present, f"a `{kind.name}` task")
            continue
        plain[name] = item.value if type(item) is ScalarNode else item.plain()
        if plain[name].__class__ is str and "{{" in plain[name] and name in kind.no_templates:
            reading.problems((*path, name), unbound(plain[name], name, kind.no_templates[name], kind.bound_form))
    try:
        if not kind.is_missing:
            kind.fields.model_validate(plain)
    except ValidationError as error:
        _report_fields(reading, path, kind, error, plain)
    return plain


def field_names(kind: TaskType, written: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of a type's own fields, as they are written; of one that is not installed any more those that are ``written``."""
    return tuple(written) if kind.is_missing else _names_in(kind.fields)


@cache
def _names_in(fields: type[TaskFields]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in fields.model_fields.items())


_HINTS = {
    "dependsOn": "a node names no predecessors: `startWhen: \"event:extract.completed\"` says when it starts",
    "inputs": "what a node gets is written in `inputBindings`",
    "when": "`startWhen` says when a node starts, `skipWhen` when it is skipped",
    "if": "`startWhen` says when a node starts, `skipWhen` when it is skipped",
    "retries": "write `retry: {maxAttempts: 3}`",
}  # fmt: skip
_FOREIGN = {
    "dependsOn": "dependsOn", "depends_on": "dependsOn", "depends": "dependsOn", "needs": "dependsOn", "upstream": "dependsOn",
    "after": "dependsOn", "inputs": "inputs", "params": "inputs", "parameters": "inputs", "arguments": "inputs", "with": "inputs",
    "when": "when", "if": "if", "condition": "when", "retries": "retries",
}  # fmt: skip


def _foreign(reading: Reading, path: Path) -> bool:
    """A key as other products write it: says what it is called here."""
    meant = _FOREIGN.get(str(path[-1]))
    if meant is None:
        return False
    reading.report("YF121", path, f"a node has no field {shown(path[-1])}", _HINTS[meant], on_key=True)
    return True


def _report_fields(reading: Reading, path: Path, kind: TaskType, error: ValidationError, plain: dict[str, Any]) -> None:
    """pydantic's complaints, one a field; a value that is a template will be known when the node starts."""
    told: set[str] = set()
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        if name in told or _has_template(plain.get(name)):
            continue
        told.add(name)
        message = str(detail["msg"]).removeprefix("Value error, ")
        if detail["type"] == "missing":
            reading.missing(path, name, f"a `{kind.name}` task needs `{name}`")
        elif name:
            said = f"`{name}`: {message[:1].lower()}{message[1:]}".replace("input should be", "must be")
            words = re.findall(r"'([^']*)'", message) if detail["type"] == "literal_error" and len(detail["loc"]) == 1 else ()
            close = reading.near(plain[name], words) if words and isinstance(plain.get(name), str) else None
            hint = f"did you mean `{close}`?" if close else None
            reading.report("YF133", (*path, name), said, hint, replace=(f"write `{close}`", close) if close else None)
        elif not any(_has_template(value) for value in plain.values()) or detail["type"] == "value_error":
            reading.report("YF133", path, message)


def _has_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def task_definition(reading: Reading, path: Path, node: DocumentNode) -> TaskDefinition | None:
    """One entry of ``taskDefinitions``."""
    name = str(path[-1])
    if not isinstance(node, MappingNode):
        reading.wrong(path, node, "a mapping with `type` and that type's fields")
        return None
    items = dict(node.items)
    where = items.pop("type", None)
    if where is None:
        reading.missing(path, "type", f"the task `{name}` needs `type`", on_key=True)
        return None
    kind = task_type(reading, (*path, "type"), where)
    given = inputs(reading, (*path, "inputs"), items.pop("inputs")) if "inputs" in items else None
    gives = outputs(reading, (*path, "outputs"), items.pop("outputs")) if "outputs" in items else {}
    described = items.pop("description", None)
    description = text(reading, (*path, "description"), described) if described is not None else None
    for key in [key for key in items if key in CONTROL_FIELDS]:
        del items[key]
        message = f"`{key}` belongs to the node that uses the task, not to the task"
        reading.report("YF132", (*path, key), message, on_key=True)
    if kind is None:
        return TaskDefinition.model_construct(name=name, type=str(getattr(where, "value", "")), inputs=given, outputs=gives)
    fields = task_fields(reading, path, items, kind, ("type", "inputs", "outputs", "description"))
    return TaskDefinition.model_construct(
        name=name, type=kind.name, fields=fields, inputs=given, outputs=gives,
        description=description if isinstance(description, str) else None,
    )  # fmt: skip
