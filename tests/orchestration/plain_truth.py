"""The truth of expressions, and who keeps a run waiting, in the plainest way: every expression is walked every time, and
what may still happen is tried out. The half of ``plain_model`` that knows nothing of time."""

from __future__ import annotations

import itertools
import operator
from fnmatch import fnmatchcase
from typing import Any

T, F, U, E = "true", "false", "unknown", "error"
COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq, "!=": operator.ne}
SUCCESS = {"completed", "passed", "started", "approved"}
OVER = {"completed", "failed", "skipped", "cancelled"}
HURT = {"blocked", "cancelled", "timeout", "onFailure", "expression"}
QUIET = {"unsatisfied", "skipWhen", "stopWhen", "manual"}


def written(tree: Any) -> str:
    """An expression as it stands in a document."""
    kind = tree[0]
    if kind in ("event", "pattern"):
        return f"event:{tree[1]}.{tree[2]}"
    if kind == "value":
        form = {"plain": "{0}.n > 1", "default": "{0}.n | default(0) > 1", "defined": "defined({0}.n) and {0}.n > 1",
                "run": "{0}.run.state == 'failed'", "number": "{0}.n | default(7)"}[tree[1]]  # fmt: skip
        return "{{ " + form.format(tree[2]) + " }}"
    if kind == "not":
        return f"!({written(tree[1])})"
    if kind == "list":
        return f"{tree[1]}({', '.join(map(written, tree[2]))})" + (f" {tree[3]} {tree[4]}" if tree[3] else "")
    return "(" + (" && " if kind == "and" else " || ").join(map(written, tree[1])) + ")"


class Node:
    def __init__(self, name: str, spec: dict[str, Any]) -> None:
        self.name, self.spec = name, spec
        self.state, self.reason = "pending", None
        self.attempts, self.started_at, self.finished_at = 0, None, None
        self.token = self.given = self.before = self.iterations = 0
        self.escalated = False
        self.n: Any = None
        self.kept: Any = None
        self.stored: set[str] = set()
        self.ignored = False


