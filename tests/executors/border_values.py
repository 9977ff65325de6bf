"""Values at the border of a task: code that makes each, and what comes back. The same text runs in threads, processes, kernels.

``KEPT``: name → source; it comes back equal and of the type that its second source has. ``REFUSED``: name → source, a part of
the reason.
"""

from __future__ import annotations

IMPORTS = """
import collections, datetime as dt, decimal, enum, fractions, threading, uuid, pathlib, types
from decimal import Decimal
import numpy as np, pandas as pd
class Level(enum.IntEnum): LOW = 1
class Colour(enum.Enum): RED = 1
class Text(str): pass
Pair = collections.namedtuple("Pair", "a b")
def nested(depth):
    value = 1
    for _ in range(depth): value = [value]
    return value
circle = []; circle.append(circle)
wheel = {}; wheel["self"] = [wheel]
"""

KEPT: dict[str, tuple[str, str]] = {
    f"v_{name}": (source, comes_back or source)
    for name, source, comes_back in [
        ("none", "None", ""), ("true", "True", ""), ("zero", "0", ""), ("negative", "-5", ""), ("word", "2**63", ""),
        ("beyond", "-(2**200) - 1", ""), ("half", "0.5", ""), ("tiny", "5e-324", ""), ("minus_zero", "-0.0", ""),
        ("nan", "float('nan')", ""), ("infinity", "float('inf')", ""), ("minus_infinity", "-float('inf')", ""),
        ("empty", "''", ""), ("emoji", "'ß€😀'", ""), ("nul", "'a\\x00b'", ""), ("lines", "'a\\r\\n\\tb\\u2028'", ""),
        ("quotes", "'\\'\"\"\"\\\\ {{ x }} ${y} %s'", ""), ("marked", "{'$yf': 'date', 'v': '2024-01-01'}", ""),
        ("naive", "dt.datetime(2024, 1, 31, 12, 30, 0, 5)", ""),
        ("aware", "dt.datetime(2024, 1, 31, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))", ""),
        ("day", "dt.date(2024, 2, 29)", ""), ("money", "Decimal('10.10')", ""), ("uuid", "uuid.UUID(int=7)", ""),
        ("bytes", "b'\\x00\\xff'", ""), ("bytearray", "bytearray(b'ab')", "b'ab'"), ("list", "[1, [2, None], {}]", ""),
        ("pair", "(1, 'a')", "[1, 'a']"), ("named_pair", "Pair(1, 2)", "[1, 2]"), ("object", "{'a': {'b': [1.5]}, '': 0}", ""),
        ("ordered", "collections.OrderedDict(b=1, a=2)", "{'b': 1, 'a': 2}"),
        ("counter", "collections.Counter('aab')", "{'a': 2, 'b': 1}"),
        ("deep", "nested(60)", ""), ("int_enum", "Level.LOW", "1"), ("text_subclass", "Text('x')", "'x'"),
        ("np_int", "np.int64(5)", "5"), ("np_uint", "np.uint64(2**64 - 1)", "2**64 - 1"),
        ("np_float", "np.float64('nan')", "float('nan')"),
        ("np_small_float", "np.float32(0.1)", "float(np.float32(0.1))"), ("np_bool", "np.bool_(True)", "True"),
        ("np_text", "np.str_('x')", "'x'"),
        ("np_moment", "np.datetime64('2024-01-31T12:30:00', 'ns')", "dt.datetime(2024, 1, 31, 12, 30)"),
        ("np_array", "np.arange(6).reshape(2, 3)", "[[0, 1, 2], [3, 4, 5]]"), ("np_no_axis", "np.array(5)", "5"),
        ("np_moments", "np.array(['2024-01-31'], dtype='M8[ns]')", "[dt.datetime(2024, 1, 31)]"),
        ("np_objects", "np.array([1, 'a', None], dtype=object)", "[1, 'a', None]"),
        ("timestamp", "pd.Timestamp('2024-01-31 12:30', tz='UTC')", "dt.datetime(2024, 1, 31, 12, 30, tzinfo=dt.timezone.utc)"),
        ("long_array", "np.linspace(0, 1, 101)", ""),
        ("long_text", "'ab\\n€' * 20000", ""), ("long_bytes", "bytes(range(256)) * 300", ""),
        ("long_list", "[{'n': n, 'd': Decimal(n)} for n in range(3000)]", ""),
        ("frame", "pd.DataFrame({'a': [1, 2], 't': pd.to_datetime(['2024-01-01', None]), 's': ['x', None]})", ""),
        ("indexed", "pd.DataFrame({'a': [1.5]}, index=pd.Index(['r'], name='row'))", ""),
        ("series", "pd.Series([1, 2], name='s')", "pd.DataFrame({'s': [1, 2]})"),
    ]
}  # fmt: skip

