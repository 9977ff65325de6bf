"""What can be told of a cell without running it: which names it touches, what it may change that no name shows, and whether it may
be run again. In doubt it says so: the notebook is then run from its start.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

WITHOUT_STATE = frozenset(
    "abc array ast base64 binascii bisect calendar cmath collections concurrent contextlib copy csv dataclasses "
    "datetime decimal difflib email enum fnmatch fractions functools getpass glob gzip hashlib heapq html http io "
    "itertools json math numbers operator os pathlib platform pprint queue random re secrets shutil socket sqlite3 "
    "statistics string struct subprocess sys tarfile tempfile textwrap threading time traceback types typing "
    "unicodedata urllib uuid warnings xml zipfile zlib zoneinfo IPython PIL httpx matplotlib mpl_toolkits numpy "
    "pandas pyarrow requests scipy seaborn sklearn tqdm yaml yamlflow_nb"
    .split()
)  # fmt: skip
"""Packages whose functions keep nothing to themselves that a later call would see, but for what is looked at after each cell (the
folder, variables, random numbers) or is set again (``_SETTINGS``)."""
_SETTINGS = (
    "pandas.set_option", "pandas.options", "warnings.filterwarnings", "warnings.simplefilter", "numpy.seterr",
    "numpy.set_printoptions", "matplotlib.use", "matplotlib.rcParams", "matplotlib.pyplot.rcParams", "matplotlib.pyplot.style.use",
    "seaborn.set_theme", "seaborn.set_style", "sys.setrecursionlimit",
)  # fmt: skip
"""Settings of a library: to make them again is to have them."""
_PROBED = ("sys.path", "sys.argv", "os.environ")
_HIDES = frozenset(
    "exec eval compile hash id globals locals vars __import__ input breakpoint get_ipython In Out _ __ ___ _i _ii _iii _ih "
    "_oh _dh memoryview"
    .split()
)  # fmt: skip
"""Ways to names, values or code that the cell's text does not show."""
_HIDING = (
    "sys._getframe", "sys.modules", "sys.settrace", "sys.setprofile", "sys.stdout", "sys.stderr", "sys.displayhook",
    "sys.excepthook", "sys.addaudithook", "sys.meta_path", "sys.exit", "os.fork", "os.umask", "threading.settrace",
    "warnings.catch_warnings",
    "decimal.setcontext", "decimal.getcontext", "os._exit", "os.register_at_fork", "socket.setdefaulttimeout",
    "csv.register_dialect", "matplotlib.rc", "matplotlib.pyplot.rc", "matplotlib.style.use", "pandas.reset_option",
    "pandas.api.extensions",
    "sklearn.set_config", "seaborn.set", "urllib.request.install_opener", "yaml.add_constructor", "IPython.get_ipython",
    "time.process_time", "time.thread_time", "os.getpid", "os.getppid", "threading.get_ident", "threading.current_thread",
    "threading.main_thread", "tempfile.TemporaryDirectory", "tempfile.NamedTemporaryFile", "tempfile.TemporaryFile",
    "sys.set_int_max_str_digits", "tqdm.tqdm.pandas", "tqdm.auto.tqdm.pandas",
)  # fmt: skip
_ACTING_MAGICS = frozenset(
    "bash sh script system sx cd env set_env pip mkdir ls pwd writefile html javascript markdown latex svg"
    .split()
)  # fmt: skip
"""Magics that act on the world, or on what is looked at after each cell."""
_SETTING_MAGICS = frozenset("matplotlib config".split())
_PURE_BUILTINS = frozenset(
    "abs all any bool bytearray bytes callable chr complex dict divmod enumerate filter float format frozenset "
    "getattr hasattr int isinstance issubclass iter len list map max min next object ord pow print property range "
    "repr reversed round set slice sorted staticmethod classmethod str sum super tuple type zip"
    .split()
)  # fmt: skip
LENDING = _PURE_BUILTINS | {"print", "open"}
"""Builtins whose meaning is taken for granted; a notebook may give their names another one."""
_PURE_MODULES = (
    "math",
    "itertools",
    "operator",
    "collections",
    "re",
    "functools",
    "string",
    "textwrap",
    "fractions",
    "copy",
    "enum",
)
_PURE_CALLS = (
    "threading.Lock", "threading.RLock", "threading.Event", "threading.Condition", "threading.Semaphore", "queue.Queue",
    "io.StringIO", "io.BytesIO", "json.loads", "json.dumps", "csv.reader", "csv.DictReader", "contextlib.contextmanager",
    "dataclasses.dataclass",
    "os.path.join",
)  # fmt: skip
_PURE_METHODS = frozenset(
    "append extend insert pop popleft appendleft remove clear sort reverse update add discard setdefault get keys "
    "values items copy split join strip lower upper replace format startswith endswith count index send readline read "
    "readlines close acquire release locked group groups match search fullmatch findall put get_nowait put_nowait set "
    "is_set wait cache_info cache_clear"
    .split()
)  # fmt: skip
_CHANGING = frozenset("append extend insert pop remove clear update add discard setdefault register".split())


