"""Documents to try things on: those of all cases, and one that writes everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text

_DOCUMENT = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TESTS = Path(__file__).parent.parent

EVERYTHING = """
name: ns/everything
version: "1e3"
title: "0o17"
tags: [a, "no"]
inputVariables: {d: {type: date, default: 2025-01-01}, s: {type: string, default: "1e3"}, f: {type: number, default: 1e30}}
taskDefinitions:
  t:
    type: sql
    query: SELECT :m
    description: "d: e"
    inputs: {m: {type: integer, default: 3}}
    outputs: {q: {type: integer, optional: true}}
nodes:
  - id: no
    taskDefinition: t
    title: "T {{ zz.n }}"
    description: "two\\nlines"
    timeout: 0
    cache: {ttl: 1h}
    resources: {slots: 1, pool: gpu}
    tags: [x]
    failWhen: {when: "{{ no.q > 1 }}", message: "q {{ no.q }}"}
  - id: zz
    type: python
    code: "x = 1\\n# c"
    runOn: local
    outputs: {n: integer}
    timeout: 2000000
    retry: {maxAttempts: 2, maxDelay: 0.25}
    startWhen: true
    repeat: {until: "{{ zz.n > 3 }}"}
    emits: [b, a]
  - {id: f, type: python, code: pass, forEach: [1, "no"], maxFailed: 10%}
  - id: g
    type: approval
    message: m
    form: {a: {type: string}}
    onTimeout: reject
    waitTimeout: 1d
    stopWhen: {when: false, as: completed}
  - {id: d, type: python, code: pass, startWhen: false, onFailure: {outputs: {n: 1}}}
outputs: {r: "{{ zz.n | default(0) }}", text: "010"}
defaults: {timeout: 5m, tags: [q], onInterrupt: retry}
schedule: {every: 5m}
concurrency: {limit: 1, policy: queue}
notifications: [{on: [failed], to: me}]
resources: {pools: {gpu: 1}}
stopWhen: event:custom.x
timeout: 1d
"""


def texts() -> Iterator[str]:
    """Every document of the cases, valid or not."""
    yield EVERYTHING
    for path in sorted(_TESTS.glob("*/cases/*.md")):
        yield from _DOCUMENT.findall(path.read_text())


def valid() -> Iterator[tuple[str, PipelineDefinition]]:
    """Those that are valid, with their definitions."""
    for text in texts():
        definition, found = validate_text(text, task_types())
        if definition is not None and not any(one.severity == "error" for one in found):
            yield text, definition
