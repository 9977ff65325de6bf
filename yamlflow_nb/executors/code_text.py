"""Python code → what it says, without comments and layout; with the files that it names and the modules beside the pipeline that
it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from yamlflow_nb.domain.made_of import MadeOf

_QUOTED = re.compile(r"""'([^'\n]{1,400})'|"([^"\n]{1,400})"|(\S{1,400})""")
_LONGEST = 400


def meaning(code: str) -> str:
    """The same text for codes that differ in comments and layout alone; the code itself where that is not certain."""
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError):
        return code


def look_at_code(code: str, folder: Path, made: MadeOf) -> None:
    """Add the files that a code names in its texts, and the modules beside the pipeline that it imports, theirs too."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        look_at_words(code, folder, made)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            look_at_text(node.value, folder, made)
        for name in _imported(node):
            look_at_module(name, folder, made)


def look_at_words(text: str, folder: Path, made: MadeOf) -> None:
    """Of a text that is no code of Python: all that stands in quotes or alone."""
    for found in _QUOTED.finditer(text):
        look_at_text(found[1] or found[2] or found[3], folder, made)


def look_at_text(text: str, folder: Path, made: MadeOf) -> None:
    """Add the file that a text names, if it names one."""
    if not 0 < len(text) <= _LONGEST or "\n" in text or "\0" in text:
        return
    # Paths of a task count from the pipeline's folder, those of its code from where the process works.
    for name, path in ((text, folder / text), (f"./{text}", Path.cwd() / text)):
        try:
            if path.is_file() and not any(path.samefile(other) for other in made.files.values()):
                made.files.setdefault(name, path)
        except (OSError, ValueError):
            continue


def look_at_module(name: str, folder: Path, made: MadeOf) -> None:
    """Add a module that lies beside the pipeline, and what it imports from there."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        base = folder.joinpath(*parts[:length])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            part = f"module {'.'.join(parts[:length])}"
            if part in made.parts or not path.is_file():
                continue
            try:
                code = path.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError):
                continue
            made.parts[part] = meaning(code)
            look_at_code(code, folder, made)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.name for alias in node.names)
