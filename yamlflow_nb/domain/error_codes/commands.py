"""YF7xx: commands and cells — what was asked of an execution, a store or a running task, and could not be done."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {
    "YF701": ErrorCode(
        "there is no such execution",
        "The store holds none of this id, or several whose ids begin so.",
        "",
        "yamlflow list shows them; a beginning is enough where only one fits.",
    ),
    "YF702": ErrorCode("the execution has ended", "Nothing can be told to an execution in its final state.", "", "Start it anew."),
    "YF703": ErrorCode(
        "this process does not run the execution",
        "Only the process that runs an execution may change it.",
        "",
        "Say it where it runs: in the kernel or terminal that started it.",
    ),
    "YF704": ErrorCode("the execution has no such node", "Nodes are named by their ids.", "", "Use an id of the pipeline."),
    "YF705": ErrorCode(
        "there is no such file",
        "A pipeline is given as YAML text, or as the path of a file.",
        "",
        "Check the path and the folder that it counts from.",
    ),
    "YF706": ErrorCode(
        "the execution was given up",
        "What it decided could not be written, or its process stopped. What the store holds is what happened.",
        "",
        "Look at the cause named, mend it, start anew.",
    ),
    "YF707": ErrorCode(
        "called outside of a task",
        "emit, output, progress and log speak for the task that is running.",
        "yf.progress(3, 10)",
        "Call it in the code of a python or notebook task.",
    ),
    "YF708": ErrorCode(
        "there is no such secret",
        "Secrets come from the environment variable YAMLFLOW_SECRET_<NAME>.",
        "yf.secret('token')",
        "Set YAMLFLOW_SECRET_TOKEN for the process that runs the pipeline.",
    ),
    "YF709": ErrorCode(
        "this name cannot be an event",
        "Events from outside are named custom.<name>: small letters, digits and _.",
        "yamlflow event send Go!",
        "Use a name such as custom.go.",
    ),
    "YF721": ErrorCode(
        "the idempotency key was given with other inputs",
        "The same key brings the same execution; with another pipeline or other inputs that would be a lie.",
        "yf.start(source, {'month': 3}, idempotency_key='february')",
        "Give another key, or the same inputs.",
    ),
    "YF722": ErrorCode(
        "the execution is interrupted",
        "The process that drove it is gone, so there is nobody to tell.",
        "",
        "yamlflow resume goes on with it: what had completed stays.",
    ),
    "YF723": ErrorCode(
        "another process drives the execution",
        "One execution has one owner. Of several that resume it at once, one gets it.",
        "",
        "Commands are handed to the owner; follow it with yamlflow show.",
    ),
    "YF724": ErrorCode(
        "the owner has not answered yet",
        "What was asked is in the store; the process that drives the execution has not come to it (it is stopped, or its store is busy).",
        "",
        "It is carried out once, as soon as the owner, or the next one, looks.",
    ),
    "YF725": ErrorCode(
        "another machine drove the execution",
        "Whether its process is gone cannot be seen from here, and two machines must never run one execution.",
        "",
        "Look there. When it is surely gone, yamlflow resume --take-over goes on here.",
    ),
    "YF726": ErrorCode(
        "several executions could be meant",
        "Without an id a verb takes the one that fits; of several interrupted ones nobody can know which.",
        "yamlflow resume",
        "Give the id, or the beginning of it.",
    ),
    "YF727": ErrorCode(
        "the node cannot be run again or skipped",
        "retry takes up what failed or was cancelled, skip leaves out what has not started.",
        "yamlflow retry 20261124 extract",
        "yamlflow show says in which state each node is; retry --with NODE runs a completed one again.",
    ),
    "YF728": ErrorCode(
        "the variable cannot be set",
        "Inputs, and outputs of nodes that completed, are changed while an execution is paused, and keep their declared type.",
        "yamlflow set-variable month=2",
        "Pause it, then write yamlflow set-variable pipeline.input.month=2.",
    ),
    "YF729": ErrorCode(
        "a file is there already",
        "init and export never overwrite what they did not write in the same call.",
        "yamlflow init flights",
        "Give another name, or --force.",
    ),
    "YF730": ErrorCode(
        "the query cannot be answered",
        "store query reads the store with SQLite's SQL, one statement, and changes nothing.",
        "yamlflow store query 'DELETE FROM events'",
        "yamlflow store info lists the tables.",
    ),
    "YF731": ErrorCode(
        "this cannot be exported so",
        "The end of the file's name, or --format, says what is written: csv, json or parquet.",
        "yamlflow store export runs.xlsx",
        "Name a file that ends in .csv, .json or .parquet, or a folder for all tables.",
    ),
    "YF732": ErrorCode(
        "no execution is in a state that fits",
        "A verb has something to do in some states alone: resume where something is interrupted or paused, retry where it has ended.",
        "yamlflow retry",
        "yamlflow list shows the states; name the execution that you mean.",
    ),
    "YF760": ErrorCode(
        "no such task type",
        "A task type is one of ours, or comes with an installed package that names it in the entry-point group yamlflow_nb.executors.",
        "yamlflow tasks profil",
        "yamlflow tasks lists them, and tells of those that are installed and cannot be used why.",
    ),
    "YF710": ErrorCode(
        "the definition has no text",
        "An execution keeps the text of its definition; one made in Python has none.",
        "",
        "Give the YAML text, or the path of its file.",
    ),
    "YF711": ErrorCode(
        "the store cannot be opened",
        "A store is one SQLite file in a folder that you may write: --store PATH, YAMLFLOW_STORE, or your own state folder.",
        "yamlflow list --store notes.txt",
        "Name a file that is a store, or one that is not there yet in a folder that you may write.",
    ),
    "YF712": ErrorCode(
        "an option's value cannot be used",
        "An option has the form that --help shows; a file of outcomes is one JSON object: node → outcome.",
        "yamlflow simulate p.pipeline.yaml --outcomes notes.txt",
        "Write it as --help says.",
    ),
    "YF738": ErrorCode(
        "there is no room for the node in any pool",
        "A node's resources name a pool that is neither the pipeline's nor configured, or ask for more than it has.",
        "resources: {pool: gpu, slots: 2}",
        "Give the pool its size in [pools] of yamlflow.toml, or ask for less.",
    ),
    "YF739": ErrorCode(
        "the configuration cannot be read",
        "yamlflow.toml, or [tool.yamlflow] of pyproject.toml, is no TOML, or a table of it is not of its form.",
        "",
        "Correct the file; yamlflow doctor says which one counts.",
    ),
}
