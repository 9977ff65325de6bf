"""What an approval asks, which decisions count, and what they lead to: without a loop, a store or a clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from yamlflow_nb.domain.decision import Remind, SetTimer
from yamlflow_nb.domain.event import ApprovalDecided, CancelRequested, Started, TimerFired, VariableSet
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.orchestration.approval import asked_of, form_values, open_slots, refusal
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.planning import plan

START = 1_700_000_000.0


def begun(fields: str = "", more: str = "", inputs: dict[str, Any] | None = None, by: str = "ann") -> ExecutionState:
    """An execution whose approval ``review`` waits."""
    text = f"name: p\ninputVariables: {{n: {{type: integer, default: 1}}}}\nnodes: [{{id: review, type: approval{fields}}}]\n{more}"
    definition, found = validate_text(text, task_types())
    assert definition is not None, [one.render() for one in found]
    state = new_execution(plan(definition, task_types()), "e1")
    decide(state, Started(START, inputs or {"n": 1}, {"initiator": by}))
    return state


def asked(state: ExecutionState, item: int | None = None) -> Any:
    run = state.nodes["review"]
    slots = dict(open_slots(run))
    return asked_of(state, run, item, slots[item])


def vote(
    state: ExecutionState, by: str = "bob", action: str = "approve", item: int | None = None, **values: Any
) -> ApprovalDecided:
    """A decision as a face would make it."""
    now = asked(state, item)
    rejects = values.pop("rejects", action == "reject")
    form = values.pop("form", None)
    filled = form_values(now, form or {}, rejects)[0] if values.pop("fill", True) else form or {}
    at = values.pop("at", START + 60)
    return ApprovalDecided(
        at=at, attempt=now.attempt, id=values.pop("id", f"{by}-{at}"), action=action, by=by, decided_at=at, shown=now.shown,
        rejects=rejects, form=filled, **values,
    )  # fmt: skip


def give(state: ExecutionState, fact: ApprovalDecided) -> str | None:
    """As the owner does: judged, then taken in. The code of the refusal."""
    found = refusal(state, fact)
    if found is None:
        decide(state, fact)
    return None if found is None else found.code


def test_an_approval_completes_with_who_when_why_and_the_form() -> None:
    state = begun(", form: {amount: {type: integer, default: 2}, day: {type: date, required: false}}")
    assert give(state, vote(state, form={"amount": 7}, comment="fine")) is None
    node = state.nodes["review"]
    moment = dt.datetime.fromtimestamp(START + 60, dt.timezone.utc)
    assert (node.state, state.ended) == ("completed", "completed")
    assert node.outputs == {"decision": "approve", "by": "bob", "at": moment, "comment": "fine", "amount": 7}
    assert [row.type for row in state.log.rows if row.source == "review"][-4:] == [
        "review.approved", "review.completed", "review.passed", "review.finished",
    ]  # fmt: skip


def test_a_rejection_says_who_and_why() -> None:
    state = begun()
    assert give(state, vote(state, action="reject", comment="too many")) is None
    node = state.nodes["review"]
    assert (node.state, node.reason, node.error.message if node.error else None) == (
        "failed",
        "rejected",
        "rejected by bob: too many",
    )
    assert state.ended == "failed"
    assert not node.has("approved") and node.has("rejected")


@pytest.mark.parametrize(("action", "state_after"), [("ship", "completed"), ("hold", "failed"), ("reject", "failed")])
def test_each_further_action_approves_unless_it_rejects(action: str, state_after: str) -> None:
    state = begun(", actions: [{id: ship, title: Ship it}, {id: hold, rejects: true}]")
    rejects = action != "ship"
    if action == "reject":
        found = refusal(state, vote(state, action="reject"))
        assert found is not None and found.code == "YF745", "the approval has a rejecting action of its own"
        return
    assert give(state, vote(state, action=action, rejects=rejects)) is None
    assert state.nodes["review"].state == state_after


def test_whoever_is_asked_may_always_reject() -> None:
    state = begun(", actions: [{id: ship}]")
    assert [one.id for one in asked(state).actions] == ["ship", "reject"]


@pytest.mark.trust("B26")
@pytest.mark.parametrize(
    ("fields", "by", "code"),
    [
        ("", "ann", None),
        (", approvers: [bob, ann]", "ann", "YF742"),
        (", approvers: [bob, ann], allowSelf: true", "ann", None),
        (", approvers: [bob]", "bob", None),
        (", approvers: bob", "bob", None),
        (", approvers: [bob]", "eve", "YF742"),
        (", approvers: [bob]", "Bob", "YF742"),
        (", approvers: [bob]", "b\u043eb", "YF742"),
        (", approvers: [bob]", "bob ", "YF742"),
        (", approvers: [bob]", "", "YF742"),
    ],
)
def test_only_those_who_are_named_decide_and_the_starter_only_where_it_says_so(fields: str, by: str, code: str | None) -> None:
    state = begun(fields)
    assert give(state, vote(state, by=by)) == code
    assert state.nodes["review"].state == ("completed" if code is None else "waiting")


@pytest.mark.trust("B26")
def test_who_may_decide_is_asked_when_the_decision_comes_not_when_it_was_asked() -> None:
    state = begun(", approvers: \"{{ pipeline.input.n == 1 and ['bob'] or ['eve'] }}\"")
    fact = vote(state)
    decide(state, VariableSet(START + 1, "pipeline.input.n", 2))
    assert give(state, fact) == "YF742"


@pytest.mark.trust("B27")
def test_a_decision_is_bound_to_what_was_shown() -> None:
    state = begun(', message: "n is {{ pipeline.input.n }}", evidence: {n: "{{ pipeline.input.n }}"}')
    fact = vote(state)
    decide(state, VariableSet(START + 1, "pipeline.input.n", 2))
    assert give(state, fact) == "YF743"
    assert give(state, vote(state)) is None


@pytest.mark.trust("B27")
def test_what_is_shown_is_another_for_other_inputs_and_another_definition() -> None:
    hashes = [asked(begun(inputs={"n": 1})).shown, asked(begun(inputs={"n": 2})).shown, asked(begun(more="description: x\n")).shown]
    assert len(set(hashes)) == 3
    assert asked(begun()).shown == asked(begun()).shown


@pytest.mark.trust("B27", "F33")
def test_of_two_decisions_the_first_counts_and_the_second_is_shown_it() -> None:
    state = begun()
    first, second = vote(state), vote(state, by="eve", action="reject")
    assert give(state, first) is None
    found = refusal(state, second)
    assert found is not None and found.code == "YF741" and "approve by bob at 2023-11-14 22:14:20 UTC" in found.message
    assert give(state, replace(first, id="again")) == "YF741"
    assert state.nodes["review"].outputs["by"] == "bob"


@pytest.mark.trust("B27", "F34")
def test_a_decision_for_an_attempt_before_does_not_count_for_the_next() -> None:
    state = begun(", waitTimeout: 10s, retry: {maxAttempts: 2}")
    early = vote(state, at=START + 5)
    decide(state, TimerFired(START + 10, "wait:review"))
    decide(state, TimerFired(START + 10, "retry:review"))
    assert state.nodes["review"].state == "waiting" and state.nodes["review"].attempts == 2
    assert give(state, early) == "YF743"


@pytest.mark.trust("F34")
def test_a_decision_after_its_time_does_not_count_also_where_nobody_has_looked_at_the_clock() -> None:
    state = begun(", waitTimeout: 10s")
    assert give(state, vote(state, at=START + 10.1)) == "YF740"
    assert give(state, vote(state, at=START + 9.9)) is None


@pytest.mark.trust("F34")
def test_a_decision_before_it_waits_or_after_a_cancel_is_told_the_state() -> None:
    state = begun()
    fact = vote(state)
    found = refusal(state, replace(fact, attempt=fact.attempt._replace(node="other")))
    assert found is not None and found.code == "YF704"
    decide(state, CancelRequested(START + 5))
    found = refusal(state, fact)
    assert found is not None and found.code == "YF740" and "it is cancelled" in found.message


def test_a_quorum_is_reached_by_so_many_different_people() -> None:
    state = begun(", quorum: 2, approvers: [bob, cid, dan]")
    assert give(state, vote(state, by="bob")) is None
    assert state.nodes["review"].state == "waiting"
    assert give(state, vote(state, by="bob", id="again")) == "YF741"
    assert give(state, vote(state, by="cid")) is None
    assert (state.nodes["review"].state, state.nodes["review"].outputs["by"]) == ("completed", "bob, cid")


def test_one_rejection_beats_a_quorum_that_is_not_reached() -> None:
    state = begun(", quorum: 2")
    assert give(state, vote(state, by="bob")) is None
    assert give(state, vote(state, by="cid", action="reject")) is None
    assert state.nodes["review"].state == "failed"


def test_those_who_follow_agree_to_the_values_of_the_first() -> None:
    state = begun(", quorum: 2, form: {amount: {type: integer}}")
    assert give(state, vote(state, by="bob", form={"amount": 5})) is None
    _, problem = form_values(asked(state), {"amount": 500}, False)
    assert problem is not None and problem.code == "YF744" and "filled in as 5 by bob" in problem.message
    assert give(state, vote(state, by="cid")) is None
    assert state.nodes["review"].outputs["amount"] == 5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "the field `amount` (integer) of `review` is missing"),
        ({"amount": "much"}, "the field `amount` of `review` should be integer, but it is string: 'much'"),
        ({"amount": True}, "the field `amount` of `review` should be integer, but it is boolean: True"),
        ({"amount": 1, "kind": "x"}, "the field `kind` of `review` should be one of 'a', 'b', but it is 'x'"),
        ({"amount": 1, "day": "soon"}, "the field `day` of `review` should be a date such as 2025-01-31, but it is 'soon'"),
        ({"amonut": 1}, "the form of `review` has no field `amonut`"),
    ],
)
def test_a_value_that_does_not_fit_the_form_is_named(given: dict[str, Any], told: str) -> None:
    state = begun(", form: {amount: {type: integer}, kind: {enum: [a, b], default: a}, day: {type: date, required: false}}")
    _, problem = form_values(asked(state), given, False)
    assert problem is not None and (problem.code, problem.message) == ("YF744", told)
    assert give(state, vote(state, form=given, fill=False)) == "YF744", "the owner looks, too: a face may be anybody's"


@pytest.mark.trust("B28")
def test_a_comment_is_no_longer_than_four_kibibytes() -> None:
    state = begun()
    assert give(state, vote(state, comment="ä" * 2049)) == "YF744"
    assert give(state, vote(state, comment="ä" * 2048)) is None


def test_an_escalation_asks_others_as_well_and_tells_them() -> None:
    state = begun(", approvers: [bob], waitTimeout: 10s, onTimeout: {escalate: [boss], within: 20s}")
    assert give(state, vote(state, by="boss", at=START + 5)) == "YF742"
    turn = decide(state, TimerFired(START + 10, "wait:review"))[1]
    assert [(one.kind, one.who) for one in turn.decisions if isinstance(one, Remind)] == [("escalated", ("boss",))]
    assert asked(state).ends_at == START + 30
    assert give(state, vote(state, by="boss", at=START + 25)) is None


def test_reminders_come_again_and_again_where_somebody_is_to_be_told() -> None:
    quiet = begun(", remind: 1h")
    assert "remind:review" not in quiet.timers, "nobody is told: no notifications"
    state = begun(", remind: 1h", "notifications: [{on: [waiting], to: team}]\n")
    for hour in (1, 2, 3):
        turn = decide(state, TimerFired(START + hour * 3600, "remind:review"))[1]
        assert [one.kind for one in turn.decisions if isinstance(one, Remind)] == ["reminder"]
        assert [one.at for one in turn.decisions if isinstance(one, SetTimer)] == [START + (hour + 1) * 3600]
    assert give(state, vote(state)) is None
    assert state.timers == {}


def test_each_item_of_a_for_each_is_asked_for_itself() -> None:
    state = begun(', forEach: [a, b], title: "{{ item }}?"')
    assert [asked(state, item).title for item in (0, 1)] == ["a?", "b?"]
    assert give(state, vote(state, item=1, by="cid")) is None
    assert give(state, vote(state, item=0)) is None
    assert state.nodes["review"].outputs["by"] == ["bob", "cid"]


def test_a_text_with_statements_waits_for_what_it_reads_and_is_kept_as_it_is_written() -> None:
    text = "{% for name in pipeline.input.names %}{{ name }} {% endfor %}{{ a.n | default(0) }}"
    nodes = f"nodes:\n- {{id: a, type: python, code: pass}}\n- {{id: review, type: approval, message: '{text}'}}"
    document = f"name: p\ninputVariables: {{names: array}}\n{nodes}"
    definition, found = validate_text(document, task_types())
    assert definition is not None, [one.render() for one in found]
    made = plan(definition, task_types())
    assert made.nodes[1].start.text == "event:a.passed"
