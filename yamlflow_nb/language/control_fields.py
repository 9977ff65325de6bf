"""The control fields of a node: one setter each, in a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from yamlflow_nb.domain.document import DocumentNode, MappingNode, Path, ScalarNode
from yamlflow_nb.domain.expression import BoundTemplate, NodeExpressions
from yamlflow_nb.domain.pipeline_definition import BUILT_IN_EVENTS, Recovery, Repeat, Retry
from yamlflow_nb.language import declarations
from yamlflow_nb.language.quoting import quoted, shown
from yamlflow_nb.language.reading import (
    INVALID,
    Reader,
    Reading,
    any_of,
    anything,
    boolean,
    duration,
    fitted,
    integer_from,
    one_of,
    record,
    text,
    texts,
)

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class Written:
    """What one mapping of control fields says: values for the definition, trees beside them."""

    __slots__ = ("expressions", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.expressions = NodeExpressions()


Setter = Callable[[Reading, Path, DocumentNode, Written], None]


def _plain(name: str, reader: Reader) -> Setter:
    def set_value(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
        value = reader(reading, path, node)
        if value is not INVALID:
            written.values[name] = value

    return set_value


def _shown_text(name: str) -> Setter:
    """``title`` and ``description``: texts whose templates are for display."""

    def set_text(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
        value = text(reading, path, node)
        if value is not INVALID:
            written.values[name] = value
            if "{{" in value:
                written.expressions.display += tuple(
                    BoundTemplate((name,), one.template, one.place) for one in reading.templates(path, node)
                )

    return set_text


def _trigger(name: str) -> Setter:
    def set_trigger(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
        expression = reading.trigger(path, node)
        if expression is not None:
            written.values[name] = node.value  # type: ignore[union-attr]
            setattr(written.expressions, name, expression)

    return set_trigger


def _when(name: str, option: str, reading: Reading, path: Path, node: DocumentNode, written: Written) -> DocumentNode | None:
    """``{when: ..., <option>: ...}`` as well as the bare expression; gives the option's node."""
    if not isinstance(node, MappingNode):
        _trigger(name)(reading, path, node, written)
        return None
    for key in node.items:
        if key not in ("when", option):
            reading.unknown_key((*path, key), ("when", option), node.items, f"`{name}`")
    if "when" not in node.items:
        reading.missing(path, "when", f"`{name}` needs `when`", on_key=True)
        return None
    when = node.items["when"]
    expression = reading.trigger((*path, "when"), when)
    if expression is not None:
        written.values[name] = when.value  # type: ignore[union-attr]
        setattr(written.expressions, name, expression)
    return node.items.get(option)


_STOP_AS = one_of("completed", "cancelled")


