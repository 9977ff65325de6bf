"""A notebook's names → JSON and files without code in them, and back: the same values, with everything that was one object one
object again.

Never pickle. Code comes back from the notebook's own text: a function is found among what its cells compile to, a class is defined
again by its statement. Tables are Parquet, arrays numpy's format without objects, each file named by its SHA-256. What is not known
to come back as it was is refused, with its place.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import io
import json
import math
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PosixPath
from typing import Any
from uuid import UUID

from yamlflow_nb.executors.cell_facts import WITHOUT_STATE
from yamlflow_nb.executors.frozen_table import NotAsItWas, difference, table_bytes, table_from

MOST_OBJECTS = 200_000
_WORD = 1 << 53
PLAIN: dict[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    Decimal: ("decimal", str, Decimal), UUID: ("uuid", str, UUID), Fraction: ("fraction", str, Fraction),
    PosixPath: ("path", str, Path), dt.date: ("date", dt.date.isoformat, dt.date.fromisoformat),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    complex: ("complex", repr, complex),
}  # fmt: skip


class Unfreezable(ValueError):
    """Something that cannot be restored: its place from the name on, and why."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place
        self.why = why


class Codes:
    """The code of a notebook's functions, by what they are called; the statements of its classes."""

    def __init__(self) -> None:
        self.functions: dict[str, list[types.CodeType]] = defaultdict(list)

    def add(self, code: types.CodeType) -> None:
        """All functions in the code of a cell."""
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                if not any(constant == known for known in self.functions[constant.co_name]):
                    self.functions[constant.co_name].append(constant)
                self.add(constant)

    def place(self, code: types.CodeType) -> int | None:
        """Where a function's code is among those of its name."""
        for place, known in enumerate(self.functions.get(code.co_name, ())):
            if known == code:
                return place
        return None


