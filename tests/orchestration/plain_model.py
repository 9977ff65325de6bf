"""The engine's rules written a second time, in the plainest way: no counters, no network, no dirty set.

After every fact it looks at every node again. It knows tasks that complete or fail after a while, approvals and waits, with
retries, ``repeat``, ``timeout`` and ``waitTimeout``, what tasks emit, bindings that hold, ``skipWhen``, ``stopWhen``,
``failWhen``, ``onFailure`` and ``always``, the pipeline's ``stopWhen`` and ``timeout``, and what people send.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Any

from tests.orchestration.plain_truth import OVER, QUIET, E, F, Node, PlainTruth, T, U

ALSO = {"completed": {None: ["passed"]}, "failed": {"timeout": ["timed_out"]}}
ACTIVE = {"queued", "running", "waiting", "retrying"}


class PlainModel(PlainTruth):
    """``specs``: by id in document order ``{start, skip, stop, as, fail, holds, retry, delay, timeout, onFailure, always,
    finally, repeat, type, ...}``; ``outcomes``: by id a list of ``{state, duration, n, emits}``, or None for what stays open;
    ``sent``: ``(seconds, name, payload n)``."""

    def __init__(self, specs: dict[str, Any], outcomes: Any, sent: Any, stop: Any, timeout: float | None) -> None:
        self.nodes = {name: Node(name, spec) for name, spec in specs.items()}
        self.outcomes, self.stop = outcomes, stop
        self.events: list[tuple[float, str]] = []
        self.custom: dict[str, Any] = {}
        self.pipeline: set[str] = set()
        self.halted: str | None = None
        self.paused = self.finishing = self.closed = self.passing = self.stop_all = False
        self.status: str | None = None
        self.now, self.order, self.tokens = 0.0, itertools.count(), itertools.count(1)
        self.ready: list[Node] = []
        self.facts: list[Any] = []
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
            if any(node.state in ACTIVE for node in self.nodes.values()) or not self.wind_up():
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
        elif kind in ("result", "emit", "timeout", "wait", "retry", "again"):
            node = self.nodes[more[0]]
            if node.token == more[1] and node.state in ACTIVE:
                getattr(self, f"take_{kind}")(node, *more[2:])
        else:
            self.take_custom(kind, more[0])

    def take_custom(self, name: str, n: Any) -> None:
        self.events.append((self.now, "custom." + name))
        if not self.closed:
            self.custom.setdefault(name, n)
        for node in self.nodes.values():
            if node.state == "waiting" and node.spec.get("awaits") == name and self.outcomes[node.name] is None:
                self.succeed(node, n)

    def take_emit(self, node: Node) -> None:
        self.store(node.name, "half")

    def take_retry(self, node: Node) -> None:
        node.state = "queued"
        self.ready.append(node)

    def take_again(self, node: Node) -> None:
        self.ready.append(node)

    def take_timeout(self, node: Node) -> None:
        self.attempt_failed(node, "timeout")

    def take_wait(self, node: Node) -> None:
        policy = node.spec.get("onTimeout", "fail")
        if policy == "escalate" and not node.escalated:
            node.escalated = True
            self.later(node.spec["within"], "wait", node.name, node.token)
        else:
            self.attempt_failed(node, "rejected" if policy == "reject" else "timeout")

    def take_result(self, node: Node, outcome: Any) -> None:
        if outcome["state"] in ("completed", "approved"):
            if node.spec.get("type") == "approval":
                self.store(node.name, "approved")
            self.succeed(node, outcome.get("n"))
        else:
            self.attempt_failed(node, {"failed": "error", "timed_out": "timeout"}.get(outcome["state"], outcome["state"]))

    def succeed(self, node: Node, n: Any) -> None:
        node.token, node.n = 0, n
        if node.spec.get("fail"):
            verdict = self.own(n)
            if verdict != F:
                self.fail(node, "expression") if verdict == E else self.attempt_failed(node, "failWhen")
                return
        if "repeat" not in node.spec:
            self.end(node, "completed", None)
            return
        node.iterations += 1
        verdict = self.own(n)
        if verdict == T:
            self.end(node, "completed", None)
        elif verdict == E or node.iterations >= node.spec["repeat"]:
            self.fail(node, "expression" if verdict == E else "repeat")
        else:
            node.kept, node.before, node.attempts = n, node.attempts, 0
            node.token = next(self.tokens)
            if node.spec["pause"]:
                self.later(node.spec["pause"], "again", node.name, node.token)
            else:
                self.ready.append(node)

    @staticmethod
    def own(n: Any) -> str:
        """``{{ own.n > 1 }}`` over fresh outputs."""
        return E if n is None or isinstance(n, str) else T if n > 1 else F

    def attempt_failed(self, node: Node, reason: str) -> None:
        node.n, node.token = node.kept, next(self.tokens)
        if reason != "rejected" and node.attempts < node.spec.get("retry", 1):
            node.state = "retrying"
            self.store(node.name, "retrying")
            self.later(node.spec["delay"], "retry", node.name, node.token)
        else:
            self.fail(node, reason)

    # --- what becomes of nodes ---------------------------------------------------------------------------------------

    def store(self, source: str, event: str) -> None:
        self.events.append((self.now, f"{source}.{event}"))
        (self.nodes[source].stored if source in self.nodes else self.pipeline).add(event)

    def end(self, node: Node, state: str, reason: str | None) -> None:
        node.state, node.reason, node.finished_at = state, reason, self.now
        if state != "completed":
            node.n = None
        also = ALSO.get(state, {}).get(reason, [])
        if state == "skipped":
            also = ["passed"] if reason in QUIET else ["blocked"] if reason == "blocked" else []
        for event in (*(["rejected"] if reason == "rejected" else []), state, *also, "finished"):
            self.store(node.name, event)

    def fail(self, node: Node, reason: str) -> None:
        handled = node.spec.get("onFailure", "continue")
        excused = reason == "rejected" and node.spec.get("onReject") == "ignore"
        if handled == "outputs" and not excused:
            if reason == "rejected":
                self.store(node.name, "rejected")
            node.n = 5
            self.end(node, "completed", None)
            return
        node.ignored = handled == "ignore" or excused
        self.end(node, "failed", reason)
        if handled == "stop" and not node.ignored:
            self.stop_all = True
            self.stop_the_rest()

    def stop_the_rest(self) -> None:
        if self.stop_all and not self.passing:
            self.stop_all = False
            self.halt("onFailure", "onFailure")

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
                self.ready.append(node)
            elif verb == "fail":
                self.fail(node, reason)
            else:
                self.end(node, verb, reason)
        self.passing = False
        self.stop_the_rest()
        return bool(halts or decided)

    def decision(self, node: Node) -> tuple[str, Any] | None:
        spec = node.spec
        stop = self.weigh(spec["stop"], node, "latest") if spec.get("stop") else U
        if node.state in OVER:
            return None
        if node.state != "pending":
            done = spec.get("as", "cancelled")
            if stop == T:
                return done, "stopWhen" if done == "cancelled" else None
            return ("fail", "expression") if stop == E else None
        if stop == T:
            return "skipped", "stopWhen"
        decided = self.by_start(node)
        return ("fail", "expression") if stop == E and decided in (None, ("queue", None)) else decided

    def by_start(self, node: Node) -> tuple[str, Any] | None:
        spec = node.spec
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
        if self.paused or not self.ready:
            return False
        ready, self.ready = self.ready, []
        for node in ready:
            if node.state in ("queued", "running"):
                node.state = "running"
                self.attempt(node)
        return True

    def attempt(self, node: Node) -> None:
        spec, given = node.spec, self.outcomes[node.name]
        node.attempts, node.given, node.token, node.escalated = node.attempts + 1, node.given + 1, next(self.tokens), False
        if node.started_at is None:
            node.started_at = self.now
            self.store(node.name, "started")
        if given is not None:
            outcome = given[min(node.given, len(given)) - 1]
            for at in outcome.get("emits", ()):
                if at <= outcome["duration"]:
                    self.later(at, "emit", node.name, node.token)
            self.later(outcome["duration"], "result", node.name, node.token, outcome)
        if spec.get("timeout"):
            self.later(spec["timeout"], "timeout", node.name, node.token)
        if "type" in spec:
            node.state = "waiting"
            self.store(node.name, "waiting")
            if spec.get("waitTimeout"):
                self.later(spec["waitTimeout"], "wait", node.name, node.token)
            if given is None and spec.get("awaits") in self.custom:
                self.succeed(node, self.custom[spec["awaits"]])

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
