"""A frozen state → the notebook's names again (see ``freezing``)."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import importlib
import io
import json
import re
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from yamlflow_nb.executors.freezing import PLAIN, Codes, Unfreezable, plain_function
from yamlflow_nb.executors.frozen_table import table_from


class Thawer:
    """A state on its way back into a namespace. ``load(name)`` gives the bytes of a file, checked by its hash; ``define(name)``
    runs the statement of a class."""

    def __init__(
        self, nodes: list[Any], namespace: dict[str, Any], codes: Codes, load: Callable[[str], bytes], define: Callable[[str], None]
    ) -> None:
        self.nodes = nodes
        self.namespace = namespace
        self.codes = codes
        self.load = load
        self.define = define
        self.made: dict[int, Any] = {}

    def thaw(self, frozen: Any) -> Any:
        """The value. Raises ``Unfreezable`` for what no longer comes back as it was."""
        if not isinstance(frozen, dict):
            return frozen
        if "n" in frozen:
            number = frozen["n"]
            if number not in self.made:
                kind, *parts = self.nodes[number]
                made = getattr(self, f"_{kind}")(number, *parts)
                self.made.setdefault(number, made)
            return self.made[number]
        return float(frozen["float"]) if "float" in frozen else int(frozen["int"], 16)

    def _many(self, frozen: list[Any]) -> list[Any]:
        return [self.thaw(item) for item in frozen]

    def _list(self, number: int, items: list[Any]) -> Any:
        made: list[Any] = []
        self.made[number] = made
        made.extend(self._many(items))
        return made

    def _shown(self, number: int, items: list[Any]) -> Any:
        from IPython.utils.text import SList

        return SList(self._many(items))

    def _deque(self, number: int, items: list[Any], most: int | None) -> Any:
        made: deque[Any] = deque(maxlen=most)
        self.made[number] = made
        made.extend(self._many(items))
        return made

    def _tuple(self, number: int, items: list[Any]) -> Any:
        return tuple(self._many(items))

    def _set(self, number: int, items: list[Any]) -> Any:
        made: set[Any] = set()
        self.made[number] = made
        made.update(self._many(items))
        return made

    def _frozenset(self, number: int, items: list[Any]) -> Any:
        return frozenset(self._many(items))

    def _filled(self, number: int, made: Any, pairs: list[Any]) -> Any:
        self.made[number] = made
        for key, item in pairs:
            made[self.thaw(key)] = self.thaw(item)
        return made

    def _dict(self, number: int, pairs: list[Any]) -> Any:
        return self._filled(number, {}, pairs)

    def _OrderedDict(self, number: int, pairs: list[Any]) -> Any:
        return self._filled(number, OrderedDict(), pairs)

    def _Counter(self, number: int, pairs: list[Any]) -> Any:
        return self._filled(number, Counter(), pairs)

    def _defaultdict(self, number: int, pairs: list[Any], factory: Any) -> Any:
        return self._filled(number, defaultdict(self.thaw(factory)), pairs)

    def __getattr__(self, name: str) -> Any:
        for plain, _, read in PLAIN.values():
            if name == f"_{plain}":
                return lambda number, text: read(text)
        raise AttributeError(name)

    def _datetime(self, number: int, text: str, zone: Any, fold: int) -> Any:
        return dt.datetime.fromisoformat(text).replace(tzinfo=self.thaw(zone), fold=fold)

    def _time(self, number: int, text: str, zone: Any, fold: int) -> Any:
        return dt.time.fromisoformat(text).replace(tzinfo=self.thaw(zone), fold=fold)

    def _timedelta(self, number: int, days: int, seconds: int, micros: int) -> Any:
        return dt.timedelta(days, seconds, micros)

    def _timezone(self, number: int, seconds: float) -> Any:
        return dt.timezone(dt.timedelta(seconds=seconds)) if seconds else dt.timezone.utc

    def _zone(self, number: int, key: str) -> Any:
        from zoneinfo import ZoneInfo

        return ZoneInfo(key)

    def _bytearray(self, number: int, data: Any) -> Any:
        return bytearray(self.thaw(data))

    def _range(self, number: int, *parts: int) -> Any:
        return range(*parts)

    def _slice(self, number: int, *parts: Any) -> Any:
        return slice(*self._many(list(parts)))

    def _pattern(self, number: int, pattern: Any, flags: int) -> Any:
        return re.compile(self.thaw(pattern), flags)

    def _space(self, number: int, names: Any) -> Any:
        made = types.SimpleNamespace()
        self.made[number] = made
        vars(made).update(self.thaw(names))
        return made

    def _partial(self, number: int, function: Any, given: Any, named: Any, attributes: Any) -> Any:
        made = functools.partial(self.thaw(function), *self.thaw(given), **self.thaw(named))
        vars(made).update(self.thaw(attributes))
        return made

    def _alias(self, number: int, origin: Any, given: Any) -> Any:
        return types.GenericAlias(self.thaw(origin), self.thaw(given))

    def _module(self, number: int, name: str) -> Any:
        return importlib.import_module(name)

    def _reference(self, number: int, module: str, name: str) -> Any:
        return functools.reduce(getattr, name.split("."), importlib.import_module(module))

    def _dots(self, number: int, name: str) -> Any:
        return {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}[name]

    def _cell(self, number: int, inside: Any) -> Any:
        made = types.CellType()
        self.made[number] = made
        made.cell_contents = self.thaw(inside)
        return made

    def _method(self, number: int, function: Any, owner: Any) -> Any:
        return types.MethodType(self.thaw(function), self.thaw(owner))

    def _bound(self, number: int, owner: Any, name: str) -> Any:
        return getattr(self.thaw(owner), name)

    def _function(
        self, number: int, code: str, place: int, name: str, qualname: str, module: str, doc: str | None, parts: dict[str, Any]
    ) -> Any:
        found = self.codes.functions[code][place]
        closure = tuple(types.CellType() for _ in found.co_freevars) or None
        if "closure" in parts:
            closure = self.thaw(parts["closure"])
        made = types.FunctionType(found, self.namespace, name, None, closure)
        self.made[number] = made
        made.__qualname__, made.__module__, made.__doc__ = qualname, module, doc
        made.__defaults__ = self.thaw(parts.get("defaults"))
        made.__kwdefaults__ = self.thaw(parts.get("keywords"))
        if "annotations" in parts:
            made.__annotations__ = self.thaw(parts["annotations"])
        if "attributes" in parts:
            vars(made).update(self.thaw(parts["attributes"]))
        return made

    def _class(self, number: int, name: str, names: list[str], attributes: dict[str, Any], methods: dict[str, Any]) -> Any:
        self.define(name)
        made = self.namespace[name]
        self.made[number] = made
        if sorted(vars(made)) != names:
            raise Unfreezable(name, "a class that no longer comes out as it was")
        for method, frozen in methods.items():
            item = vars(made)[method]
            inner = plain_function(item)
            if frozen is None or inner is None:
                continue
            kind, code, place, defaults, keywords = frozen
            if type(item).__name__ != kind or inner.__code__ != self.codes.functions[code][place]:
                raise Unfreezable(f"{name}.{method}", "a method that was replaced")
            inner.__defaults__, inner.__kwdefaults__ = self.thaw(defaults), self.thaw(keywords)
        for attribute, frozen in attributes.items():
            setattr(made, attribute, self.thaw(frozen))
        return made

    def _instance(self, number: int, kind: Any, attributes: Any) -> Any:
        of = self.thaw(kind)
        made = object.__new__(of)
        self.made[number] = made
        # The very dict: it may stand somewhere else as well.
        made.__dict__ = self.thaw(attributes)
        return made

    def _random(self, number: int, kind: str, bits: str, state: str) -> Any:
        import numpy as np

        generator = getattr(np.random, bits)()
        generator.state = json.loads(state, object_hook=_array_of)
        return getattr(np.random, kind)(generator)

    def _scalar(self, number: int, data: str) -> Any:
        import numpy as np

        return np.load(io.BytesIO(base64.b64decode(data)), allow_pickle=False)[()]

    def _dtype(self, number: int, text: str) -> Any:
        import numpy as np

        return np.dtype(text)

    def _array(self, number: int, name: str, writeable: bool) -> Any:
        import numpy as np

        made = np.load(io.BytesIO(self.load(name)), allow_pickle=False)
        made.flags.writeable = writeable
        return made

    def _missing(self, number: int, name: str) -> Any:
        import pandas as pd

        return pd.NaT if name == "NaT" else pd.NA

    def _Timestamp(self, number: int, value: int, unit: Any, zone: Any) -> Any:
        import pandas as pd

        made = pd.Timestamp(value, unit="ns", tz="UTC") if zone is not None else pd.Timestamp(value, unit="ns")
        return (made.tz_convert(self.thaw(zone)) if zone is not None else made).as_unit(unit)

    def _Timedelta(self, number: int, value: int, unit: Any, zone: Any) -> Any:
        import pandas as pd

        return pd.Timedelta(value, unit="ns").as_unit(unit)

    def _table(self, number: int, name: str, shape: dict[str, Any], attributes: Any) -> Any:
        made = table_from(self.load(name), shape)
        if attributes is not None:
            made.attrs = self.thaw(attributes)
        return made


def _array_of(found: dict[str, Any]) -> Any:
    if set(found) != {"array", "type"}:
        return found
    import numpy as np

    return np.array(found["array"], dtype=found["type"])
