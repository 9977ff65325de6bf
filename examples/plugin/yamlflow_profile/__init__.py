"""``type: profile``: one page about a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from pydantic import Field

from yamlflow_nb.plugins import TaskFailed, TaskFields, TaskType, Work


class ProfileFields(TaskFields):
    """Fields of a ``profile`` task. The table comes by ``inputBindings``, under any name; one node, one table."""

    heading: str = Field(default="Profile", description="stands above the page")
    most: int = Field(default=50, ge=1, le=1000, description="columns that are shown at most")


class ProfileExecutor:
    """Writes the page and tells what it counted."""

    api = 1
    task_type = TaskType(
        name="profile",
        fields=ProfileFields,
        outputs={"report": "file", "rows": "integer", "columns": "integer", "missing": "object"},
        on_interrupt="retry",
        summary="Writes one page about a table: its columns, what is missing, what is usual.",
    )

    def execute(self, work: Work) -> Mapping[str, Any]:
        tables = [value for value in work.opened().values() if hasattr(value, "columns")]
        if len(tables) != 1:
            raise TaskFailed("InputError", f"a profile is of one table, bound by inputBindings; there are {len(tables)}")
        table = tables[0]
        title, most = work.fields["heading"], work.fields["most"]
        page = work.run_folder / "profile.html"
        rows = []
        for number, name in enumerate(list(table.columns)[:most], start=1):
            rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _told(name, table[name]))}</tr>")
            work.progress(number, min(most, len(table.columns)), "columns")
        head = "".join(f"<th>{one}</th>" for one in ("Column", "Type", "Missing", "Different", "Least", "Most"))
        page.write_text(
            f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><h1>{escape(title)}</h1>"
            f"<p>{len(table)} rows, {len(table.columns)} columns</p><table><tr>{head}</tr>{''.join(rows)}</table>\n",
            encoding="utf-8",
        )
        missing = {str(name): int(count) for name, count in table.isna().sum().items() if count}
        return {"report": page, "rows": len(table), "columns": len(table.columns), "missing": missing}


def _told(name: Any, column: Any) -> Iterator[str]:
    yield from (str(name), str(column.dtype), str(int(column.isna().sum())))
    values = column.dropna()
    try:
        yield from (str(values.nunique()), str(values.min()), str(values.max())) if len(values) else ("0", "", "")
    except TypeError:  # what cannot be compared has neither least nor most
        yield from ("", "", "")