class Freezer:
    """One state on its way out. ``save(data, ending)`` keeps a file and gives its name; ``refuse(text)`` says whether a text must
    not be written down."""

    def __init__(
        self, namespace: Mapping[str, Any], codes: Codes, save: Callable[[bytes, str], str], refuse: Callable[[str | bytes], bool]
    ) -> None:
        self.namespace = namespace
        self.codes = codes
        self.save = save
        self.refuse = refuse
        self.nodes: list[Any] = []
        self.known: dict[int, int] = {}
        self.held: list[Any] = []
        self.memory: list[tuple[str, bool, Any]] = []

    def freeze(self, value: Any, place: str) -> Any:
        """What stands for a value. Raises ``Unfreezable``."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            if self.refuse(value):
                raise Unfreezable(place, "it holds a secret, which is never written down")
            return value
        if kind is int and -_WORD < value < _WORD:
            return value
        if kind is float and math.isfinite(value):
            return value
        if kind in (int, float):
            return {kind.__name__: str(value) if kind is float else hex(value)}
        if id(value) not in self.known:
            if len(self.nodes) >= MOST_OBJECTS:
                raise Unfreezable(place, f"it is one of more than {MOST_OBJECTS} objects")
            self.held.append(value)
            self.known[id(value)] = number = len(self.nodes)
            self.nodes.append(None)
            self.nodes[number] = self._node(value, kind, place)
        return {"n": self.known[id(value)]}

    def forget(self, nodes: int, memory: int) -> None:
        """Take back what came after these many: the half of something that cannot be kept."""
        del self.nodes[nodes:], self.memory[memory:]
        self.known = {one: number for one, number in self.known.items() if number < nodes}

    def _node(self, value: Any, kind: type, place: str) -> list[Any]:
        if kind in (list, tuple, set, frozenset, deque):
            items = [self.freeze(item, f"{place}[{index}]") for index, item in enumerate(value)]
            return [kind.__name__, items, *([value.maxlen] if kind is deque else [])]
        if kind in (dict, OrderedDict, Counter, defaultdict):
            pairs = [
                [self.freeze(key, f"{place} (a key)"), self.freeze(item, f"{place}[{key!r:.40}]")] for key, item in value.items()
            ]
            factory = [self.freeze(value.default_factory, f"{place}.default_factory")] if kind is defaultdict else []
            return [kind.__name__, pairs, *factory]
        if kind in PLAIN:
            name, write, _ = PLAIN[kind]
            if kind is bytes and self.refuse(value):
                raise Unfreezable(place, "it holds a secret, which is never written down")
            return [name, write(value)]
        special = getattr(self, f"_{kind.__module__}_{kind.__qualname__}".replace(".", "_"), None)
        if special is not None:
            made: list[Any] = special(value, place)
            return made
        return self._object(value, kind, place)

    # --- Python's own ------------------------------------------------------------------------------------------------

    def _datetime_datetime(self, value: Any, place: str) -> list[Any]:
        return ["datetime", value.replace(tzinfo=None).isoformat(), self._zone(value.tzinfo, place), value.fold]

    def _datetime_time(self, value: Any, place: str) -> list[Any]:
        return ["time", value.replace(tzinfo=None).isoformat(), self._zone(value.tzinfo, place), value.fold]

    def _datetime_timedelta(self, value: Any, place: str) -> list[Any]:
        return ["timedelta", value.days, value.seconds, value.microseconds]

    def _datetime_timezone(self, value: Any, place: str) -> list[Any]:
        return ["timezone", value.utcoffset(None).total_seconds()]

    def _zoneinfo_ZoneInfo(self, value: Any, place: str) -> list[Any]:
        if value.key is None:
            raise Unfreezable(place, "a time zone without a name")
        return ["zone", value.key]

    def _zone(self, zone: Any, place: str) -> Any:
        return None if zone is None else self.freeze(zone, f"{place}.tzinfo")

    def _builtins_bytearray(self, value: Any, place: str) -> list[Any]:
        return ["bytearray", self.freeze(bytes(value), place)]

    def _builtins_range(self, value: Any, place: str) -> list[Any]:
        return ["range", value.start, value.stop, value.step]

    def _builtins_slice(self, value: Any, place: str) -> list[Any]:
        return ["slice", *(self.freeze(part, place) for part in (value.start, value.stop, value.step))]

    def _re_Pattern(self, value: Any, place: str) -> list[Any]:
        return ["pattern", self.freeze(value.pattern, place), value.flags]

    def _types_SimpleNamespace(self, value: Any, place: str) -> list[Any]:
        return ["space", self.freeze(vars(value), place)]

    def _functools_partial(self, value: Any, place: str) -> list[Any]:
        parts = (value.func, value.args, value.keywords, vars(value))
        return ["partial", *(self.freeze(part, f"{place} (partial)") for part in parts)]

    def _types_GenericAlias(self, value: Any, place: str) -> list[Any]:
        return ["alias", self.freeze(value.__origin__, place), self.freeze(value.__args__, place)]

    def _IPython_utils_text_SList(self, value: Any, place: str) -> list[Any]:
        return ["shown", [self.freeze(item, f"{place}[{index}]") for index, item in enumerate(value)]]

    def _builtins_module(self, value: Any, place: str) -> list[Any]:
        name = value.__name__
        if sys.modules.get(name) is not value:
            raise Unfreezable(place, f"a module `{name}` that is not the one that an import gives")
        return ["module", name]

    def _builtins_cell(self, value: Any, place: str) -> list[Any]:
        return ["cell", self.freeze(value.cell_contents, place)]

    def _builtins_method(self, value: Any, place: str) -> list[Any]:
        return ["method", self.freeze(value.__func__, place), self.freeze(value.__self__, place)]

    def _builtins_function(self, value: Any, place: str) -> list[Any]:
        if value.__globals__ is not self.namespace:
            return self._reference(value, place)
        number = self.codes.place(value.__code__)
        if number is None:
            raise Unfreezable(place, "a function whose text is in none of the cells")
        parts = {
            "defaults": value.__defaults__, "keywords": value.__kwdefaults__, "closure": value.__closure__,
            "annotations": value.__annotations__, "attributes": vars(value),
        }  # fmt: skip
        frozen = {name: self.freeze(part, f"{place} ({name})") for name, part in parts.items() if part}
        return [
            "function",
            value.__code__.co_name,
            number,
            value.__name__,
            value.__qualname__,
            value.__module__,
            value.__doc__,
            frozen,
        ]

    def _builtins_method_descriptor(self, value: Any, place: str) -> list[Any]:
        return self._reference(value, place)

    def _builtins_builtin_function_or_method(self, value: Any, place: str) -> list[Any]:
        owner = value.__self__
        if owner is not None and not isinstance(owner, types.ModuleType):
            return ["bound", self.freeze(owner, place), str(value.__name__)]
        return self._reference(value, place)

    def _reference(self, value: Any, place: str) -> list[Any]:
        """Something of a module, by its name."""
        owner: Any = getattr(value, "__objclass__", value)
        module: Any = getattr(owner, "__module__", None)
        name: Any = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        for found in (module, "builtins") if isinstance(name, str) else ():
            if isinstance(found, str) and found != "__main__" and found in sys.modules:
                try:
                    if functools.reduce(getattr, name.split("."), sys.modules[found]) is value:
                        return ["reference", found, name]
                except AttributeError:
                    continue
        raise Unfreezable(place, f"a {_name(type(value))} that no module has under its name")

    # --- the notebook's own classes ----------------------------------------------------------------------------------

    def _builtins_type(self, value: type, place: str) -> list[Any]:
        if value.__module__ != "__main__":
            return self._reference(value, place)
        if self.namespace.get(value.__name__) is not value or value.__qualname__ != value.__name__:
            raise Unfreezable(place, "a class that does not stand under its own name")
        for one in value.__mro__:
            home = one.__module__.partition(".")[0]
            if home not in WITHOUT_STATE | {"builtins", "__main__"} or (home == "__main__" and "__init_subclass__" in vars(one)):
                raise Unfreezable(place, f"a class of a {one.__qualname__}, which may notice it")
        attributes, methods = {}, {}
        for name, item in vars(value).items():
            if isinstance(item, (types.FunctionType, staticmethod, classmethod, property)):
                methods[name] = self._method_of(value, item, f"{place}.{name}")
            elif not (name.startswith("__") and name.endswith("__")) and not isinstance(
                item, (types.GetSetDescriptorType, types.MemberDescriptorType)
            ):
                attributes[name] = self.freeze(item, f"{place}.{name}")
        return ["class", str(value.__name__), sorted(vars(value)), attributes, methods]

    def _method_of(self, owner: type, item: Any, place: str) -> list[Any] | None:
        """The code of a method and its defaults; None for one that a dataclass has written itself."""
        inner = plain_function(item)
        if inner is None:
            raise Unfreezable(place, "code that is in none of the cells")
        number = self.codes.place(inner.__code__)
        if number is None and hasattr(owner, "__dataclass_fields__"):
            return None
        if number is None or vars(inner) or set(inner.__code__.co_freevars) - {"__class__"}:
            raise Unfreezable(place, "a method that is more than its text")
        defaults = [self.freeze(part, f"{place} (defaults)") for part in (inner.__defaults__, inner.__kwdefaults__)]
        return [type(item).__name__, inner.__code__.co_name, number, *defaults]

    def _object(self, value: Any, kind: type, place: str) -> list[Any]:
        top = kind.__module__.partition(".")[0]
        if top == "numpy":
            return self._numpy(value, kind, place)
        if top == "pandas":
            return self._pandas(value, kind, place)
        if value is Ellipsis or value is NotImplemented:
            return ["dots", repr(value)]
        if isinstance(value, type):
            return self._reference(value, place)
        if kind.__module__ == "__main__" and self._is_plain(kind):
            return ["instance", self.freeze(kind, place), self.freeze(vars(value), place)]
        raise Unfreezable(place, f"a {_name(kind)} cannot be kept")

    @staticmethod
    def _is_plain(kind: type) -> bool:
        """Whether an instance is what stands in its ``__dict__``, and nothing more."""
        made = (
            "__slots__",
            "__reduce__",
            "__reduce_ex__",
            "__getstate__",
            "__setstate__",
            "__new__",
            "__del__",
            "__getattribute__",
        )
        above = kind.__mro__[:-1]
        return type(kind) is type and all(one.__module__ == "__main__" and not set(made) & set(vars(one)) for one in above)

    # --- numpy and pandas --------------------------------------------------------------------------------------------

    def _numpy(self, value: Any, kind: type, place: str) -> list[Any]:
        import numpy as np

        if kind is np.ndarray:
            return self._array(value, place)
        if kind is np.random.Generator or kind is np.random.RandomState:
            bits = value.bit_generator if kind is np.random.Generator else value._bit_generator
            state = json.dumps(bits.state, default=lambda part: {"array": part.tolist(), "type": str(part.dtype)})
            return ["random", kind.__name__, type(bits).__name__, state]
        if isinstance(value, np.generic) and value.dtype.kind in "biufcSUmM":
            return ["scalar", base64.b64encode(_npy(np.asarray(value))).decode()]
        if isinstance(value, np.dtype) and not value.hasobject and value.names is None:
            return ["dtype", value.str]
        return self._reference(value, place)

    def _array(self, value: Any, place: str) -> list[Any]:
        import numpy as np

        if value.dtype.hasobject:
            raise Unfreezable(place, "an array of objects")
        base = value.base
        while isinstance(base, np.ndarray):
            base = base.base
        if base is not None and not isinstance(base, bytes):
            raise Unfreezable(place, f"an array in the memory of a {_name(type(base))}")
        self._alone(place, False, [value])
        return ["array", self._saved(_npy(value), "npy", place), bool(value.flags.writeable)]

    def _pandas(self, value: Any, kind: type, place: str) -> list[Any]:
        import pandas as pd

        if value is pd.NaT or value is pd.NA:
            return ["missing", repr(value)]
        if kind in (pd.Timestamp, pd.Timedelta):
            zone = self._zone(value.tzinfo, place) if kind is pd.Timestamp else None
            return [kind.__name__, value.as_unit("ns").value, value.unit, zone]
        if kind not in (pd.DataFrame, pd.Series) and not isinstance(value, pd.Index):
            return self._reference(value, place)
        columns = [value.iloc[:, index] for index in range(value.shape[1])] if kind is pd.DataFrame else [value]
        held = [getattr(column.array, "_ndarray", None) for column in columns]
        self._alone(place, True, [one for one in held if one is not None and not one.dtype.hasobject])
        try:
            data, shape = table_bytes(value)
        except NotAsItWas as error:
            raise Unfreezable(place, str(error)) from None
        back = table_from(data, shape)
        problem = difference(value, back)
        if problem:
            raise Unfreezable(place, f"a {kind.__name__} that does not come back as it was ({problem})")
        attributes = self.freeze(dict(value.attrs), f"{place}.attrs") if kind in (pd.DataFrame, pd.Series) else None
        return ["table", self._saved(data, "parquet", place), shape, attributes]

    def _alone(self, place: str, is_table: bool, arrays: list[Any]) -> None:
        """Two that share memory would be two when they come back: a change of one would no longer be one of the other."""
        import numpy as np

        for array in arrays:
            for other, other_is_table, held in self.memory:
                # Tables of pandas copy before they write, where they are asked to: always, from version 3 on.
                if not (is_table and other_is_table and _copies_on_write()) and np.may_share_memory(array, held):
                    raise Unfreezable(place, f"it shares its memory with `{other}`")
        self.memory += [(place, is_table, array) for array in arrays]

    def _saved(self, data: bytes, ending: str, place: str) -> str:
        if self.refuse(data):
            raise Unfreezable(place, "it holds a secret, which is never written down")
        return self.save(data, ending)


def plain_function(item: Any) -> types.FunctionType | None:
    """The function in a method, a property, a static or class method."""
    inner = getattr(item, "__func__", getattr(item, "fget", item))
    return inner if isinstance(inner, types.FunctionType) else None


def _copies_on_write() -> bool:
    import pandas as pd

    return int(pd.__version__.partition(".")[0]) >= 3 or pd.options.mode.copy_on_write is True


def _npy(array: Any) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
