"""YF2xx: expressions that cannot be read."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {
    "YF201": ErrorCode(
        "something stands where a condition, && or || is expected",
        "A trigger is made of event atoms, {{ values }}, true, false, lists, && || ! and parentheses.",
        "startWhen: extract.completed",
        "Write event:extract.completed.",
    ),
    "YF202": ErrorCode(
        "a bracket or text is not closed", "The place is where it was opened.", 'startWhen: "(event:a.completed"', "Close it."
    ),
    "YF203": ErrorCode(
        "the expression is empty",
        "Nothing is neither true nor false.",
        'startWhen: ""',
        "Leave the field out, or write a condition.",
    ),
    "YF204": ErrorCode(
        "this is no event atom",
        "An event atom is event:SOURCE.EVENT.",
        'startWhen: "event:extract"',
        "Name the event: event:extract.completed.",
    ),
    "YF205": ErrorCode(
        "all, any, none or count is not used as they are",
        "They list events; count is compared with an integer, the others are not.",
        'startWhen: "count(event:a_*.completed)"',
        "count(event:a_*.completed) >= 2",
    ),
    "YF206": ErrorCode(
        "unknown function",
        "Functions come from one fixed table.",
        'x: "{{ length(a.items) }}"',
        "Use a function of the table: len(a.items).",
    ),
    "YF207": ErrorCode(
        "an operator of triggers inside {{ }}",
        "Inside {{ }} stands a value expression in Python's syntax: and, or, not, no event atoms.",
        'startWhen: "{{ a.n > 0 && a.ok }}"',
        "{{ a.n > 0 and a.ok }}",
    ),
    "YF208": ErrorCode(
        "not in the language of value expressions",
        "It is a small, pure language: no assignment, lambda, comprehension, power, method or import.",
        'x: "{{ [i for i in a.items] }}"',
        "Prepare the value in a task.",
    ),
    "YF209": ErrorCode(
        "beyond the limits of expressions",
        "Limits keep a definition from hanging anything.",
        "",
        "Make it smaller, or compute it in a task.",
    ),
    "YF210": ErrorCode("this is no value expression", "It cannot be read as Python's syntax.", 'x: "{{ a.n > }}"', "Complete it."),
    "YF211": ErrorCode(
        "| beside arithmetic",
        "x | f(y) binds like Python's |; template languages read it otherwise, so it must be said with parentheses.",
        'x: "{{ 1 + a.n | default(0) }}"',
        "{{ 1 + (a.n | default(0)) }}",
    ),
    "YF212": ErrorCode(
        "an assignment", "`=` assigns; an expression compares with `==`.", 'startWhen: "{{ a.n = 1 }}"', "{{ a.n == 1 }}"
    ),
    "YF213": ErrorCode(
        "{{ is never closed", "A value expression ends at }}.", 'x: "{{ a.n"', "Close it; a literal {{ is written {{ '{{' }}."
    ),
    "YF214": ErrorCode(
        "a method call",
        "Values have no methods; functions of the table do the work.",
        'x: "{{ a.name.upper() }}"',
        "{{ upper(a.name) }}",
    ),
    "YF215": ErrorCode(
        "a function's arguments do not fit",
        "Arguments go by position or by the names of the table.",
        'x: "{{ round() }}"',
        "{{ round(a.n, 2) }}",
    ),
}
