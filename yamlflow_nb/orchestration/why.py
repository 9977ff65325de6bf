"""``why``: a node's expression with the truth of each part, and what it still waits for."""

from __future__ import annotations

from yamlflow_nb.domain.execution_plan import UNKNOWN, VERDICT_NAMES
from yamlflow_nb.domain.expression import And, Not, Or, PatternAtom, Quantified, TriggerNode
from yamlflow_nb.orchestration.ending import waits_for
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.explanation import Cause, Weigher
from yamlflow_nb.orchestration.judgement import cause_text, weigher


def why(state: ExecutionState, node_id: str) -> str:
    """Text for people: the node's state, its ``startWhen`` as a tree of verdicts, what decided, what it waits for.
    Raises KeyError for an unknown node."""
    run = state.nodes[node_id]
    planned = run.planned
    lines = [f"{node_id} is {run.state}" + (f" ({run.reason})" if run.reason else "")]
    scale = weigher(state, run.index)
    derived = " (derived)" if planned.derived_start else ""
    lines.append(f"startWhen{derived}: {planned.start.text}")
    lines += _tree(scale, planned.start.root, "  ")
    verdict = scale.weigh(planned.start.root)
    if run.state == "pending":
        waiting = waits_for(state, run)
        if waiting:
            lines.append(f"waits for: {', '.join(waiting)}")
    elif verdict != UNKNOWN:
        decided = [cause_text(state, cause) for cause in scale.causes(planned.start.root)]
        lines.append(f"decided by: {', '.join(dict.fromkeys(decided))}")
    if run.why:
        lines.append(f"because: {run.why}")
    if planned.skip is not None:
        lines.append(f"skipWhen: {planned.skip.text}")
        lines += _tree(weigher(state, run.index, now=True), planned.skip.root, "  ")
    if run.error is not None:
        lines.append(f"error: {run.error.message}")
    return "\n".join(lines)


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
