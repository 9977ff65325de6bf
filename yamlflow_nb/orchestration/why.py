"""``why``: a node's expression with the truth of each part, its place, what holds it, and what would start it."""

from __future__ import annotations

from yamlflow_nb.domain.execution_plan import FALSE, TRUE, UNKNOWN, VERDICT_NAMES
from yamlflow_nb.domain.expression import And, Not, Or, PatternAtom, Quantified, TriggerExpression, TriggerNode
from yamlflow_nb.language.problem import Problem
from yamlflow_nb.orchestration.ending import waits_for
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun, event_verdict
from yamlflow_nb.orchestration.explanation import Cause, Weigher
from yamlflow_nb.orchestration.judgement import cause_text, locate, weigher
from yamlflow_nb.orchestration.smallest_facts import smallest_facts

_MOST_FACTS = 20


def why(state: ExecutionState, node_id: str) -> str:
    """Text for people: the node's state, its ``startWhen`` as a tree of verdicts, what decided, what it waits for or what
    holds it, and the fewest facts that would start it, or would have started it. Raises KeyError for an unknown node."""
    run = state.nodes[node_id]
    planned = run.planned
    lines = [f"{node_id} is {run.state}" + (f" ({run.reason})" if run.reason else "")]
    scale = weigher(state, run.index)
    derived = " (derived)" if planned.derived_start else ""
    lines.append(f"startWhen{derived}: {planned.start.text}{_place(state, planned.start)}")
    lines += _tree(scale, planned.start.root, "  ")
    verdict = scale.weigh(planned.start.root)
    if run.state == "pending":
        waiting = waits_for(state, run)
        if waiting:
            lines.append(f"{'held by' if verdict == TRUE else 'waits for'}: {', '.join(waiting)}")
    elif verdict != UNKNOWN:
        decided = [cause_text(state, cause) for cause in scale.causes(planned.start.root)]
        lines.append(f"decided by: {', '.join(dict.fromkeys(decided))}")
    if run.reused:
        lines.append(f"it did not run here: its result is that of {run.reused}")
    told = told_by_cache(run)
    if told is not None:
        lines.append(told)
    if run.why:
        lines.append(f"because: {run.why}")
    if planned.skip is not None:
        lines.append(f"skipWhen: {planned.skip.text}{_place(state, planned.skip)}")
        lines += _tree(weigher(state, run.index, now=True), planned.skip.root, "  ")
    if run.error is not None:
        lines.append(f"error: {run.error.message}")
    lines += _advice(state, run)
    return "\n".join(lines)


def told_by_cache(run: NodeRun) -> str | None:
    """What the cache said to a node's last attempt, or to its items, in one line."""
    if run.fan is not None:
        asked = [item.cached for item in run.fan.runs if item.cached is not None]
        hits = sum("from" in one for one in asked)
        return f"cached: {hits} of {len(asked)} items" if asked else None
    if run.cached is None:
        return None
    if "from" in run.cached:
        return f"cached: the result of {run.cached['from']}"
    return f"not cached: {run.cached['missed']}" if "missed" in run.cached else None


def _place(state: ExecutionState, trigger: TriggerExpression) -> str:
    """Where an expression stands; nothing for one that is derived."""
    at = locate(state, trigger.path, Problem("", "", trigger.root.start, trigger.root.end))
    return f"  [line {at.line}, column {at.column}]" if at.line else ""


def _advice(state: ExecutionState, run: NodeRun) -> list[str]:
    """The fewest facts that would start a pending node, or would have started one that was skipped or failed before."""
    if run.started_at is not None or run.state not in ("pending", "skipped", "failed"):
        return []
    facts = _lacking(state, run)
    word = "would start with" if run.state == "pending" else "would have started with"
    if facts is None:
        return ["nothing could start it"]
    more = f", and {len(facts) - _MOST_FACTS} more" if len(facts) > _MOST_FACTS else ""
    return [f"{word}: {', '.join(facts[:_MOST_FACTS])}{more}"] if facts else []


def _lacking(state: ExecutionState, run: NodeRun) -> list[str] | None:
    """What is lacking for a start: of ``startWhen``, for ``skipWhen`` and ``stopWhen`` not to come first, of what holds."""
    planned = run.planned
    parts = [smallest_facts(weigher(state, run.index), planned.start.root)]
    if planned.skip is not None:
        parts.append(smallest_facts(weigher(state, run.index, now=True), planned.skip.root, FALSE))
    if planned.stop is not None and run.reason == "stopWhen":
        parts.append(smallest_facts(weigher(state, run.index, latest=True), planned.stop.root, FALSE))
    held_by = [fact for fact in planned.holds if event_verdict(state, *fact) == UNKNOWN]
    parts.append([f"event:{source}.{event}" for source, event in held_by])
    if any(part is None for part in parts):
        return None
    return list(dict.fromkeys(fact for part in parts for fact in part or ()))


def _tree(scale: Weigher, node: TriggerNode, indent: str) -> list[str]:
    verdict = VERDICT_NAMES[scale.weigh(node)]
    if isinstance(node, (And, Or)):
        word = "all of" if isinstance(node, And) else "any of"
        return [f"{indent}{word}: {verdict}"] + [line for part in node.operands for line in _tree(scale, part, indent + "  ")]
    if isinstance(node, Not):
        return [f"{indent}not: {verdict}", *_tree(scale, node.operand, indent + "  ")]
    if isinstance(node, (PatternAtom, Quantified)):
        atoms = scale.listed(node)
        counts = [scale.event(source, event) for source, event in atoms]
        summary = ", ".join(f"{counts.count(value)} {name}" for value, name in enumerate(VERDICT_NAMES) if value in counts)
        return [f"{indent}{Cause(node, scale.weigh(node), True, '', '').text()} ({summary or 'nothing listed'})"]
    source, event = getattr(node, "source", ""), getattr(node, "event", "")
    return [indent + Cause(node, scale.weigh(node), True, source, event).text()]
