"""`make docs`: writes the pages of docs/reference that the program's own tables tell; tests/test_docs.py compares them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.error_codes import all_codes
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.functions import FUNCTIONS
from yamlflow_nb.orchestration import lifecycle
from yamlflow_nb.services.task_page import section

HERE = Path(__file__).parent / "reference"
MARK = "<!-- written by `make docs`; edit the table it comes from -->\n"


def errors_page() -> str:
    """Each code: what it means and what to do, from domain/error_codes."""
    names = "The document, Expressions, Checks of the whole, Inputs and values, Tasks, Runs and store, Commands and cells"
    rooms = {str(number): name for number, name in enumerate(names.split(", "), start=1)}
    lines, room = ["# Error codes", "", MARK], None
    for code, row in all_codes().items():
        if code[2] != room:
            room = code[2]
            lines += [f"# {rooms[room]}", ""]
        lines += [f"## {code}: {row.title}", "", row.why, ""]
        if row.example:
            lines += ["```yaml" if "\n" in row.example or ":" in row.example else "```text", row.example.rstrip(), "```", ""]
        if row.remedy:
            lines += [f"*Remedy:* {row.remedy}", ""]
    return "\n".join(lines).rstrip() + "\n"


def tasks_page() -> str:
    """Each task type of ours: fields, outputs, events, from its own model."""
    lines = ["# Task types", "", MARK]
    ours = task_types()
    for _, task in sorted((name, task) for name, task in ours.items() if name not in ours.plugins.found):
        lines += section(task)
    return "\n".join(lines).rstrip() + "\n"


def functions_page() -> str:
    """Each function of value expressions, from the table that the evaluator calls."""
    lines = ["# Functions of value expressions", "", MARK]
    lines += ["Arguments go by position or by the names shown; `x | f(y)` is `f(x, y)`. Wrong types are errors.", ""]
    lines += ["| Function | Gives | |", "|---|---|---|"]
    for function in sorted(FUNCTIONS.values(), key=lambda row: row.name):
        marks = (f"{one.name}{'...' * one.many}{'?' * one.optional}" for one in function.parameters)
        kinds = (one.kinds.replace("absent", "any, also absent") for one in function.parameters)
        told = (f"{name}: {kind}" for name, kind in zip(marks, kinds))
        call = _cell(f"{function.name}({', '.join(told)})")
        lines.append(f"| `{call}` | {_cell(function.result)} | {_cell(function.summary)} |")
    return "\n".join(lines) + "\n"


def lifecycle_page() -> str:
    """The node's life, drawn from the tables that the engine obeys."""
    lines = ["# The life of a node", "", MARK, "```mermaid", "stateDiagram-v2", "    [*] --> pending"]
    for state, following in lifecycle.TRANSITIONS.items():
        lines += [f"    {state} --> {after}" for after in sorted(following)]
    lines += [f"    {state} --> [*]" for state in sorted(lifecycle.TERMINAL)]
    lines += ["```", "", "A terminal state never changes within a round.", ""]
    lines += ["| State | Reason | Events stored with it |", "|---|---|---|"]
    for state, reasons in (
        ("completed", (None,)),
        ("failed", lifecycle.FAILED_REASONS),
        ("skipped", lifecycle.SKIPPED_REASONS),
        ("cancelled", lifecycle.CANCELLED_REASONS),
    ):
        for reason in reasons:
            events = ", ".join(f"`{event}`" for event in lifecycle.ending_events(state, reason))
            lines.append(f"| {state} | {f'`{reason}`' if reason else ''} | {events} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Each command as it explains itself."""
    import click

    from yamlflow_nb.cli import command

    def told(one: click.Command, context: click.Context) -> Iterator[str]:
        yield f"## {context.command_path}\n\n```text\n{one.get_help(context).rstrip()}\n```\n"
        if isinstance(one, click.Group):
            for name in one.list_commands(context):
                child = one.get_command(context, name)
                if child is not None and not child.hidden:
                    yield from told(child, _context(child, name, context))

    return "# The command\n\n" + MARK + "\n" + "\n".join(told(command, _context(command, "yamlflow", None)))


def magics_page() -> str:
    """The magics as they explain themselves."""
    from yamlflow_nb.views.commands import help_text
    from yamlflow_nb.views.magics import PipelineMagics

    told = str(PipelineMagics.pipeline.__doc__).replace("::\n\n", "", 1).strip("\n")
    cell = "\n".join(line.removeprefix("  ") for line in told.splitlines())
    return f"""# In a cell

{MARK}
`%load_ext yamlflow_nb` brings `%%pipeline`, which runs the YAML of its cell, and `%pipeline`, which looks at what ran.

With a person before the page a cell returns at once and leaves the kernel free; what it shows, one picture and one table, goes
on changing in its place. Where nobody is there (papermill, nbclient, nbconvert), with `--wait`, or with `YAMLFLOW_WAIT=1`, it waits
until the pipeline has ended, and fails with it; interrupting it cancels the run. A mistake in the document is shown as the line
with a caret, without a traceback. What a notebook keeps of a run holds no script and is at most 150 kB.

`papermill -p month 2 nb.ipynb` reaches the pipeline of a cell that begins with `%%pipeline --inputs month`.
`%config PipelineMagics` lists the settings.

```text
{help_text()}
```

## %%pipeline

```text
{cell.rstrip()}
```
"""


def _context(one: Any, name: str, parent: Any) -> Any:
    import click

    # A fixed width: the page must not depend on the terminal in which it was written.
    wide = {"terminal_width": 100, "max_content_width": 100}
    return click.Context(one, info_name=name, parent=parent, **wide, **one.context_settings)


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "tasks.md": tasks_page,
    "functions.md": functions_page,
    "lifecycle.md": lifecycle_page,
    "cli.md": cli_page,
    "cells.md": magics_page,
}


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
