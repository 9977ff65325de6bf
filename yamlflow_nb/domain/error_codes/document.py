"""YF1xx: the text, and the shape of the document."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {
    "YF101": ErrorCode(
        "a text that is not UTF-8, or a character that no document may hold",
        "A pipeline is UTF-8 text; control characters and lone surrogates would not survive a copy.",
        "",
        "Save the file as UTF-8 and remove the character at the place.",
    ),
    "YF102": ErrorCode(
        "a document that is too large",
        "A document may have 1 MB, or 512 bytes a node.",
        "",
        "Split the pipeline (type: subpipeline), or keep data in files that nodes read.",
    ),
    "YF103": ErrorCode(
        "a document with too many values",
        "A document may have 20,000 values, or 40 a node from 1,000 nodes on.",
        "",
        "Split the pipeline, or keep data in files.",
    ),
    "YF104": ErrorCode(
        "a document that is nested too deeply", "At most 32 levels are read.", "", "Keep deep data in a file that a node reads."
    ),
    "YF105": ErrorCode("an empty document", "There is nothing to run.", "", "Begin with name: and nodes:."),
    "YF106": ErrorCode("a second document in the file", "A file holds one pipeline.", "---", "Put it into a file of its own."),
    "YF107": ErrorCode(
        "an anchor or an alias",
        "Aliases let a small text grow without bound and hide what a node says.",
        "tags: &a [x]",
        "Write the values out; what nodes share goes into defaults or taskDefinitions.",
    ),
    "YF108": ErrorCode(
        "a merge key", "<< hides what a mapping holds.", "<<: *a", "Write the values out; what nodes share goes into defaults."
    ),
    "YF109": ErrorCode(
        "an explicit tag",
        "Values are read by the YAML 1.2 core schema and nothing else.",
        "x: !!python/object:os.system",
        "Remove the tag; quote a text that looks like a number.",
    ),
    "YF110": ErrorCode(
        "a key that is given twice", "Most readers silently keep the last one.", "name: a\nname: b", "Remove one of the two."
    ),
    "YF111": ErrorCode("a key that is no text", "Keys are names.", "1: a", "Quote the key."),
    "YF112": ErrorCode("a tab in the indentation", "YAML indents with spaces.", "", "Use two spaces a level."),
    "YF113": ErrorCode(
        "an unquoted {{ }}", "For YAML a { begins a mapping.", "startWhen: {{ a.n > 0 }}", 'startWhen: "{{ a.n > 0 }}"'
    ),
    "YF114": ErrorCode(
        "an unquoted expression that begins with !",
        "For YAML a ! begins a tag.",
        "startWhen: !event:a.failed",
        'startWhen: "!event:a.failed"',
    ),
    "YF115": ErrorCode(
        "a comment that cuts an expression short",
        "Space and # begin a comment in an unquoted text.",
        "startWhen: event:a.completed #1 && event:b.completed",
        "Quote the expression.",
    ),
    "YF116": ErrorCode(
        "a number that cannot be kept",
        "It is not finite, or has more than 256 bits.",
        "timeout: .inf",
        "Quote it if it is meant as a text.",
    ),
    "YF117": ErrorCode(
        "a text that is no YAML",
        "The parser does not understand the document at this place.",
        "",
        "Follow the hint; quoting the value is often enough.",
    ),
    "YF118": ErrorCode(
        "quotes or brackets that are never closed",
        "The rest of the document belongs to them.",
        "",
        "Close them where the text ends.",
    ),
    "YF119": ErrorCode("a text that needs quotes", "YAML gives a meaning to a character in it.", "title: a: b", "Quote the text."),
    "YF120": ErrorCode(
        "a document that is no pipeline",
        "A pipeline is a mapping with name and nodes.",
        "- a\n- b",
        "Begin with name: my_pipeline.",
    ),
    "YF121": ErrorCode(
        "a field that does not exist here",
        "A mistyped field would silently do nothing.",
        "startwhen: true",
        "Take the name that the message offers.",
    ),
    "YF122": ErrorCode(
        "something that is missing",
        "Without it there is nothing to do.",
        "nodes:\n  - type: python",
        "Add the field that the message names.",
    ),
    "YF123": ErrorCode(
        "a value of the wrong kind",
        "Nothing is guessed from texts.",
        "always: yes",
        "Write a value of the kind that the message names.",
    ),
    "YF124": ErrorCode(
        "a number that is too small", "The setting would mean nothing.", "retry: {maxAttempts: 0}", "Take a larger number."
    ),
    "YF125": ErrorCode(
        "a duration that is none",
        "Durations are 500ms, 10s, 5m, 2h, 1d, or a number of seconds.",
        "timeout: 5 minutes",
        "timeout: 5m",
    ),
    "YF126": ErrorCode(
        "a word that is none of the choices",
        "The setting knows certain words only.",
        "onFailure: abort",
        "Take one of the words of the message.",
    ),
    "YF127": ErrorCode(
        "a type that does not exist",
        "Values have the types string number integer boolean date datetime object array file dataframe any.",
        "outputs: {n: int}",
        "outputs: {n: integer}",
    ),
    "YF128": ErrorCode(
        "a name that is none",
        "Names are letters, digits and _, a letter first.",
        "outputs: {row-count: integer}",
        "outputs: {row_count: integer}",
    ),
    "YF129": ErrorCode(
        "a name that is taken",
        "run and events belong to every node, and built-in events to the engine.",
        "emits: [completed]",
        "Choose another name.",
    ),
    "YF130": ErrorCode(
        "a default that does not fit",
        "The default must be of the declared type and within its bounds.",
        "month: {type: integer, default: x}",
        "Write a default of that type.",
    ),
    "YF131": ErrorCode(
        "a task type that is not installed",
        "Nobody knows how to run it.",
        "type: pythn",
        "Take the nearest one, or install the plugin.",
    ),
    "YF132": ErrorCode(
        "a field in the wrong place",
        "Control fields belong to nodes, a task's own fields to the task; some fields are for some types alone.",
        "waitTimeout: 1h",
        "Write it where the message says.",
    ),
    "YF133": ErrorCode(
        "a task field of the wrong form",
        "The task type's own model refuses it.",
        "type: approval\napprovers: []",
        "Follow the message.",
    ),
    "YF134": ErrorCode(
        "{{ }} where values are bound",
        "A value pasted into SQL text could become SQL.",
        "query: SELECT {{ a.n }}",
        "Write :name in the query and bind it in inputBindings.",
    ),
    "YF135": ErrorCode(
        "a name or id of the wrong form",
        "Ids are [a-z][a-z0-9_]*, at most 50 characters; names of pipelines at most 64.",
        "id: My-Node",
        "id: my_node",
    ),
    "YF136": ErrorCode(
        "an id that is given twice",
        "Events and values are named by the node's id.",
        "nodes:\n  - id: a\n  - id: a",
        "Give the second node another id.",
    ),
    "YF137": ErrorCode(
        "a reserved id",
        "pipeline system custom secrets item index attempt have a meaning in expressions.",
        "id: system",
        "Choose another id.",
    ),
    "YF138": ErrorCode("a version that is no text", "1.10 and 1.1 are one number.", "version: 1.10", 'version: "1.10"'),
    "YF139": ErrorCode(
        "an apiVersion that is not read",
        "The document was written for another version of the language.",
        "apiVersion: yamlflow/v2",
        "Install a newer yamlflow_nb, or write yamlflow/v1.",
    ),
    "YF140": ErrorCode("a pipeline without nodes", "There is nothing to run.", "nodes: []", "Write at least one node."),
    "YF141": ErrorCode(
        "a task definition that does not exist",
        "The node would do nothing.",
        "taskDefinition: quer",
        "Take the nearest name, or define it in taskDefinitions.",
    ),
    "YF142": ErrorCode(
        "a schedule that cannot be read",
        "``cron`` has five parts, ``timezone`` is a name of the IANA database, ``at`` is a time of ISO 8601.",
        'schedule: {cron: "61 * * * *"}',
        'For example schedule: {cron: "0 6 * * 1", timezone: Europe/Berlin}.',
    ),
}
