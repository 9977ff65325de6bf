"""A file's bytes → a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from yamlflow_nb.domain.work import TaskFailed


def notebook_of(path: Path, data: bytes) -> Any:
    """The notebook, in format 4. Raises ``TaskFailed``."""
    try:
        return nbformat.reads(data.decode("utf-8-sig"), as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # no UTF-8, no JSON, no notebook, of a later format: nbformat has no common class for them
        raise TaskFailed("NotANotebook", f"{path} cannot be read as a notebook: {str(error).splitlines()[0][:200]}") from None