@dataclass
class CellFacts:
    """``names`` are all that it reads or writes, ``written`` those that it writes; ``doubts`` what it may do that cannot be seen;
    ``again`` why it may not be run again (None: it may); ``settings`` statements that set something; ``calls`` the packages whose
    functions it calls; ``texts`` its string constants."""

    names: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)
    again: str | None = None
    settings: list[str] = field(default_factory=list)
    calls: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)


def facts_of(source: str, origin: Callable[[str], str | None], *, own: Callable[[str], bool]) -> CellFacts:
    """The facts of a cell's Python text (magics already turned into calls). ``origin(name)`` is where a name that was imported
    comes from (``pandas``, ``os.path.join``), None for any other; ``own(name)`` whether it is a function or class of the
    notebook."""
    tree = ast.parse(source)
    facts = CellFacts()
    set_here: set[int] = set()
    for statement in tree.body:
        if _is_setting(statement, origin):
            facts.settings.append(ast.unparse(statement))
            set_here.update(id(node) for node in ast.walk(statement))
    called, inner, given = _places(tree)
    for node in ast.walk(tree):
        _names(node, facts)
        facts.doubts += _doubts(node, origin)
        if id(node) not in set_here:
            facts.doubts += _changes(node, origin)
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in inner and isinstance(node.ctx, ast.Load):
            # Whatever is named may be called, by whoever it is handed to.
            name = dotted(node, origin)
            if name is not None:
                facts.calls.add(name.partition(".")[0])
            if id(node) not in called:
                facts.again = facts.again or _impure_value(node, name, own, id(node) in given)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 500:
            facts.texts.add(node.value)
        facts.again = facts.again or _impure(node, origin, own)
    return facts


def _places(tree: ast.AST) -> tuple[set[int], set[int], set[int]]:
    """Which expressions are called, which are the beginning of a longer name, and which are handed to a call."""
    called: set[int] = set()
    inner: set[int] = set()
    given: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called.add(id(node.func))
            given.update(id(part) for part in [*node.args, *(word.value for word in node.keywords)])
        elif isinstance(node, ast.Attribute):
            inner.add(id(node.value))
    return called, inner, given


def _changes(node: ast.AST, origin: Callable[[str], str | None]) -> Iterator[str]:
    """What is changed in a library: beside settings at the top of a cell, which are made again, and what is looked at anyway."""
    stored = isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load)
    if not stored and not isinstance(node, ast.Call):
        return
    name = dotted(node.func if isinstance(node, ast.Call) else node, origin)
    if name is None or name.startswith(_PROBED):
        return
    if stored or name.startswith(_SETTINGS) or (name.count(".") > 1 and name.rpartition(".")[2] in _CHANGING):
        yield f"`{name}`, which was changed"


def dotted(node: ast.AST, origin: Callable[[str], str | None]) -> str | None:
    """``np.random.seed`` → ``numpy.random.seed``; None for what does not begin with an imported name."""
    parts: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    root = origin(node.id)
    return None if root is None else ".".join([root, *reversed(parts)])


def _names(node: ast.AST, facts: CellFacts) -> None:
    if isinstance(node, ast.Name):
        facts.names.add(node.id)
        if not isinstance(node.ctx, ast.Load):
            facts.written.add(node.id)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        facts.names.add(node.name)
        facts.written.add(node.name)
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        facts.names.update(node.names)
    elif isinstance(node, ast.alias):
        name = (node.asname or node.name).partition(".")[0]
        facts.names.add(name)
        facts.written.add(name)


