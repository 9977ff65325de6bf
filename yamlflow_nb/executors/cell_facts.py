"""What can be told of a cell without running it: which names it touches, what it may change that no name shows, and whether it may
be run again. In doubt it says so: the notebook is then run from its start.
"""

from __future__ import annotations

import ast
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
    "exec eval compile globals locals vars __import__ input breakpoint get_ipython In Out _ __ ___ _i _ii _iii _ih "
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
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


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
    for node in ast.walk(tree):
        _names(node, facts)
        if isinstance(node, (ast.Call, ast.Attribute)) and id(node) not in set_here:
            name = dotted(node.func if isinstance(node, ast.Call) else node, origin)
            stored = isinstance(node, ast.Call) or not isinstance(node.ctx, ast.Load)
            if name is not None and stored and name.startswith(_SETTINGS):
                facts.doubts.append(f"`{name}`")
        for doubt in _doubts(node, origin):
            facts.doubts.append(doubt)
        if isinstance(node, ast.Call):
            called = dotted(node.func, origin)
            if called is not None:
                facts.calls.add(called.partition(".")[0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 500:
            facts.texts.add(node.value)
        facts.again = facts.again or _impure(node, origin, own)
    return facts


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
        if name is not None and not isinstance(node.ctx, ast.Load) and not name.startswith((*_SETTINGS, *_PROBED)):
            yield f"`{name}`, which was replaced"
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
        pure = name.partition(".")[0] in _PURE_MODULES or name.startswith(_PURE_CALLS)
        return None if pure else f"`{name}()`"
    if isinstance(node.func, ast.Name):
        called = node.func.id
        if called == "print":
            return "`print(file=...)`" if any(word.arg == "file" for word in node.keywords) else None
        if called == "open":
            return None if _reads(node) else "`open()` to write"
        return None if called in _PURE_BUILTINS or own(called) else f"`{called}()`"
    if isinstance(node.func, ast.Attribute):
        return None if node.func.attr in _PURE_METHODS else f"`.{node.func.attr}()`"
    return "a call of what is computed"


def _reads(call: ast.Call) -> bool:
    given = call.args[1] if len(call.args) > 1 else next((word.value for word in call.keywords if word.arg == "mode"), None)
    if given is None:
        return True
    return isinstance(given, ast.Constant) and isinstance(given.value, str) and not set(given.value) & set("wax+")