def _stop_when(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    how = _when("stopWhen", "as", reading, path, node, written)
    outcome = _STOP_AS(reading, (*path, "as"), how) if how is not None else "cancelled"
    written.values["stopAs"] = outcome if outcome is not INVALID else "cancelled"


def _fail_when(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    said = _when("failWhen", "message", reading, path, node, written)
    if said is not None:
        value = text(reading, (*path, "message"), said)
        if value is not INVALID:
            written.values["failMessage"] = value
            found = reading.templates((*path, "message"), said)
            written.expressions.fail_message = found[0] if found else None


def _bindings(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    if not isinstance(node, MappingNode):
        reading.wrong(path, node, "a mapping: name → value", 'for example {month: "{{ pipeline.input.month }}"}')
        return
    for name in node.items:
        if not declarations.IDENTIFIER.match(name):
            reading.report("YF128", (*path, name), f"{shown(name)} is no name", "names are letters, digits and `_`", on_key=True)
    written.values["inputBindings"] = node.plain()
    written.expressions.bindings = reading.templates(path, node)


def _outputs(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    written.values["outputs"] = declarations.outputs(reading, path, node)


_ON_FAILURE = one_of("continue", "stop", "ignore")


def _on_failure(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    if not isinstance(node, MappingNode):
        value = _ON_FAILURE(reading, path, node)
        if value is not INVALID:
            written.values["onFailure"] = value
        return
    for key in node.items:
        if key != "outputs":
            reading.unknown_key((*path, key), ("outputs",), node.items, "`onFailure`")
    values = node.items.get("outputs")
    if not isinstance(values, MappingNode):
        reading.report("YF122", path, "`onFailure` needs `outputs`, a mapping: name → value", on_key=True)
        return
    written.values["onFailure"] = Recovery.of({"outputs": values.plain()})
    written.expressions.recovery = reading.templates((*path, "outputs"), values)


def _attempts(node: DocumentNode) -> str | None:
    count = node.value if type(node) is ScalarNode else None
    return f"{{maxAttempts: {count}}}" if count.__class__ is int and count > 0 else None


_RETRY = fitted("a mapping", _attempts, record(
    {
        "maxAttempts": integer_from(1), "delay": duration, "backoff": one_of("fixed", "linear", "exponential"),
        "maxDelay": duration, "maxDuration": duration, "jitter": boolean,
    }
))  # fmt: skip


def _retry(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    values = _RETRY(reading, path, node)
    if values is not INVALID:
        written.values["retry"] = Retry.of(values)


_REPEAT = record({"until": anything, "maxIterations": integer_from(1), "delay": duration}, required=("until",))


def _repeat(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    values = _REPEAT(reading, path, node) if not is_text(node) else reading.wrong(path, node, "a mapping with `until`")
    if values is INVALID:
        return
    until = node.items.get("until") if isinstance(node, MappingNode) else None
    if until is not None:
        written.expressions.until = reading.trigger((*path, "until"), until)
        values["until"] = until.value if type(until) is ScalarNode else False
    written.values["repeat"] = Repeat.of(values)


def is_text(node: DocumentNode | None) -> bool:
    return type(node) is ScalarNode and isinstance(node.value, str)


def _for_each(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    found = reading.templates(path, node)
    if type(node) is ScalarNode:
        if is_text(node) and _BARE_NAME.match(node.text):
            braced = quoted(f"{{{{ {node.text} }}}}")
            message = f"`forEach` must be a list, or an expression that gives one, this is a text, {shown(node.text)}"
            reading.report("YF123", path, message, f"write {braced}", replace=(f"write {braced}", braced))
            return
        if not found and not (is_text(node) and "{{" in node.text):
            reading.wrong(path, node, 'a list, or an expression that gives one: "{{ list.files }}"')
            return
        written.expressions.for_each = found[0] if found else None
    elif isinstance(node, MappingNode):
        reading.wrong(path, node, 'a list, or an expression that gives one: "{{ list.files }}"')
        return
    elif found:
        hint = 'write the whole list as an expression: "{{ [a.x, 2] }}"'
        reading.report("YF123", found[0].place, "an item of a written list may not hold {{ }}", hint)
        return
    written.values["forEach"] = node.plain()


_BARE_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\Z")
_SHARE = re.compile(r"(?:100|[0-9]{1,2})(?:\.[0-9]+)?%\Z")


def _max_failed(reading: Reading, path: Path, node: DocumentNode) -> Any:
    value = node.value if type(node) is ScalarNode else None
    if (value.__class__ is int and value >= 0) or (isinstance(value, str) and _SHARE.match(value)):
        return value
    return reading.wrong(path, node, "a number of items, or a share such as 10%")


def _emits(reading: Reading, path: Path, node: DocumentNode) -> Any:
    names = texts(reading, path, node)
    for index, name in enumerate(names if names is not INVALID else ()):
        if not NAME.match(name):
            reading.report(
                "YF128", (*path, index), f"{shown(name)} is no name of an event", "[a-z][a-z0-9_]*, for example batch_ready"
            )
        elif name in BUILT_IN_EVENTS:
            reading.report("YF129", (*path, index), f"`{name}` is a built-in event: every node has it")
    return names


_CACHE = any_of(
    boolean, bool, record({"ttl": duration, "key": lambda reading, path, node: node.plain(), "packages": texts})
)  # fmt: skip


def _cache(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    value = _CACHE(reading, path, node)
    if value is INVALID:
        return
    written.values["cache"] = value
    key = node.items.get("key") if isinstance(node, MappingNode) else None
    if key is not None:
        found = reading.templates((*path, "key"), key)
        written.expressions.cache = tuple(BoundTemplate(("cache", "key", *one.path), one.template, one.place) for one in found)


_MEMORY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})? ?(?:[KMGTP]i?)?B?\Z")


def _memory(reading: Reading, path: Path, node: DocumentNode) -> Any:
    value = node.value if type(node) is ScalarNode else None
    if (value.__class__ is int and value >= 0) or (isinstance(value, str) and _MEMORY.match(value)):
        return value
    return reading.wrong(path, node, "an amount of memory", "for example 512MiB, 2GiB, or a number of bytes")


_RESOURCES = record({"slots": integer_from(0), "memory": _memory, "pool": text})

CONTROL: dict[str, Setter] = {
    "title": _shown_text("title"),
    "description": _shown_text("description"),
    "startWhen": _trigger("startWhen"),
    "skipWhen": _trigger("skipWhen"),
    "stopWhen": _stop_when,
    "failWhen": _fail_when,
    "retryWhen": _trigger("retryWhen"),
    "inputBindings": _bindings,
    "outputs": _outputs,
    "onFailure": _on_failure,
    "retry": _retry,
    "timeout": _plain("timeout", duration),
    "waitTimeout": _plain("waitTimeout", duration),
    "forEach": _for_each,
    "maxParallel": _plain("maxParallel", integer_from(1)),
    "onItemFailure": _plain("onItemFailure", one_of("fail", "continue")),
    "maxFailed": _plain("maxFailed", _max_failed),
    "repeat": _repeat,
    "cache": _cache,
    "resources": _plain("resources", _RESOURCES),
    "priority": _plain("priority", integer_from(None)),
    "onInterrupt": _plain("onInterrupt", one_of("retry", "fail", "ask")),
    "always": _plain("always", boolean),
    "runOn": _plain("runOn", one_of("local", "dask")),
    "emits": _plain("emits", _emits),
    "tags": _plain("tags", texts),
}
"""One row a control field (``id``, ``taskDefinition`` and ``type`` apart)."""
