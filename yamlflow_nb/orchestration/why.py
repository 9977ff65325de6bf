"""``why``: a node's expression with the truth of each part, its place, what holds it, and what would start it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from yamlflow_nb.domain.execution_plan import FALSE, TRUE, UNKNOWN, VERDICT_NAMES
from yamlflow_nb.domain.expression import And, NameRead, Not, Or, PatternAtom, Quantified, TriggerExpression, TriggerNode
from yamlflow_nb.language.problem import Problem
from yamlflow_nb.orchestration import room
from yamlflow_nb.orchestration.ending import waits_for
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun, event_verdict
from yamlflow_nb.orchestration.explanation import Cause, Weigher
from yamlflow_nb.orchestration.judgement import cause_text, locate, weigher
from yamlflow_nb.orchestration.smallest_facts import Advice, Fact, never_for_a_skip, never_for_a_start
from yamlflow_nb.planning.network import settling_fact

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
    lines += [line for line in (told_by_cache(run), room.told(state, run)) if line]
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
    """What is lacking for a start: of ``startWhen``, for ``skipWhen`` and ``stopWhen`` not to come first, of what holds, and of
    what the task is given. None where nothing could bring it about."""
    planned = run.planned
    advice = Advice(partial(_needs, state), lambda source, event: event_verdict(state, source, event) == TRUE)
    parts = [
        advice.ways(
            weigher(state, run.index), planned.start.root, never=never_for_a_skip if planned.is_finally else never_for_a_start
        )
    ]
    if planned.skip is not None:
        parts.append(advice.ways(weigher(state, run.index, now=True), planned.skip.root, FALSE, never_for_a_skip))
    if planned.stop is not None and run.reason == "stopWhen":
        parts.append(advice.ways(weigher(state, run.index, latest=True), planned.stop.root, FALSE))
    held_by = [Fact(*fact) for fact in planned.holds if event_verdict(state, *fact) == UNKNOWN]
    given = [*planned.bound, *planned.bound_fields, *((planned.for_each,) if planned.for_each is not None else ())]
    reads = [read for bound in given for expression in bound.template.expressions for read in expression.reads]
    parts.append([frozenset((*held_by, *(fact for read in reads for fact in _needs(state, read))))])
    found = advice.smallest(parts)
    if found is not None:
        found += [f"{{{{ defined({name}) }}}}" for name in _absent(state, reads) if not any(f"{name} " in text for text in found)]
    return found


def _absent(state: ExecutionState, reads: list[NameRead]) -> list[str]:
    """Outputs that a node is to be given, and that the end of their node alone does not bring."""
    found: dict[str, None] = {}
    for read in reads:
        node = state.nodes.get(str(read.path[0]))
        if node is None or read.guard != "plain" or len(read.path) < 2 or read.path[1] in ("run", "events"):
            continue
        name = str(read.path[1])
        declared = node.planned.outputs.get(name)
        promised = name in node.planned.built_in_outputs or (declared is not None and not declared.optional)
        if name not in node.outputs and not promised:
            found[f"{node.planned.id}.{name}"] = None
    return list(found)


def _needs(state: ExecutionState, read: NameRead) -> Iterator[Fact]:
    """The facts without which a name has no value; under ``default`` and the like it needs none but to be settled."""
    fact = None if read.guard == "peek" else settling_fact(read, state.plan.index)
    if fact is None:
        return
    source, event = fact
    if read.guard == "plain" and source in state.nodes and event == "finished" and (len(read.path) < 2 or read.path[1] != "run"):
        yield Fact(source, "completed")
    elif read.guard == "plain" or event_verdict(state, source, event) == UNKNOWN:
        yield Fact(source, event)


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
