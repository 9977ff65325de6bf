"""What is told of a cell without running it: in doubt, a doubt."""

from __future__ import annotations

import ast

import pytest

from yamlflow_nb.executors.cell_facts import facts_of
from yamlflow_nb.executors.user_modules import origins_of

IMPORTS = "import os, sys, json, random, duckdb, warnings, textwrap\nimport numpy as np, pandas as pd, matplotlib as mpl\n"


def _facts(code: str):
    source = IMPORTS + code
    return facts_of(source, origins_of(ast.parse(source)).get, own=lambda name: name == "mine")


@pytest.mark.parametrize(
    "code",
    [
        "exec('x = 1')",
        "globals()['x'] = 1",
        "f = eval",
        "key = hash('a')",
        "n = id(json)",
        "from math import *",
        "In[1]",
        "_ + 1",
        "json.dumps = len",
        "setattr(json, 'dumps', len)",
        "del json.dumps",
        "textwrap._whitespace = ' '",
        "json.encoder.X['a'] = 1",
        "warnings.filters.append(1)",
        "if True:\n    pd.set_option('display.width', 3)",
        "x = [pd.set_option('display.width', 3)]",
        "mpl.rc('font')",
        "sys.stdout = None",
        "x.__dict__['a'] = 1",
        "get_ipython()",
        "get_ipython().run_line_magic('run', 'a.py')",
        "await x",
        "frame = sys._getframe()",
        "import time\nbegan = time.process_time()",
        "me = os.getpid()",
        "from tempfile import TemporaryDirectory\nplace = TemporaryDirectory()",
    ],
)
def test_what_changes_things_unseen_is_a_doubt(code: str) -> None:
    assert _facts(code).doubts, code


@pytest.mark.parametrize(
    "code",
    [
        "x = json.dumps([1])",
        "os.environ['A'] = 'b'",
        "sys.path.append('lib')",
        "random.seed(1)",
        "pd.set_option('display.width', 3)",
        "pd.options.display.width = 3",
        "mpl.rcParams['font.size'] = 3",
        "warnings.filterwarnings('ignore', category=FutureWarning)",
        "get_ipython().run_cell_magic('bash', '', 'true')",
        "get_ipython().system('true')",
        "rows.append(1)",
        "x = np.zeros(3)",
        "with np.errstate(all='ignore'):\n    y = 1",
    ],
)
def test_what_is_looked_at_after_each_cell_is_none(code: str) -> None:
    assert _facts(code).doubts == [], code


@pytest.mark.parametrize(
    "code",
    [
        "open('a', 'w')",
        "open('a', mode)",
        "f = open",
        "list(map(open, names))",
        "list(map(os.remove, names))",
        "print(1, file=log)",
        "send = mail.send; send(1)",
        "list(map(log.write, rows))",
        "getattr(log, 'write')('x')",
        "handlers['a']()",
        "random.random()",
        "pd.read_csv('a')",
        "os.remove('a')",
        "log.write('x')",
        "duckdb.sql('select 1')",
        "get_ipython().system('true')",
        "unknown(1)",
        "sorted(rows, key=os.stat)",
    ],
)
def test_what_may_do_more_than_compute_is_not_run_again(code: str) -> None:
    assert _facts(code).again is not None, code


@pytest.mark.parametrize(
    "code",
    [
        "x = (n * n for n in range(9))",
        "it = iter(rows)\nnext(it)",
        "text = open('a').read()",
        "rows.append(len(rows))",
        "def f(x):\n    return sum(x)",
        "y = mine(3)",
        "import threading\nlock = threading.Lock()",
        "print('seen')",
        "raise ValueError('x')",
        "class A:\n    def b(self):\n        return self.c",
    ],
)
def test_what_only_computes_may_be_run_again(code: str) -> None:
    assert _facts(code).again is None, (code, _facts(code).again)


def test_packages_that_are_named_count_as_called() -> None:
    assert "duckdb" in _facts("rows = list(map(duckdb.sql, queries))").calls
    assert "duckdb" not in _facts("rows = 1").calls
