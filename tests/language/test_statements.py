"""Every sentence about the language under ``statements/*.md`` holds.

A statement is a ``## sentence`` with fenced blocks:

- ``yaml``: a document, and behind it ``check``: what ``validate`` says of it: ``valid: true`` (no finding at all), or ``error``
  or ``warning`` (a part of the message) with ``token`` (the very text at its place), ``line``, ``column``, ``hint``, ``fixed``
  (a part of the text after ``apply_fixes``; what comes out must then be valid), ``unfixed: true`` (there is no fix). A list of
  such for a document with several findings.
- ``values``: expression → the value that it gives, or ``error: PART OF THE MESSAGE``, or ``invalid: PART OF THE MESSAGE``.
  ``in`` is an object with the keys of a ``names`` block before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from yamlflow_nb import DefinitionError
from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.testing import apply_fixes, simulate, validate

STATEMENTS = Path(__file__).parent / "statements"
_BLOCK = re.compile(r"^## (?P<title>[^\n]+)$|^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def _collect(wanted: str) -> Iterator[Any]:
    for path in sorted(STATEMENTS.glob("*.md")):
        title, document, names, count = "", "", {}, 0
        for found in _BLOCK.finditer(path.read_text()):
            if found["title"]:
                title, names, count = found["title"], {}, 0
            elif found["kind"] == "yaml":
                document = found["body"]
            elif found["kind"] == "names":
                names = yaml.safe_load(found["body"])
            elif found["kind"] == "check" and wanted == "check":
                count += 1
                yield pytest.param(document, yaml.safe_load(found["body"]), id=f"{path.stem}: {title} ({count})")
            elif found["kind"] == "values" and wanted == "values":
                for expression, value in yaml.safe_load(found["body"]).items():
                    yield pytest.param(str(expression), value, names, id=f"{path.stem}: {title}: {expression}"[:160])


def _token(source: SourceText, found: Diagnostic) -> str:
    return source.text[source.offset(found.line, found.column) : source.offset(found.end_line, found.end_column)]


def _fits(source: SourceText, found: Diagnostic, wanted: dict[str, Any]) -> bool:
    severity = "error" if "error" in wanted else "warning"
    return (
        found.severity == severity
        and wanted[severity] in found.message
        and ("token" not in wanted or _token(source, found) == wanted["token"])
        and ("hint" not in wanted or wanted["hint"] in (found.hint or ""))
        and all(getattr(found, key) == wanted[key] for key in ("line", "column", "end_line", "end_column") if key in wanted)
        and not (wanted.get("unfixed") and found.fix is not None)
    )


@pytest.mark.parametrize(("document", "wanted"), list(_collect("check")))
def test_document(document: str, wanted: Any) -> None:
    found = validate(document)
    told = "\n".join(f"{one.render()}\n{one.hint} {one.fix}" for one in found)
    if wanted == {"valid": True}:
        assert not found, told
        return
    source = SourceText(document)
    for want in wanted if isinstance(wanted, list) else [wanted]:
        fitting = [one for one in found if _fits(source, one, want)]
        assert fitting, f"wanted {want}, came:\n{told}"
        if "fixed" in want:
            mended = apply_fixes(document, fitting if not isinstance(wanted, list) else found)
            assert want["fixed"] in mended, f"the fix gave:\n{mended}"
            left = [one.render() for one in validate(mended) if one.severity == "error"]
            assert not left, f"the fix gave:\n{mended}\nwhich has:\n{left}"


@pytest.mark.parametrize(("expression", "wanted", "names"), list(_collect("values")))
def test_value(expression: str, wanted: Any, names: dict[str, Any]) -> None:
    written = json.dumps("{{ " + expression + " }}")
    binding = f"inputBindings: {{value: {written}}}"
    text = f"name: p\nnodes:\n  - {{id: a, type: python, code: pass}}\n  - {{id: b, type: python, code: pass, {binding}}}\n"
    text += f"outputs: {{value: {written}}}\n"
    error = wanted.get("error") if isinstance(wanted, dict) and set(wanted) == {"error"} else None
    if isinstance(wanted, dict) and set(wanted) == {"invalid"}:
        with pytest.raises(DefinitionError) as caught:
            simulate(text)
        assert wanted["invalid"] in "\n".join(one.message for one in caught.value.diagnostics)
        return
    done = simulate(text, outcomes={"a": {"outputs": names}})
    if error is not None:
        assert (done.nodes["b"].state, done.nodes["b"].reason) == ("failed", "expression"), done.outputs
        assert error in done.nodes["b"].error.message
        return
    assert done.nodes["b"].error is None, done.nodes["b"].error
    assert json.dumps(done.outputs["value"]) == json.dumps(wanted)