def _doubts(node: ast.AST, origin: Callable[[str], str | None]) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if (node.id in _HIDES or origin(node.id) in _HIDING) and not getattr(node, "of_magic", False):
            yield f"`{node.id}`"
    elif isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
        yield "`await`"
    elif isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        yield f"`from {node.module} import *`"
    elif isinstance(node, ast.Attribute):
        if node.attr in ("__dict__", "__globals__", "__code__", "__class__", "__closure__", "f_globals"):
            yield f"`.{node.attr}`"
        name = dotted(node, origin)
        if name is not None and name in _HIDING:
            yield f"`{name}`"
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr") and node.args:
            name = dotted(node.args[0], origin)
            if name is not None:
                yield f"`{name}`, which was replaced"
        magic = magic_of(node)
        if magic is not None and magic not in _ACTING_MAGICS | _SETTING_MAGICS:
            yield f"`%{magic}`"


def magic_of(node: ast.AST) -> str | None:
    """The magic that a call runs: IPython turns ``%cd x`` into ``get_ipython().run_line_magic('cd', 'x')``."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call)):
        return None
    root = node.func.value.func
    if not (isinstance(root, ast.Name) and root.id == "get_ipython"):
        return None
    root.of_magic = True  # type: ignore[attr-defined]
    if node.func.attr in ("system", "getoutput"):
        return "system"
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"


def _is_setting(statement: ast.stmt, origin: Callable[[str], str | None]) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if magic_of(call) in _SETTING_MAGICS:
            return True
        name = dotted(call.func, origin)
        plain = all(isinstance(given, ast.Constant) for given in [*call.args, *(word.value for word in call.keywords)])
        return name is not None and name.startswith(_SETTINGS) and (plain or name.startswith("warnings."))
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.value, ast.Constant):
        name = dotted(statement.targets[0], origin)
        return name is not None and name.startswith(_SETTINGS)
    return False


def _impure(node: ast.AST, origin: Callable[[str], str | None], own: Callable[[str], bool]) -> str | None:
    """Why a cell with this in it may not be run a second time."""
    if not isinstance(node, ast.Call) or magic_of(node) is not None:
        return f"`%{magic_of(node)}`" if isinstance(node, ast.Call) else None
    name = dotted(node.func, origin)
    if name is not None:
        return None if _computes(name) else f"`{name}()`"
    if isinstance(node.func, ast.Name):
        called = node.func.id
        if called == "print":
            return "`print(file=...)`" if any(word.arg == "file" for word in node.keywords) else None
        if called == "open":
            return None if _reads(node) else "`open()` to write"
        return None if called in _PURE_BUILTINS or own(called) or _is_error(called) else f"`{called}()`"
    if isinstance(node.func, ast.Attribute):
        return None if node.func.attr in _PURE_METHODS else f"`.{node.func.attr}()`"
    return "a call of what is computed"


def _computes(name: str) -> bool:
    return name.partition(".")[0] in _PURE_MODULES or name.startswith(_PURE_CALLS)


def _impure_value(node: ast.Name | ast.Attribute, name: str | None, own: Callable[[str], bool], given: bool) -> str | None:
    """Why a cell that hands this on, for whoever to call it, may not be run a second time."""
    if name is not None:
        return None if _computes(name) or name in sys.stdlib_module_names else f"`{name}`"
    if isinstance(node, ast.Attribute):
        return f"`.{node.attr}`" if given and node.attr not in _PURE_METHODS else None
    value = getattr(builtins, node.id, None)
    if value is None or own(node.id) or node.id in _PURE_BUILTINS or not callable(value) or _is_error(node.id):
        return None
    return f"`{node.id}`"


def _is_error(name: str) -> bool:
    value = getattr(builtins, name, None)
    return isinstance(value, type) and issubclass(value, BaseException)


def _reads(call: ast.Call) -> bool:
    given = call.args[1] if len(call.args) > 1 else next((word.value for word in call.keywords if word.arg == "mode"), None)
    if given is None:
        return True
    return isinstance(given, ast.Constant) and isinstance(given.value, str) and not set(given.value) & set("wax+")
