"""``@value``: a dataclass whose fields nobody sets again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda decorator: decorator


Class = TypeVar("Class", bound=type)


@dataclass_transform(frozen_default=True)
def value(cls: Class) -> Class:
    """A frozen value for the places where hundreds of thousands are made: the type checker refuses to set a field, the
    interpreter does not look. (``frozen=True`` calls ``object.__setattr__`` for each field: three times the cost of a plain
    one.) Equal and hashed by its fields.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)  # type: ignore[return-value]
