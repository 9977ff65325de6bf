"""YF6xx: runs and store — what the store refused, and executions that were set aside."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {
    "YF600": ErrorCode(
        "the store refused",
        "SQLite said no for a reason of its own; its words are in the message.",
        "",
        "Look at the file and its disk.",
    ),
    "YF601": ErrorCode(
        "the store is busy",
        "Another process holds the one place from which a store is written, longer than is waited for. Nothing was written and nothing is lost.",
        "",
        "The message names the process: let it go on, or end it.",
    ),
    "YF602": ErrorCode(
        "no room for the store",
        "The disk is full. Executions are paused (storeFull): what runs may end, its result is kept in memory, nothing new starts.",
        "",
        "Make room: everything goes on by itself. A new execution must be started again.",
    ),
    "YF603": ErrorCode(
        "another process drives the execution",
        "Its lease ran out (a laptop that slept, a process that was stopped) and another took over. This one stopped before it could start anything twice.",
        "",
        "Follow it: yamlflow show.",
    ),
    "YF604": ErrorCode(
        "the store's file is gone, or another",
        "It was deleted, moved or replaced while it was open. A write into a file that has no name any more would be lost.",
        "",
        "Put the file back and resume; what it holds is what happened.",
    ),
    "YF605": ErrorCode(
        "the store is damaged",
        "Its pages do not hang together. Nothing is written to it, so that nothing gets worse.",
        "",
        "Put the backup that is named in its place, or salvage its rows with sqlite3 .recover.",
    ),
    "YF606": ErrorCode(
        "the store is of a later version",
        "Its schema is not known here. Older ones are lifted, with a backup beside them.",
        "",
        "Update yamlflow_nb.",
    ),
    "YF607": ErrorCode(
        "the store is not yours to write",
        "Its file or folder is read-only for you. Looking works.",
        "",
        "Name another store: --store PATH, or YAMLFLOW_STORE.",
    ),
    "YF608": ErrorCode(
        "an execution was set aside",
        "A stored row of it cannot be read, or its rows contradict its facts. It is paused (quarantined); all others go on.",
        "",
        "The message names the row. yamlflow resume --force trusts the facts and goes on.",
    ),
    "YF610": ErrorCode(
        "the chain of decisions is broken",
        "Each decision on an approval holds the hash of the one before it, and stands in the journal too. A row was edited, added or taken out past yamlflow.",
        "yamlflow store verify",
        "The message names the rows. A backup from before (yamlflow store backup) shows what they were.",
    ),
    "YF609": ErrorCode("the idempotency key is taken", "Another execution was started under it.", "", "Give another key."),
}