class PlainTruth:
    """``nodes`` by id in document order, ``custom`` payloads by name, ``pipeline`` events; ``closed`` when the run ends."""

    nodes: dict[str, Node]
    custom: dict[str, Any]
    pipeline: set[str]
    closed = False

    def awaits(self, pending: list[Node]) -> bool:
        """Whether an event from outside can settle anything, by trying every future of what is unknown."""
        live: set[str] = set()
        while True:
            more = {node.name for node in pending if node.name not in live and self.can_be_settled(node, live)}
            if not more:
                return bool(live)
            live |= more

    def can_be_settled(self, node: Node, live: set[str]) -> bool:
        start = self.weigh(node.spec["start"], node, "settled")
        if start == U:
            return self.some_future_settles(node.spec["start"], node, "settled", live)
        skip = node.spec.get("skip")
        if skip and self.weigh(skip, node, "now") == U:
            return self.some_future_settles(skip, node, "now", live)
        held = {name for name, _ in node.spec.get("holds", ()) if self.nodes[name].state not in OVER and not self.ends_late(name)}
        return bool(held) and held <= live

    def some_future_settles(self, tree: Any, node: Node, mode: str, live: set[str]) -> bool:
        leaves = [leaf for leaf in dict.fromkeys(self.leaves(tree, node)) if self.leaf(leaf, "settled") == U]
        early = {leaf: self.never(leaf) for leaf in leaves if self.leaf(leaf, mode) == U}
        if self.weigh(tree, node, mode, early) != U:
            return False
        futures = [self.futures(leaf, live, mode) for leaf in leaves]
        return any(self.weigh(tree, node, mode, dict(zip(leaves, some))) != U for some in itertools.product(*futures))

    def never(self, leaf: Any) -> str:
        if leaf[0] == "event":
            return F if leaf[1] == "pipeline" or self.ends_late(leaf[1]) else U
        if not self.ends_late(leaf[2]):
            return U
        return F if leaf[1] in ("default", "defined") else E

    def ends_late(self, name: str) -> bool:
        return name in self.nodes and self.nodes[name].spec["finally"]

    def futures(self, leaf: Any, live: set[str], mode: str) -> tuple[str, ...]:
        source = leaf[1] if leaf[0] == "event" else leaf[2]
        if leaf[0] == "event":
            if source == "pipeline" or self.ends_late(source):
                return (F,)
            if source == "custom":
                return (T, F) if mode == "now" else (T,)
            return (T, F) if source in live else (U,)
        if self.ends_late(source):
            return (self.never(leaf),)
        return (T, F, E) if source.startswith("custom") or source in live else (U,)

    # --- truth -------------------------------------------------------------------------------------------------------

    def matched(self, leaf: Any, node: Node | None) -> list[Any]:
        if leaf[0] == "event":
            return [leaf]
        fitting = [other for other in self.nodes.values() if fnmatchcase(other.name, leaf[1]) and other is not node]
        return [("event", other.name, leaf[2]) for other in fitting if not other.spec["finally"]]

    def listed(self, tree: Any, node: Node | None) -> list[Any]:
        items = [tree] if tree[0] == "pattern" else tree[2]
        return list(dict.fromkeys(leaf for item in items for leaf in self.matched(item, node)))

    def leaves(self, tree: Any, node: Node | None) -> list[Any]:
        if tree[0] in ("event", "value"):
            return [tree]
        if tree[0] in ("pattern", "list"):
            return self.listed(tree, node)
        return [leaf for side in ([tree[1]] if tree[0] == "not" else tree[1]) for leaf in self.leaves(side, node)]

    def leaf(self, leaf: Any, mode: str) -> str:
        if leaf[0] == "value":
            return self.value(leaf[1], leaf[2], mode)
        _, source, event = leaf
        if source == "custom":
            return T if event in self.custom else F if self.closed or mode == "now" else U
        if source == "pipeline":
            return T if event in self.pipeline else U
        other = self.nodes[source]
        return T if event in other.stored else F if other.state in OVER else U

    def value(self, form: str, source: str, mode: str) -> str:
        if source.startswith("custom."):
            name = source.removeprefix("custom.")
            settled, n, failed = name in self.custom or mode == "now", self.custom.get(name), None
        else:
            other = self.nodes[source]
            settled, n = other.state in OVER, other.n
            failed = other.state == "failed" if settled else None
        if not settled and mode != "latest":
            return U
        if form == "number":
            return E
        if form == "run":
            return U if failed is None else T if failed else F
        if n is None:
            return F if form in ("default", "defined") else U if mode == "latest" else E
        return E if isinstance(n, str) else T if n > 1 else F

    def weigh(self, tree: Any, node: Node | None, mode: str, supposed: Any = None) -> str:
        if tree[0] in ("event", "value"):
            return supposed[tree] if supposed and tree in supposed else self.leaf(tree, mode)
        if tree[0] == "not":
            verdict = self.weigh(tree[1], node, mode, supposed)
            return {T: F, F: T}.get(verdict, verdict)
        if tree[0] in ("pattern", "list"):
            return counted(tree, [self.weigh(leaf, node, mode, supposed) for leaf in self.listed(tree, node)])
        sides = {self.weigh(side, node, mode, supposed) for side in tree[1]}
        ranks = (F, U, E, T) if tree[0] == "and" else (T, U, E, F)
        return next(verdict for verdict in ranks if verdict in sides)

    def blocked(self, tree: Any, node: Node, at_the_end: bool) -> bool:
        """Whether a failure is among what made an expression false (at the end, what is unknown counts as false)."""
        supposed = {leaf: F for leaf in self.leaves(tree, node) if self.leaf(leaf, "settled") == U} if at_the_end else {}
        if self.weigh(tree, node, "settled", supposed) != F:
            return False
        return any(self.hurts(leaf) for leaf in self.causes(tree, node, supposed, True))

    def causes(self, tree: Any, node: Node, supposed: Any, even: bool) -> list[Any]:
        verdict = self.weigh(tree, node, "settled", supposed)
        if tree[0] == "event":
            return [tree] if verdict == F and even else []
        if tree[0] == "not":
            return self.causes(tree[1], node, supposed, not even)
        if tree[0] in ("pattern", "list"):
            leaves = self.listed(tree, node)
            false = [leaf for leaf in leaves if self.weigh(leaf, node, "settled", supposed) == F]
            return false if even and verdict == F and too_few(tree, len(leaves) - len(false)) else []
        if tree[0] == "value":
            return []
        same = [side for side in tree[1] if self.weigh(side, node, "settled", supposed) == verdict]
        return [leaf for side in same for leaf in self.causes(side, node, supposed, even)]

    def hurts(self, leaf: Any) -> bool:
        other = self.nodes.get(leaf[1])
        if other is None or (leaf[2] not in SUCCESS and leaf[2] not in other.spec.get("emits", ())):
            return False
        return other.state in ("failed", "cancelled") or (other.state == "skipped" and other.reason in HURT)


def too_few(tree: Any, most: int) -> bool:
    word, comparison, number = ("any", "", 0) if tree[0] == "pattern" else (tree[1], tree[3], tree[4])
    return word in ("all", "any") or (word == "count" and (comparison in (">=", ">") or (comparison == "==" and most < number)))


def counted(tree: Any, verdicts: list[str]) -> str:
    word, comparison, number = ("any", "", 0) if tree[0] == "pattern" else (tree[1], tree[3], tree[4])
    least, most = verdicts.count(T), verdicts.count(T) + verdicts.count(U)
    asked = {"all": ("==", len(verdicts)), "any": (">", 0), "none": ("==", 0)}.get(word, (comparison, number))
    answers = {COMPARE[asked[0]](count, asked[1]) for count in range(least, most + 1)}
    return U if len(answers) > 1 else T if True in answers else F
