"""The engine's rules written a second time, in the plainest way: no counters, no network, no dirty set.

After every fact it looks at every node again, by walking every expression. It knows nodes that complete or fail after a
while, with retries, timeouts, bindings that hold, ``skipWhen``, ``stopWhen``, ``onFailure`` and ``always``, the pipeline's
``stopWhen`` and ``timeout``, and what people send. Expressions are tuples: see ``written``.
"""

from __future__ import annotations

import heapq
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
        self.n: Any = None
        self.stored: set[str] = set()
        self.ignored = False


class PlainModel:
    """``specs``: by id in document order ``{start, skip, stop, as, holds, retry, delay, timeout, onFailure, always, finally}``;
    ``outcomes``: by id a list of ``{state, duration, n}``; ``sent``: ``(seconds, name, payload n)``."""

    def __init__(self, specs: dict[str, Any], outcomes: Any, sent: Any, stop: Any, timeout: float | None) -> None:
        self.nodes = {name: Node(name, spec) for name, spec in specs.items()}
        self.outcomes, self.stop = outcomes, stop
        self.events: list[tuple[float, str]] = []
        self.custom: dict[str, Any] = {}
        self.pipeline: set[str] = set()
        self.halted: str | None = None
        self.paused = self.finishing = self.closed = False
        self.status: str | None = None
        self.now, self.order = 0.0, itertools.count()
        self.queued: list[Node] = []
        self.facts: list[Any] = []
        self.stop_all = False
        if timeout:
            self.later(timeout, "pipeline timeout")
        for at, name, n in sent:
            heapq.heappush(self.facts, (at, 1, next(self.order), (name, n)))

    def later(self, after: float, *fact: Any) -> None:
        heapq.heappush(self.facts, (self.now + after, 0, next(self.order), fact))

    def run(self) -> None:
        self.store("pipeline", "started")
        self.rest()
        while self.facts and self.status is None:
            self.now, _, _, fact = heapq.heappop(self.facts)
            self.take(*fact)
            self.rest()

    def rest(self) -> None:
        while self.status is None:
            if self.look() or self.begin():
                continue
            if any(node.state in ("queued", "running", "retrying") for node in self.nodes.values()) or not self.wind_up():
                return

    # --- facts -------------------------------------------------------------------------------------------------------

    def take(self, kind: str, *more: Any) -> None:
        if kind == "pipeline timeout":
            if not self.halted and not self.finishing:
                self.halt("timeout", "timeout")
        elif kind == "cancel":
            if not self.finishing and self.halted != "cancelled":
                self.halt("cancelled", "cancelled")
        elif kind in ("pause", "resume"):
            if self.paused != (kind == "pause"):
                self.paused = kind == "pause"
                self.events.append((self.now, "pipeline." + ("paused" if self.paused else "resumed")))
        elif kind in ("result", "timeout", "retry"):
            node, attempt = self.nodes[more[0]], more[1]
            if node.attempts == attempt and node.state == ("retrying" if kind == "retry" else "running"):
                self.proceed(kind, node)
        else:
            self.events.append((self.now, "custom." + kind))
            if not self.closed:
                self.custom.setdefault(kind, more[0])

    def proceed(self, kind: str, node: Node) -> None:
        if kind == "retry":
            node.state = "queued"
            self.queued.append(node)
            return
        outcome = self.outcome(node)
        if kind == "result" and outcome["state"] == "completed":
            node.n = outcome.get("n")
            self.end(node, "completed", None)
        elif node.attempts < node.spec.get("retry", 1):
            node.state = "retrying"
            self.store(node.name, "retrying")
            self.later(node.spec.get("delay", 0), "retry", node.name, node.attempts)
        else:
            self.fail(node, "timeout" if kind == "timeout" else "error")

    def outcome(self, node: Node) -> Any:
        return self.outcomes[node.name][min(node.attempts, len(self.outcomes[node.name])) - 1]

    # --- what becomes of nodes ---------------------------------------------------------------------------------------

    def store(self, source: str, event: str) -> None:
        self.events.append((self.now, f"{source}.{event}"))
        (self.nodes[source].stored if source in self.nodes else self.pipeline).add(event)

    def end(self, node: Node, state: str, reason: str | None) -> None:
        node.state, node.reason, node.finished_at = state, reason, self.now
        also = {"completed": ["passed"], "failed": ["timed_out"] if reason == "timeout" else []}.get(state, [])
        if state == "skipped":
            also = ["passed"] if reason in QUIET else ["blocked"] if reason == "blocked" else []
        for event in (state, *also, "finished"):
            self.store(node.name, event)

    def fail(self, node: Node, reason: str) -> None:
        handled = node.spec.get("onFailure", "continue")
        if handled == "outputs":
            node.n = 5
            self.end(node, "completed", None)
            return
        node.ignored = handled == "ignore"
        self.end(node, "failed", reason)
        self.stop_all = self.stop_all or handled == "stop"
        if self.stop_all and not self.passing:
            self.stop_all = False
            self.halt("onFailure", "onFailure")

    passing = False

    def halt(self, cause: str, reason: str) -> None:
        if self.halted is None or reason == "cancelled":
            self.halted = cause
        self.paused = False
        for node in self.nodes.values():
            if node.state not in OVER and not node.spec.get("always") and not node.spec["finally"]:
                self.end(node, "skipped" if node.state == "pending" else "cancelled", reason)

    # --- passes ------------------------------------------------------------------------------------------------------

    def look(self) -> bool:
        halts = None
        if self.stop and not self.finishing and self.halted in (None, "timeout", "onFailure"):
            verdict = self.weigh(self.stop, None, "latest")
            halts = ("stopWhen", "cancelled") if verdict == T else ("expression",) * 2 if verdict == E and not self.halted else None
        decided = [(node, node.state, what) for node in self.nodes.values() if (what := self.decision(node))]
        self.passing = True
        if halts:
            self.halt(*halts)
        for node, seen, (verb, reason) in decided:
            if node.state != seen:
                continue
            if verb == "queue":
                node.state = "queued"
                self.queued.append(node)
            elif verb == "fail":
                self.fail(node, reason)
            else:
                self.end(node, verb, reason)
        self.passing = False
        if self.stop_all:
            self.stop_all = False
            self.halt("onFailure", "onFailure")
        return bool(halts or decided)

    def decision(self, node: Node) -> tuple[str, Any] | None:
        spec = node.spec
        stop = self.weigh(spec["stop"], node, "latest") if spec.get("stop") else U
        if node.state in OVER:
            return None
        if stop == E:
            return "fail", "expression"
        if node.state != "pending":
            done = spec.get("as", "cancelled")
            return None if stop != T else (done, "stopWhen" if done == "cancelled" else None)
        if stop == T:
            return "skipped", "stopWhen"
        start = self.weigh(spec["start"], node, "settled")
        if start == F:
            return "skipped", "blocked" if self.blocked(spec["start"], node, False) else "unsatisfied"
        if start == E:
            return "fail", "expression"
        return None if start == U else self.about_to_start(node)

    def about_to_start(self, node: Node) -> tuple[str, Any] | None:
        skip = self.weigh(node.spec["skip"], node, "now") if node.spec.get("skip") else F
        if skip == T:
            return "skipped", "skipWhen"
        if skip == E:
            return "fail", "expression"
        held = [self.nodes[name] for name, _ in node.spec.get("holds", ()) if self.nodes[name].state not in OVER]
        if skip == U or held:
            return None
        absent = [name for name, guarded in node.spec.get("holds", ()) if not guarded and self.nodes[name].n is None]
        return ("fail", "expression") if absent else ("queue", None)

    def begin(self) -> bool:
        if self.paused or not self.queued:
            return False
        ready, self.queued = self.queued, []
        for node in ready:
            if node.state != "queued":
                continue
            node.state = "running"
            node.attempts += 1
            if node.started_at is None:
                node.started_at = self.now
                self.store(node.name, "started")
            self.later(self.outcome(node)["duration"], "result", node.name, node.attempts)
            if node.spec.get("timeout"):
                self.later(node.spec["timeout"], "timeout", node.name, node.attempts)
        return True

    # --- the end -----------------------------------------------------------------------------------------------------

    def wind_up(self) -> bool:
        pending = [node for node in self.nodes.values() if node.state == "pending"]
        if not self.finishing:
            early = [node for node in pending if not node.spec["finally"]]
            if self.awaits(early):
                return False
            reasons = [self.blocked(node.spec["start"], node, True) for node in early]
            self.finishing = True
            self.store("pipeline", "finishing")
            for node, blocked in zip(early, reasons):
                self.end(node, "skipped", "blocked" if blocked else "unsatisfied")
        elif not self.closed:
            self.closed = True
        else:
            for node in pending:
                self.end(node, "skipped", "blocked" if self.blocked(node.spec["start"], node, True) else "unsatisfied")
            failed = any(node.state == "failed" and not node.ignored for node in self.nodes.values()) or self.halted
            self.status = "cancelled" if self.halted in ("cancelled", "stopWhen") else "failed" if failed else "completed"
            self.store("pipeline", self.status)
        return True

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
        if other is None or leaf[2] not in SUCCESS:
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
