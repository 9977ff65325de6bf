"""``init``: a first pipeline that runs at once, its configuration, and the schema by which editors complete it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yamlflow_nb.services.command_error import CommandError

SCHEMA_NAME = "yamlflow.schema.json"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

_PIPELINE = """\
# yaml-language-server: $schema={schema}
#   The line above lets editors (VS Code with the YAML extension, JupyterLab with an LSP, PyCharm) complete and check this file.
#
{commands}
apiVersion: yamlflow/v1
name: {name}
version: "0.1"
description: Draws numbers, counts them by weekday, and says when there are many.

inputVariables: # typed; given by --input NAME=VALUE
  days: {{type: integer, default: 14, minimum: 1, description: how many days of numbers}}
{defaults}
nodes:
  # SQL runs in DuckDB, in this process; `:days` is bound, never pasted. For a database of yours: `connection: warehouse`,
  # a name in yamlflow.toml.
  - id: extract
    type: sql
    query: SELECT range AS day, range % 7 AS weekday, (range * 37) % 50 AS number FROM range(:days)
    inputBindings:
      days: "{{{{ pipeline.input.days }}}}"

  # Python: bindings are names in the code, declared outputs are read after the last line. `extract.result` is a data frame.
  # No `startWhen`: a node starts when those whose outputs it reads have completed.
  - id: summary
    type: python
    code: |
      by_weekday = rows.groupby("weekday")["number"].sum().to_dict()
      total = int(rows["number"].sum())
      print(f"{{len(rows)}} days, {{total}} in all")
    inputBindings:
      rows: "{{{{ extract.result }}}}"
    outputs: {{total: integer}}
    retry: {{maxAttempts: 2, delay: 1s}}

  # A condition. A node starts when its expression says so, and for no other reason.
  - id: alarm
    type: python
    code: |
      print("many:", total)
    inputBindings:
      total: "{{{{ summary.total }}}}"
    startWhen: "event:summary.completed && {{{{ summary.total > 500 }}}}"

  # A notebook: its variables named in `outputs` are read after the last cell; the file itself is never written.
  # - id: report
  #   type: notebook
  #   path: report.ipynb
  #   inputBindings: {{total: "{{{{ summary.total }}}}"}}

  # Runs at the end, whatever happened before.
  - id: goodbye
    type: python
    code: |
      print("ended:", outcome)
    inputBindings:
      outcome: "{{{{ system.outcome }}}}"
    startWhen: "event:pipeline.finishing"

outputs:
  total: "{{{{ summary.total }}}}"
"""
_PRODUCTION = """
defaults: # of every node; what a node says itself counts more
  onInterrupt: ask # work that was cut short by a crash is not repeated until a person says so: yamlflow resume --retry NODE
"""
_CONFIGURATION = """\
# The project's configuration. Its folder is the project: `yamlflow list` shows the runs of all pipelines beside and below it.

# A connection is named by sql nodes: `connection: warehouse`. Any SQLAlchemy URL; user and password are put in quoted.
[connections.warehouse]
url = "sqlite:///warehouse.db"          # "postgresql+psycopg://db.example.org/flights"
# user = "reader"
# password = "{{ secrets.warehouse }}"  # never the password itself

# Where secrets come from. Their values are never stored, logged or shown. Without a line here the secret `api_token`
# comes from the environment variable YAMLFLOW_SECRET_API_TOKEN.
[secrets]
# warehouse = {env = "WAREHOUSE_PASSWORD"}  # or {file = "~/.secrets/warehouse"}
"""


@dataclass(frozen=True)
class Made:
    """What was written, the pipeline first, and what was there already and kept."""

    written: list[Path]
    kept: list[Path]


def write_first_pipeline(
    folder: Path, name: str | None, schema: Mapping[str, Any], *, production: bool = False, force: bool = False
) -> Made:
    """Write the files into a folder. Nothing is written where the pipeline is there already, unless ``force``. Raises
    ``CommandError``: YF712 for a name that is none, YF729 for a pipeline that is there."""
    chosen = name if name is not None else name_from(folder.absolute().name)
    if not _NAME.fullmatch(chosen):
        hint = f"for example {name_from(chosen)}: small letters, digits and _"
        raise CommandError("YF712", f"{chosen!r} cannot be the name of a pipeline", hint)
    path = folder / f"{chosen}.pipeline.yaml"
    if path.exists() and not force:
        raise CommandError("YF729", f"{path} is there already", "give another name, or --force to overwrite it")
    defaults = _PRODUCTION if production else ""
    text = _PIPELINE.format(schema=SCHEMA_NAME, commands=_commands(path.name), name=chosen, defaults=defaults)
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "yamlflow.toml"
    written, kept = [path], []
    _write(path, text)
    if configuration.exists():  # it holds what somebody has entered: --force is about the pipeline
        kept.append(configuration)
    else:
        _write(configuration, _CONFIGURATION)
        written.append(configuration)
    _write(folder / SCHEMA_NAME, json.dumps(schema, indent=1, ensure_ascii=False) + "\n")
    return Made([*written, folder / SCHEMA_NAME], kept)


def name_from(text: str) -> str:
    """A text as the name of a pipeline.

    >>> name_from("My Flights-2026")
    'my_flights_2026'
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:50]
    return name if name[:1].isalpha() else f"pipeline_{name}".rstrip("_")


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def _commands(file: str) -> str:
    """What to do with the file, as comments; what each does stands in one column."""
    lines = {
        f"yamlflow run {file}": "run it",
        f"yamlflow run {file} --input days=30": "with another input",
        "yamlflow why alarm": "why a node started, or did not",
        f"yamlflow plan {file}": "this file with every default written out",
    }
    width = max(map(len, lines))
    return "\n".join(f"#   {command:<{width}}  {told}" for command, told in lines.items())
