"""A function of the kernel → what it says, with all that it reads from there; or that this cannot be known."""

from __future__ import annotations

import datetime as dt
import inspect
import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from yamlflow_nb.domain.made_of import MadeOf, NotKnown
from yamlflow_nb.executors.code_text import look_at_code, meaning


def look_at_function(function: Callable[..., Any], folder: Path, made: MadeOf) -> None:
    """Add a function, the functions that it calls by their names, and the values of the kernel that it reads. Raises
    ``NotKnown``."""
    _look(function, folder, made, set())


def _look(function: Any, folder: Path, made: MadeOf, seen: set[int]) -> None:
    if id(function) in seen:
        return
    seen.add(id(function))
    if not isinstance(function, types.FunctionType):
        raise NotKnown(f"`{getattr(function, '__name__', function)}` is no plain function: what it does cannot be seen")
    try:
        code = (
            inspect.cleandoc("\n" + inspect.getsource(function)) if function.__name__ != "<lambda>" else inspect.getsource(function)
        )
    except (OSError, TypeError):
        raise NotKnown(f"the text of the function `{function.__name__}` is not there") from None
    made.parts[f"function {function.__qualname__}"] = meaning(code)
    look_at_code(code, folder, made)
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    made.parts[f"defaults of {function.__qualname__}"] = "\n".join(_plain("a default", one) for one in defaults)
    for name, value in _read(function):
        if isinstance(value, types.FunctionType) and not _is_installed(value):
            _look(value, folder, made, seen)
        elif isinstance(value, types.ModuleType):
            made.parts[f"name {name}"] = _module(value)
        elif _is_installed(value):
            made.parts[f"name {name}"] = f"{value.__module__}.{getattr(value, '__qualname__', name)}"
        else:
            made.parts[f"name {name}"] = _plain(name, value)


def _read(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The kernel's names that a function reads, those of functions inside of it too."""
    codes = [function.__code__]
    names: dict[str, None] = {}
    while codes:
        code = codes.pop()
        names.update(dict.fromkeys(code.co_names))
        codes += [one for one in code.co_consts if isinstance(one, types.CodeType)]
    for name in names:
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


def _is_installed(value: Any) -> bool:
    """A function or class of a library or of Python itself; its version is what `packages` is for."""
    module = getattr(value, "__module__", None)
    if not isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) or module in (None, "__main__"):
        return False
    try:
        path = inspect.getsourcefile(value)
    except TypeError:  # built in
        return True
    return path is not None and ("site-packages" in path or "dist-packages" in path or path.startswith(_STANDARD))


_STANDARD = str(Path(inspect.__file__).parent)


def _module(module: types.ModuleType) -> str:
    """A library's module by its name; one of a person's own by its text."""
    told = f"module {module.__name__} {getattr(module, '__version__', '')}"
    path = getattr(module, "__file__", None)
    if path is None or "site-packages" in path or "dist-packages" in path or path.startswith(_STANDARD):
        return told
    try:
        return told + meaning(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        raise NotKnown(f"the module `{module.__name__}` cannot be read") from None


_PLAIN = (type(None), bool, int, float, str, bytes, complex, dt.date, dt.datetime, dt.timedelta, Decimal, UUID)


def _plain(name: str, value: Any) -> str:
    if not _is_plain(value, 0):
        raise NotKnown(f"the function reads `{name}`, a {type(value).__name__}, which cannot be compared")
    return repr(value)


def _is_plain(value: Any, depth: int) -> bool:
    """Whether a value is wholly told by its ``repr``: of these very types, no subclass."""
    kind = type(value)
    if depth > _DEEPEST:
        return False
    if kind in (list, tuple):
        return all(_is_plain(one, depth + 1) for one in value)
    if kind is dict:
        return all(_is_plain(one, depth + 1) for pair in value.items() for one in pair)
    return kind in _PLAIN


_DEEPEST = 20