REFUSED: dict[str, tuple[str, str]] = {
    "object": ("object()", "object cannot be kept"),
    "function": ("len", "cannot be kept"),
    "nameless": ("lambda: 1", "cannot be kept"),
    "module": ("types", "cannot be kept"),
    "lock": ("threading.Lock()", "cannot be kept"),
    "open_file": ("__import__('io').open(1, 'w', closefd=False)", "TextIOWrapper cannot be kept"),
    "generator": ("(n for n in [1])", "generator cannot be kept"),
    "set": ("{1, 2}", "set cannot be kept"),
    "range": ("range(3)", "range cannot be kept"),
    "complex": ("1j", "complex cannot be kept"),
    "fraction": ("fractions.Fraction(1, 3)", "Fraction cannot be kept"),
    "time": ("dt.time(1, 2)", "datetime.time cannot be kept"),
    "duration": ("dt.timedelta(1)", "timedelta cannot be kept"),
    "enum": ("Colour.RED", "cannot be kept"),
    "circle": ("circle", "contains itself"),
    "wheel": ("wheel", "contains itself"),
    "too_deep": ("nested(65)", "nested more than 64 deep"),
    "int_keys": ("{1: 'a'}", "the key 1 is no text"),
    "none_key": ("{'a': {None: 1}}", "a: the key None is no text"),
    "half_pair": ("'a\\ud800'", "half of a surrogate pair (U+D800 at 1)"),
    "half_key": ("{'\\udfff': 1}", "half of a surrogate pair"),
    "inside": ("{'a': [0, {'b': object()}]}", "a[1].b: a object cannot be kept"),
    "frame_inside": ("[pd.DataFrame()]", "[0]: a pandas.DataFrame cannot be kept"),
    "too_long": ("10**5000", "bits cannot be written"),
    "not_a_time": ("pd.NaT", "cannot be kept"),
    "na": ("pd.NA", "cannot be kept"),
    "nanosecond": ("pd.Timestamp('2024-01-01 00:00:00.000000001')", "cannot be kept"),
    "np_nanosecond": ("np.datetime64(1, 'ns')", "nanoseconds"),
    "np_not_a_time": ("np.datetime64('NaT')", "no moment"),
    "np_duration": ("np.timedelta64(1, 's')", "cannot be kept"),
    "np_complex": ("np.complex128(1j)", "cannot be kept"),
    "np_long_double": ("np.longdouble(1) / 3", "cannot be kept"),
    "missing_file": ("pathlib.Path('/nowhere/x')", "names a file that is not there"),
    "twin_columns": ("pd.DataFrame([[1, 2]], columns=['a', 'a'])", "cannot be"),
}


def same(left: object, right: object) -> bool:
    """Equal, of the same type, at every depth; NaN equals NaN, and -0.0 is not 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(left) == repr(right)
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)  # type: ignore[call-overload, index]
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))  # type: ignore[arg-type]
    if hasattr(left, "equals"):
        return bool(left.equals(right))
    if hasattr(left, "tobytes") and hasattr(left, "dtype"):
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()  # type: ignore[attr-defined]
    return bool(left == right)
