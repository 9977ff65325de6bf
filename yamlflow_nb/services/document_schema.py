"""The JSON Schema of the document: from the declarations of the language and the installed task types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.pipeline_definition import API_VERSION, CONTROL_FIELDS, PIPELINE_FIELDS, VARIABLE_TYPES
from yamlflow_nb.domain.task_definition import InputDeclaration, OutputDeclaration, TaskType

_DURATION = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"}]}
_TRIGGER = {"type": ["string", "boolean"]}
_TEMPLATE = {"type": "string", "pattern": r"\{\{"}
_NAMES = {"type": "array", "items": {"type": "string"}}
_RETRY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "maxAttempts": {"type": "integer", "minimum": 1},
        "delay": _DURATION,
        "backoff": {"enum": ["fixed", "linear", "exponential"]},
        "maxDelay": _DURATION,
        "maxDuration": _DURATION,
        "jitter": {"type": "boolean"},
    },
}
_REPEAT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["until"],
    "properties": {"until": _TRIGGER, "maxIterations": {"type": "integer", "minimum": 1}, "delay": _DURATION},
}
_CONTROL: dict[str, Any] = {
    "id": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 50},
    "title": {"type": "string"},
    "description": {"type": "string"},
    "startWhen": _TRIGGER,
    "skipWhen": _TRIGGER,
    "stopWhen": {"anyOf": [_TRIGGER, {"type": "object"}]},
    "failWhen": {"anyOf": [_TRIGGER, {"type": "object"}]},
    "retryWhen": _TRIGGER,
    "inputBindings": {"type": "object"},
    "outputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/output"}},
    "onFailure": {"anyOf": [{"enum": ["continue", "stop", "ignore"]}, {"type": "object", "required": ["outputs"]}]},
    "retry": _RETRY,
    "timeout": _DURATION,
    "waitTimeout": _DURATION,
    "maxParallel": {"type": "integer", "minimum": 1},
    "onItemFailure": {"enum": ["fail", "continue"]},
    "maxFailed": {"type": ["integer", "string"]},
    "repeat": _REPEAT,
    "resources": {"type": "object"},
    "priority": {"type": "integer"},
    "onInterrupt": {"enum": ["retry", "fail", "ask"]},
    "always": {"type": "boolean"},
    "runOn": {"type": "string"},
    "emits": _NAMES,
    "tags": _NAMES,
}
_PIPELINE: dict[str, Any] = {
    "apiVersion": {"const": API_VERSION},
    "name": {"type": "string"},
    "version": {"type": "string"},
    "title": {"type": "string"},
    "description": {"type": "string"},
    "inputVariables": {"type": "object", "additionalProperties": {"$ref": "#/$defs/input"}},
    "taskDefinitions": {"type": "object", "additionalProperties": {"$ref": "#/$defs/task"}},
    "nodes": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/node"}},
    "outputs": {"type": "object"},
    "stopWhen": _TRIGGER,
    "timeout": _DURATION,
    "defaults": {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _CONTROL.get(name, {}) for name in CONTROL_FIELDS if name not in ("id", "title", "description")},
    },
    "resources": {"type": "object"},
    "concurrency": {"type": "object"},
    "notifications": {"type": "array", "items": {"type": "object"}},
    "tags": _NAMES,
}


def document_schema(task_types: Mapping[str, TaskType]) -> dict[str, Any]:
    """The schema (draft 2020-12) with which editors complete and check a pipeline document."""
    types = dict(sorted(task_types.items()))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "yamlflow pipeline",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "nodes"],
        "properties": {name: _PIPELINE.get(name, {}) for name in PIPELINE_FIELDS},
        "$defs": {
            "input": _declaration(InputDeclaration),
            "output": _declaration(OutputDeclaration),
            "task": _task(types),
            "node": _node(types),
            **{f"type_{name}": _fields(task_type) for name, task_type in types.items()},
        },
    }


def _node(types: Mapping[str, TaskType]) -> dict[str, Any]:
    """A node: control fields, and the fields of its type."""
    control = {name: _CONTROL.get(name, {}) for name in CONTROL_FIELDS}
    return {
        "type": "object",
        "required": ["id"],
        "properties": control | {"type": {"enum": list(types)}, "taskDefinition": {"type": "string"}},
        "oneOf": [{"required": ["type"]}, {"required": ["taskDefinition"]}],
        "allOf": _by_type(types),
        "unevaluatedProperties": False,
    }


def _task(types: Mapping[str, TaskType]) -> dict[str, Any]:
    """A reusable task: its type, what it takes and gives, and the fields of its type."""
    declared = {
        kind: {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{kind[:-1]}"}} for kind in ("inputs", "outputs")
    }
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(types)}, "description": {"type": "string"}, **declared},
        "allOf": _by_type(types),
        "unevaluatedProperties": False,
    }


def _by_type(types: Mapping[str, TaskType]) -> list[dict[str, Any]]:
    return [
        {"if": {"required": ["type"], "properties": {"type": {"const": name}}}, "then": {"$ref": f"#/$defs/type_{name}"}}
        for name in types
    ]


def _fields(task_type: TaskType) -> dict[str, Any]:
    """A type's own fields, from its pydantic model. A text may stand everywhere: ``{{ }}`` gives the value later."""
    schema = task_type.fields.model_json_schema(by_alias=True, ref_template=f"#/$defs/type_{task_type.name}/$defs/{{model}}")
    schema.pop("additionalProperties", None)
    schema["properties"] = {
        # Beside the field's own form, so that editors still complete its words.
        name: field if field.get("type") == "string" else {"anyOf": [field, _TEMPLATE]}
        for name, field in schema.get("properties", {}).items()
    }
    return schema | {"title": task_type.name, "description": task_type.summary}


def _declaration(model: type[InputDeclaration] | type[OutputDeclaration]) -> dict[str, Any]:
    """A declaration written out, or its type alone."""
    schema = model.model_json_schema()
    schema["properties"]["type"] = {"enum": list(VARIABLE_TYPES)}
    return {"anyOf": [{"enum": list(VARIABLE_TYPES)}, schema]}
