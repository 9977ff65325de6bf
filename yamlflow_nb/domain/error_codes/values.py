"""YF4xx: values at run time — expressions that have none, inputs that do not fit, and why attempts fail."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {
    "YF401": ErrorCode(
        "an expression has no value",
        "A value expression met a missing name, a type that does not fit or a limit. A node is never started on a guess.",
        "startWhen: \"event:a.completed && {{ a.n > 'x' }}\"",
        "Compare values of one type; use default(), defined() or coalesce() for names that may be absent.",
    ),
    "YF402": ErrorCode(
        "a name is read before it is settled",
        "failWhen, retryWhen and until are judged at once: they may read the node's own names and settled ones.",
        'failWhen: "{{ other.n > 1 }}"',
        "Let startWhen wait for the other node, or hand its value in by inputBindings.",
    ),
    "YF403": ErrorCode(
        "forEach is not given an array",
        "forEach runs the task once for each item of an array.",
        'forEach: "{{ extract.row_count }}"',
        "Give an array; range(0, n) makes one from a number.",
    ),
    "YF410": ErrorCode(
        "a task failed", "The last attempt of the node ended with an error.", "", "Read its message and log, mend, and retry."
    ),
    "YF411": ErrorCode(
        "an attempt timed out",
        "It ran longer than `timeout`, or nobody answered within `waitTimeout`.",
        "",
        "Raise the limit or reduce the work.",
    ),
    "YF412": ErrorCode(
        "failWhen is true",
        "The task succeeded, but its outputs are refused by the node's own rule.",
        "",
        "Mend the data, or the rule.",
    ),
    "YF413": ErrorCode("rejected", "A person rejected it.", "", "Read the comment; retry opens the next round."),
    "YF414": ErrorCode(
        "an output does not fit its declaration",
        "A declared output has another type, or is not set.",
        "",
        "Set it, change its type, or mark it optional: true.",
    ),
    "YF415": ErrorCode(
        "repeat ran out",
        "`until` was still false after the last iteration.",
        "",
        "Raise maxIterations, or look why it never becomes true.",
    ),
    "YF416": ErrorCode(
        "an attempt was interrupted", "The process that ran it is gone.", "", "Retry; onInterrupt says what happens by itself."
    ),
    "YF417": ErrorCode(
        "as many executions run as may",
        "``concurrency.limit`` is reached, and the policy is ``skip`` or ``fail``: the execution ends before it began.",
        "concurrency: {limit: 1, policy: fail}",
        "Wait for the others, cancel them, or let them queue: policy: queue.",
    ),
    "YF430": ErrorCode("an input is missing", "The pipeline declares it without a default.", "", "Give it, or declare a default."),
    "YF431": ErrorCode(
        "an input is unknown", "The pipeline does not declare it; a typo would pass silently.", "", "Use a declared name."
    ),
    "YF432": ErrorCode(
        "an input does not fit", "Its type or bounds are not those declared.", "", "Give a value of the declared type."
    ),
}
