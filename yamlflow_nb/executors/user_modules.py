"""Modules of the user's own, beside the notebook: whether a fresh import gives what the notebook had."""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import sys
import types
from pathlib import Path
from typing import Any

from yamlflow_nb.executors.cell_facts import WITHOUT_STATE, facts_of
from yamlflow_nb.executors.freezing import Codes, Freezer, Unfreezable

_OURS = "yamlflow_nb"
_others: dict[str, types.ModuleType] = {}
"""What was looked at and is not the user's: there are a thousand, and cells are many."""


def user_modules() -> dict[str, types.ModuleType]:
    """What is imported from outside of the interpreter's own folders and its packages."""
    found = {}
    for name, module in list(sys.modules.items()):
        if _others.get(name) is not module:
            if _is_users(name, module):
                found[name] = module
            else:
                _others[name] = module
    return found


def _is_users(name: str, module: Any) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or name == "__main__" or name.partition(".")[0] == _OURS:
        return False
    return file.endswith(".py") and not file.startswith((sys.prefix, sys.base_prefix, sys.exec_prefix))


def acts_on_import(module: types.ModuleType) -> str | None:
    """What a module does while it is imported, beside defining things; None for nothing."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    tree.body = [statement for statement in tree.body if not _is_of_programs(statement)]
    for part in ast.walk(tree):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            part.body = [] if not isinstance(part, ast.Lambda) else ast.Constant(None)
    origins = origins_of(tree)
    for call in (part for part in ast.walk(tree) if isinstance(part, ast.Call)):
        if ast.unparse(call.func).endswith("getLogger"):
            continue
        again = facts_of(ast.unparse(ast.Expression(call)), origins.get, own=lambda name: False).again
        if again is not None:
            return again
    return None


def _is_of_programs(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which an import passes by."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in ("__name__ == '__main__'", "'__main__' == __name__")


def origins_of(tree: ast.AST) -> dict[str, str]:
    """The names that a text imports, and where each comes from."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def module_digest(module: types.ModuleType) -> str:
    """The hash of a module's file and of the values it holds. Raises ``Unfreezable`` for what cannot be looked at."""
    source = Path(str(module.__file__)).read_bytes()
    freezer = Freezer(vars(module), Codes(), lambda data, ending: hashlib.sha256(data).hexdigest(), lambda text: False)
    held = [
        [name, _told(freezer, name, value, module)] for name, value in sorted(vars(module).items()) if not name.startswith("__")
    ]
    told = json.dumps([hashlib.sha256(source).hexdigest(), held, freezer.nodes])
    return hashlib.sha256(told.encode()).hexdigest()


def _told(freezer: Freezer, name: str, value: Any, module: types.ModuleType) -> Any:
    if isinstance(value, types.ModuleType):
        if value.__name__.partition(".")[0] not in WITHOUT_STATE | {"logging"} and not _is_users(value.__name__, value):
            raise Unfreezable(name, f"the package `{value.__name__}`, which may keep things to itself")
        return value.__name__
    if isinstance(value, logging.Logger):
        return f"logger {value.name}"
    if isinstance(value, types.FunctionType) and value.__globals__ is vars(module):
        if value.__closure__ or vars(value):
            raise Unfreezable(name, "a function that keeps things to itself")
        return [value.__qualname__, freezer.freeze(value.__defaults__, name), freezer.freeze(value.__kwdefaults__, name)]
    if isinstance(value, type) and value.__module__ == module.__name__:
        plain = (types.FunctionType, staticmethod, classmethod, property, types.GetSetDescriptorType, types.MemberDescriptorType)
        kept = {at: item for at, item in vars(value).items() if not at.startswith("__") and not isinstance(item, plain)}
        return [value.__qualname__, freezer.freeze(kept, name)]
    return freezer.freeze(value, name)
