"""A value as the pool keeps it: a copy that its giver cannot change any more, or a refusal that names the place in it."""

from __future__ import annotations

import io
from typing import Any


class UnkeepableVariable(ValueError):
    """A value that cannot be kept: an open handle, a circle, a key that is no string."""


def kept(value: Any, name: str, above: tuple[int, ...] = ()) -> Any:
    """The pool's own copy. Containers are copied, numpy scalars become plain; raises ``UnkeepableVariable``."""
    if isinstance(value, (dict, list, tuple)):
        if id(value) in above:
            raise UnkeepableVariable(f"`{name}` holds itself")
        return _container(value, name, (*above, id(value)))
    if isinstance(value, io.IOBase):
        raise UnkeepableVariable(f"`{name}` is an open handle; give its path or what is in it")
    if getattr(value, "shape", None) == () and hasattr(value, "dtype") and hasattr(value, "item"):
        return value.item()
    return value


def _container(value: Any, name: str, above: tuple[int, ...]) -> Any:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise UnkeepableVariable(f"a key of `{name}` is {key!r}: keys are strings")
        return {key: kept(item, f"{name}.{key}", above) for key, item in value.items()}
    items = [kept(item, f"{name}[{index}]", above) for index, item in enumerate(value)]
    return tuple(items) if isinstance(value, tuple) else items
