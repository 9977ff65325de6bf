"""A node's failure: what ``failWhen`` says of its outputs, and what a failure means for node and execution."""

from __future__ import annotations

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.pipeline_definition import Recovery
from yamlflow_nb.language.evaluation import render_display
from yamlflow_nb.language.problem import Problem
from yamlflow_nb.orchestration.ending import halt
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun
from yamlflow_nb.orchestration.judgement import Unjudgeable, condition_text, judge_now, locate, resolve
from yamlflow_nb.orchestration.lifecycle import COMPLETED_EVENTS
from yamlflow_nb.orchestration.visible_names import StateNames

CODES = {
    "error": "YF410", "timeout": "YF411", "failWhen": "YF412", "rejected": "YF413", "outputs": "YF414", "repeat": "YF415",
    "interrupted": "YF416", "expression": "YF401",
}  # fmt: skip


def fails(state: ExecutionState, run: NodeRun) -> str | Diagnostic | None:
    """``failWhen`` over a node's fresh outputs: its message when true, the diagnostic of an error in it, else None."""
    planned = run.planned
    assert planned.fail is not None
    try:
        if not judge_now(state, run, planned.fail):
            return None
    except Unjudgeable as error:
        return error.diagnostic
    if planned.fail_message is not None:
        return render_display(planned.fail_message.template, StateNames(state, own=run))
    message = state.plan.definition.nodes[run.index].failMessage
    return message or condition_text(state, planned.fail, run)


def as_diagnostic(state: ExecutionState, run: NodeRun, reason: str, message: str) -> Diagnostic:
    """A failure as a diagnostic; one that the document's own condition called for has the condition's place."""
    condition = {"failWhen": run.planned.fail, "repeat": run.planned.until}.get(reason)
    if condition is None:
        return Diagnostic(CODES[reason], "error", message)
    return locate(state, condition.path, Problem(CODES[reason], message, condition.root.start, condition.root.end))


def fail_node(state: ExecutionState, run: NodeRun, reason: str, diagnostic: Diagnostic) -> None:
    """A node failed for good; ``onFailure`` says what that means."""
    planned = run.planned
    run.error = diagnostic
    if reason in ("expression", "repeat"):
        # No attempt failed here: what the last one output is what was lost, and its error is of no type.
        run.error_type, run.failed_outputs = "", run.outputs or run.failed_outputs
    handled = planned.on_failure
    ignored = handled == "ignore" or (reason == "rejected" and planned.on_reject == "ignore")
    if isinstance(handled, Recovery) and not (reason == "rejected" and planned.on_reject == "ignore"):
        try:
            values = resolve(state, handled.outputs, planned.recovery)
        except Unjudgeable as error:
            run.error = error.diagnostic
            reason = "expression"
        else:
            run.outputs = values
            events = ("rejected", *COMPLETED_EVENTS) if reason == "rejected" else COMPLETED_EVENTS
            state.end_node(run, "completed", None, {**values, "recovered": True}, events)
            return
    run.ignored = ignored
    run.outputs = {}
    error_text = {"type": run.error_type, "message": run.error.message}
    state.end_node(run, "failed", reason, {"reason": reason, "error": error_text, "code": run.error.code})
    if handled == "stop" and not ignored:
        if state.committing:
            # What the others of this pass decided was decided by the same facts: they come first.
            state.halt_next = "onFailure"
        else:
            halt(state, "onFailure")
