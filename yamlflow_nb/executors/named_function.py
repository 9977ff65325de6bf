"""``module:name`` or a name of the kernel → the function."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from yamlflow_nb.domain.made_of import MadeOf, NotKnown
from yamlflow_nb.domain.ports.settings import Settings
from yamlflow_nb.domain.work import TaskFailed, Work

_read: dict[str, tuple[str, int]] = {}
"""Module → file and time of the version that is loaded, for modules beside a pipeline."""
_loading = threading.RLock()
"""Held while modules are loaded: nodes that start together must not see one while its text still runs, as one without functions,
and what one takes away to load it anew another may just be loading."""


def named_function(name: str, work: Work) -> Callable[..., Any]:
    """``module:name`` of a module beside the pipeline or an installed one, or a name of the kernel's own namespace.
    Raises ``TaskFailed``."""
    module, colon, attribute = name.partition(":")
    if not colon:
        found = (work.namespace or {}).get(name)
        if not callable(found):
            raise TaskFailed(
                "FunctionNotFound", f"there is no function `{name}` in the kernel; a module's is written `module:{name}`"
            )
        return cast("Callable[..., Any]", found)
    try:
        found = _module(module, work)
        for step in attribute.split("."):
            found = getattr(found, step)
    except ModuleNotFoundError as error:
        raise TaskFailed("ModuleNotFoundError", f"`{name}`: there is no module `{error.name}`") from None
    except AttributeError:
        raise TaskFailed("FunctionNotFound", f"`{name}`: the module `{module}` has no `{attribute}`") from None
    if not callable(found):
        raise TaskFailed("FunctionNotFound", f"`{name}` is no function")
    return cast("Callable[..., Any]", found)


def check_module(work: Work, settings: Settings) -> None:
    """Where a configuration lists ``[python] modules``, functions come from these, or from beside the pipeline. Raises
    ``TaskFailed``."""
    module = str(work.fields.get("function") or "").partition(":")[0]
    try:
        allowed = settings.modules(work.folder)
    except ValueError as error:
        raise TaskFailed("ConfigurationError", str(error)) from None
    if not module or allowed is None or ":" not in str(work.fields["function"]):
        return
    if (work.folder / f"{module}.py").is_file() or any(module == one or module.startswith(f"{one}.") for one in allowed):
        return
    known = ", ".join(allowed)
    raise TaskFailed("ModuleNotAllowed", f"the module `{module}` is none of those that [python] modules allows: {known}")


def _module(name: str, work: Work) -> Any:
    """A module beside the pipeline before an installed one, and always as its file is now: two pipelines may each have their
    ``helpers``, and a file that was edited since the last run must not run as it was."""
    folder = str(work.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    path = work.folder / f"{name}.py"
    if not name.isidentifier() or not path.is_file():
        return import_module(name)
    work.used(path, path.read_bytes())
    with _loading:  # another task would see what is only half read
        version = (os.path.realpath(path), path.stat().st_mtime_ns)
        loaded = sys.modules.get(name)
        if _forget_changed(path.parent) or loaded is None or _read.get(name, _version_of(loaded)) != version:
            loaded = _loaded(name, path)
            _read[name] = version
            _note_imported(path.parent)
    return loaded


def _note_imported(folder: Path) -> None:
    """Of the modules beside a pipeline that others of them import: the files as they were when they were loaded."""
    root = os.path.realpath(folder) + os.sep
    for name, module in list(sys.modules.items()):
        file, time = _version_of(module)
        if file.startswith(root) and name not in _read:
            _read[name] = (file, os.stat(file).st_mtime_ns if time == 0 else time)


def _forget_changed(folder: Path) -> bool:
    """Those whose files were edited since are loaded anew by whoever imports them next; whether there were any."""
    root = os.path.realpath(folder) + os.sep
    changed = [name for name, (file, time) in _read.items() if file.startswith(root) and _time_of(file) != time]
    for name in changed:
        del _read[name]
        sys.modules.pop(name, None)
    return bool(changed)


def _time_of(file: str) -> int | None:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None


def look_at_installed(module: str, made: MadeOf) -> None:
    """Add an installed module by its own text; what it imports is what ``cache.packages`` is for. Raises ``NotKnown``."""
    try:
        found = find_spec(module)
        path = None if found is None or found.origin is None else Path(found.origin)
        if path is None or not path.is_file():
            raise NotKnown(f"there is no file of the module `{module}`")
        made.parts[f"module {module}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    except (ImportError, ValueError, OSError) as error:
        raise NotKnown(f"the module `{module}` cannot be read: {error}") from None


def _version_of(module: ModuleType) -> tuple[str, int]:
    file = getattr(module, "__file__", None)
    return ("", 0) if file is None or not Path(file).is_file() else (os.path.realpath(file), 0)


def _loaded(name: str, path: Path) -> Any:
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module
