"""YF3xx: what the checks of the whole find. The rules are in ``language.checks``, one file each."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {
    "YF301": ErrorCode(
        "a node that does not exist",
        "``event:extrct.completed`` or ``{{ extrct.row_count }}`` names something that is no node of this pipeline. The event can never be stored and the value never set: the condition would stay open until the end.",
        "startWhen: event:extrct.completed     # the node is called `extract`",
        "Write the id of a node. When one is close, `yamlflow validate --fix` writes it.",
    ),
    "YF302": ErrorCode(
        "an event that is never stored",
        "The event behind ``event:NODE.`` is no built-in event and not declared by the node, or it is one that only another type of task has (``approved`` and ``rejected`` are an approval's). The same for ``NODE.events.NAME`` in a value expression, and for the events of ``pipeline``. It would never come; a typo would look like a condition that is not met.",
        "startWhen: event:extract.complete     # it is `completed`",
        "Write a built-in event, or declare the node's own with ``emits: [name]``. When one is close, `--fix` writes it.",
    ),
    "YF303": ErrorCode(
        "waiting for the end of the pipeline",
        "``event:pipeline.completed``, ``.failed`` or ``.cancelled`` in an expression. They are stored when everything is over: what waits for them can no longer run.",
        "startWhen: event:pipeline.completed",
        "``event:pipeline.finishing`` comes when all other work is done; ``{{ system.outcome == 'completed' }}`` beside it asks how it went.",
    ),
    "YF304": ErrorCode(
        "a pattern that matches nothing",
        '``event:extract_*.completed`` where no node\'s id fits, beside the node that says so and finally nodes. "At least one of none" is never true, and "all of none" is true at once: neither is what was meant.',
        "startWhen: all(event:extrct_*.completed)",
        "Correct the pattern, or give the nodes ids that it matches. A pattern never matches the node in which it stands, nor nodes that run after ``pipeline.finishing``.",
    ),
    "YF305": ErrorCode(
        "an input that is not declared",
        "``{{ pipeline.input.mont }}`` where ``inputVariables`` has no ``mont``, or another name behind ``pipeline.``. The value can never be there.",
        'inputVariables: {month: {type: integer}}\nnodes:\n  - {id: extract, type: sql, query: SELECT :m, inputBindings: {m: "{{ pipeline.input.mont }}"}}',
        "Write a declared input's name, or declare it in ``inputVariables``.",
    ),
    "YF306": ErrorCode(
        "an output that the node does not have",
        "``{{ extract.row_cout }}`` where the outputs of ``extract`` are known: those that its type always has and those that are declared in ``outputs``. A Python task or notebook that declares none may set any name: then nothing is said. Also a node named where a value is meant (``{{ extract }}``). The value would be absent in every run.",
        '- {id: extract, type: sql, query: SELECT 1}\n- {id: check, type: python, code: "pass", inputBindings: {n: "{{ extract.row_cout }}"}}',
        "Write an output that the node has, or declare it in the node's ``outputs``.",
    ),
    "YF307": ErrorCode(
        "a built-in name that does not exist",
        "A name behind ``NODE.run.``, ``system.`` or ``attempt.`` that is not one of theirs. The sets are fixed; the value would be absent in every run.",
        "startWhen: \"event:a.finished && {{ a.run.status == 'failed' }}\"     # it is `state`",
        "Write one of the names listed in the hint. ``run.items`` is there for nodes with ``forEach`` alone.",
    ),
    "YF308": ErrorCode(
        "`attempt` outside of `retryWhen`",
        "``attempt.number`` and its kin are read elsewhere than in ``retryWhen``. Only when an attempt has failed is there an attempt to speak of.",
        'failWhen: "{{ attempt.number > 3 }}"',
        "In ``retryWhen`` it is right; elsewhere ``NODE.run.attempts`` tells how many there were.",
    ),
    "YF309": ErrorCode(
        "`item` where there are no items",
        "``item`` and ``index`` are read in a node without ``forEach``, or in an expression that speaks of the whole node (``startWhen``, ``skipWhen``, ``stopWhen``, ``failWhen``, ``forEach`` itself). They stand for one item, in what is done with it: bindings, the task's fields and ``retryWhen``.",
        '- {id: load, type: python, code: "pass", inputBindings: {n: "{{ item }}"}}     # forEach is missing',
        "Give the node a ``forEach``, or read the item in a binding.",
    ),
    "YF310": ErrorCode(
        "`peek` where it is not allowed",
        "``peek(x)`` elsewhere than in ``inputBindings`` and the task's fields. ``peek`` gives what is there at this moment. In a condition the outcome would hang on timing.",
        'startWhen: "{{ peek(train.loss) < 0.1 }}"',
        "To let others start early, let the task emit an event (``emits: [converged]``) and wait for ``event:train.converged``. ``stopWhen`` reads the latest values without ``peek``.",
    ),
    "YF311": ErrorCode(
        "a secret where it could leak",
        "``{{ secrets.NAME }}`` elsewhere than in ``env:`` and ``connection:`` of a task. Bindings, conditions, titles and outputs are stored and shown. A secret is resolved inside the task and is masked in all that is written.",
        'inputBindings: {token: "{{ secrets.api }}"}',
        '``env: {TOKEN: "{{ secrets.api }}"}``, or ``secrets: [api]`` and ``yamlflow_nb.secret("api")`` in the task.',
    ),
    "YF312": ErrorCode(
        "`system.outcome` before there is one",
        "``system.outcome`` is read by a node that runs before ``pipeline.finishing``, or by the pipeline itself. How the run went is settled when all other work is done. It is legal in finally nodes only.",
        "failWhen: \"{{ system.outcome == 'failed' }}\"",
        "Read it in a node with ``startWhen: event:pipeline.finishing``.",
    ),
    "YF313": ErrorCode(
        "a condition that reads what is not over by then",
        "``failWhen``, ``retryWhen`` or ``until`` of a node reads a name of another node that waits for this one (an error), or that may still be running, since nothing makes this one wait for it (a warning). They are looked at while the node is not over yet. They may read the node's own names and settled ones; what is not settled by then is an error in that run, also under ``default``.",
        '- {id: train, type: python, code: "pass", failWhen: "{{ test.score < 0.5 }}"}\n- {id: test, type: python, code: "pass", startWhen: event:train.completed}',
        "Read the node's own outputs, wait for the other node, or move the condition to the node that has the value.",
    ),
    "YF314": ErrorCode(
        "nodes that wait for each other",
        "A circle of waiting, by ``startWhen`` or by names that hold a node (bindings, task fields, ``forEach``, ``skipWhen``). An alternative (``||``) that leads out of the circle makes it none; nodes that stop each other are none either. Each waits for the other to begin: none ever does.",
        '- {id: a, type: python, code: "pass", startWhen: event:b.completed}\n- {id: b, type: python, code: "pass", startWhen: event:a.completed}     # a -> b -> a',
        "Take one of the steps out, or give it an alternative. ``peek(x)`` in a binding reads without waiting.",
    ),
    "YF315": ErrorCode(
        "a node that can never start",
        "No course of events makes the node's ``startWhen`` true: it asks for events that exclude each other (``event:a.completed && event:a.failed``), for more than a list can give (``count(...) >= 5`` of three), for what is always false, or for an event that cannot come. ``startWhen: false`` is how a node is disabled, and no error; what waits for a disabled node is none either. The node would be skipped in every run, and with it all that waits for it.",
        "startWhen: event:a.completed && event:a.failed",
        "``||`` where either is enough; ``event:a.finished`` where it only matters that it is over.",
    ),
    "YF316": ErrorCode(
        "a value of the wrong type",
        'Where types are declared (inputs, outputs, built-in names), an expression that cannot give what is needed: a condition that is no boolean, a ``forEach`` that is no list, ``<`` between a text and a number. It would be an error in every run: nothing is "truthy", and no text is guessed to be a number.',
        'outputs: {row_count: integer}\nstartWhen: "event:extract.completed && {{ extract.row_count }}"',
        "Say what is asked: ``{{ extract.row_count > 0 }}``.",
    ),
    "YF317": ErrorCode(
        "bindings that do not fit the task's inputs",
        "A node binds an input that its task does not declare, leaves out one that must be given, or gives one a value of another type. A task that declares no ``inputs`` takes any. The task would fail, or not see the value, in every run.",
        'taskDefinitions:\n  q: {type: sql, query: "SELECT :month", inputs: {month: {type: integer}}}\nnodes:\n  - {id: extract, taskDefinition: q, inputBindings: {mont: 1}}',
        "Bind the inputs by their names; one that may be left out has a ``default`` or ``required: false``.",
    ),
    "YF318": ErrorCode(
        "`retryWhen` without attempts",
        "``retryWhen`` is written, ``retry.maxAttempts`` is not (or it is 1). ``maxAttempts`` counts the first attempt too and is 1 by default: there is no second for ``retryWhen`` to grant.",
        "retryWhen: \"{{ attempt.error.type == 'TimeoutError' }}\"",
        "Add ``retry: {maxAttempts: 3}``.",
    ),
    "YF319": ErrorCode(
        "a value that may not be there",
        "An output is read where nothing says that its node has completed: neither ``event:a.completed`` in the same conjunction, nor the node's ``startWhen``, nor ``default``, ``coalesce`` or ``defined``.",
        'startWhen: "event:b.completed && {{ a.n > 0 }}"',
        "``event:a.completed && {{ a.n > 0 }}`` is plainly false when `a` did not complete; ``{{ a.n | default(0) > 0 }}`` goes on without it.",
    ),
    "YF320": ErrorCode(
        "a setting that does nothing here",
        "``maxParallel``, ``onItemFailure`` or ``maxFailed`` without ``forEach``; ``retry`` with a ``maxDelay`` below its ``delay``. It reads as if something were limited that is not.",
        '- {id: load, type: python, code: "pass", maxParallel: 4}',
        "Add the ``forEach``, or take the setting away.",
    ),
    "YF321": ErrorCode(
        "a cache that cannot see changes",
        "A ``sql`` node with a ``connection`` to a database and ``cache: true``. The key of ``cache: true`` is the query and its inputs. What changes inside the database is not in it: the node would go on giving old rows.",
        "- {id: load, type: sql, connection: warehouse, query: SELECT * FROM sales, cache: true}",
        '``cache: {ttl: 1h}`` says how old rows may be; ``cache: {key: "{{ pipeline.input.day }}"}`` what they depend on.',
    ),
    "YF322": ErrorCode(
        "more than the pool has",
        "A node's ``resources`` ask for more slots than the pool that it names has in the pipeline's ``resources.pools``. The node would be queued for ever.",
        'resources: {pools: {gpu: 1}}\nnodes:\n  - {id: train, type: python, code: "pass", resources: {pool: gpu, slots: 2}}',
        "Ask for less, or enlarge the pool.",
    ),
    "YF323": ErrorCode(
        "a child pipeline that does not fit",
        "A ``subpipeline`` node whose ``pipeline`` names a file: the file is missing or wrong, the bindings are not its inputs, an output is read that it does not have, or pipelines contain each other. The child would fail when it starts; pipelines in a circle would start each other for ever.",
        "- {id: load, type: subpipeline, pipeline: load.pipeline.yaml, inputBindings: {mont: 3}}",
        "Bind the child's ``inputVariables``, read its ``outputs``. Children of children may go eight deep.",
    ),
    "YF324": ErrorCode(
        "a parameter that is not bound",
        "A query holds ``:month`` and neither the node's ``inputBindings`` nor the task's ``inputs`` have a ``month``, or it holds ``{table}`` and ``identifiers`` have no ``table`` (errors); or a binding is named nowhere in the query (a warning). The query would fail in every run; a binding that nothing uses is often one that is mistyped.",
        '- {id: load, type: sql, query: "SELECT * FROM t WHERE month = :mont", inputBindings: {month: 1}}',
        "Write the name that is bound. In a text or a comment of the query ``:name`` means nothing.",
    ),
    "YF325": ErrorCode(
        "a value of a node where none has run",
        "``concurrency.group`` or ``schedule.inputs`` read an output of a node, an event's payload or an input. They are looked at before the execution begins: then no node has any.",
        'concurrency: {limit: 1, group: "{{ extract.month }}"}',
        "Read ``pipeline.input.<name>`` in a group; ``system.scheduled_for`` in the inputs of a schedule.",
    ),
}
