"""``%pipeline VERB ...``: one table of verbs. Each says what it takes, and does it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.views.arguments import Arguments

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.views.magics import PipelineMagics


class Verb(NamedTuple):
    """What a verb takes (``!`` a word that must be there, ``?`` one that may, ``+`` some, ``*`` any number, ``-`` a flag), and what
    it does."""

    takes: str
    told: str
    does: Callable[[PipelineMagics, Any], Any]


def command(magics: PipelineMagics, line: str) -> Any:
    """Do what the line says. Raises ``CommandError`` (YF712) for an unknown verb or flag."""
    name, _, rest = line.strip().partition(" ")
    name = name or "help"
    if name not in VERBS:
        near = get_close_matches(name, VERBS, 1)
        hint = f"did you mean `{near[0]}`?" if near else help_text()
        raise CommandError("YF712", f"%pipeline {name}: there is no such verb", hint)
    return VERBS[name].does(magics, _parser(name).read(rest))


def _parser(name: str) -> Arguments:
    parser = Arguments(name)
    for word in VERBS[name].takes.split():
        if word in ("--input", "--inputs"):
            parser.add_argument(word, action="append", default=[], metavar="K=V" if word == "--input" else "VAR")
        elif word == "--set":
            parser.add_argument(word, action="append", default=[], metavar="K=V")
        elif word in _VALUES:
            parser.add_argument(word, metavar=_VALUES[word], type=int if word == "--item" else str)
        elif word.startswith("--"):
            parser.add_argument(word, action="store_true")
        else:
            parser.add_argument(word[:-1], nargs=None if word.endswith("!") else word[-1])
    return parser


_VALUES = {"--store": "URL", "--action": "ID", "--comment": "TEXT", "--item": "N", "--shown": "HASH"}
"""Flags with a value."""


def help_text() -> str:
    """All verbs, a line each."""
    lines = ["%%pipeline [NAME] [--wait] [--input K=V]... [--inputs VAR] [--dry-run] [--store URL]"]
    lines += [f"{'':36}run the cell's YAML and show it; NAME gets the execution; %%pipeline? tells more"]
    return "\n".join(lines + [f"%pipeline {name + ' ' + _usage(verb.takes):<26}{verb.told}" for name, verb in VERBS.items()])


def _usage(takes: str) -> str:
    shown = {"!": "{}", "?": "[{}]", "+": "{}...", "*": "[{}]..."}
    words = [word for word in takes.split() if word not in ("--input", "--inputs", "--set", *_VALUES)]
    return " ".join(f"[{word}]" if word.startswith("--") else shown[word[-1]].format(word[:-1].upper()) for word in words)


# --- what verbs do -------------------------------------------------------------------------------------------------


def _execution(magics: PipelineMagics, options: Any) -> Execution:
    return magics.executions(options.store, to_read=True).get(options.id)


def _meant(magics: PipelineMagics, options: Any, verb: str) -> Execution:
    """The one that is named, else the newest for which there is something to do."""
    return magics.executions(options.store, to_read=True).meant(verb, options.id)


def _demo(magics: PipelineMagics, options: Any) -> None:
    from yamlflow_nb.views.demo import pipeline_text

    text = pipeline_text()
    assert magics.shell is not None
    magics.shell.set_next_input(f"%%pipeline demo\n{text}")
    magics.run(text, {}, "demo", options.wait, options.store)


def _init(magics: PipelineMagics, options: Any) -> None:
    from yamlflow_nb.services.draft import draft
    from yamlflow_nb.views.dry_run import dry_run

    text = draft(options.notebook)
    assert magics.shell is not None
    magics.shell.set_next_input(f"%%pipeline run\n{text}")
    dry_run(text)


def _list(magics: PipelineMagics, options: Any) -> None:
    from yamlflow_nb.services.run_text import MARKS, one_line

    for record in magics.executions(options.store, to_read=True).list():
        print(f"{record.id}  {MARKS.get(record.status, '▶')} {record.status:<11}  {one_line(record.pipeline)}")  # noqa: T201


def _attach(magics: PipelineMagics, options: Any) -> None:
    from yamlflow_nb.views.run_in_cell import run_in_cell

    run_in_cell(magics.shell, _execution(magics, options), options.wait, magics.updates_a_second)


def _result(magics: PipelineMagics, options: Any) -> dict[str, Any]:
    import yamlflow_nb

    execution = _execution(magics, options).wait(or_waiting=True)
    if execution.status in ("waiting", "paused"):
        waits = ", ".join(execution.waiting_for)
        what = f"waits for {waits}" if execution.status == "waiting" and waits else f"is {execution.status}"
        raise CommandError("YF732", f"`{execution.id}` has not ended: it {what}", "%pipeline attach shows it")
    execution.raise_if_failed()
    outputs = execution.outputs.items()
    store = options.store or magics.store or None
    return {name: yamlflow_nb.read(value, store=store) if _is_table(value) else value for name, value in outputs}


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and "schema" in value and "rows" in value


def _why(magics: PipelineMagics, options: Any) -> None:
    print(_execution(magics, options).why(options.node))  # noqa: T201


def _told(verb: str) -> Callable[[PipelineMagics, Any], None]:
    def tell(magics: PipelineMagics, options: Any) -> None:
        execution = _meant(magics, options, verb)
        getattr(execution, verb)(**({"now": options.now} if verb == "cancel" else {}))
        print(f"{execution.id}: {verb} is on its way")  # noqa: T201

    return tell


def _decided(rejects: bool) -> Callable[[PipelineMagics, Any], None]:
    def decide(magics: PipelineMagics, options: Any) -> None:
        from yamlflow_nb.services.given_inputs import given_inputs

        execution = magics.executions(options.store, to_read=True).asking(options.node, options.id)
        form = given_inputs(getattr(options, "set", []), "--set")
        texts = dict(pair.split("=", 1) for pair in getattr(options, "set", []))
        execution.decide(options.node, rejects, options.action, form, options.comment or "", options.item, options.shown, texts)
        what = "rejected" if rejects else "approved"
        later = "" if execution.is_taken_in else "; nobody runs it now: %pipeline resume goes on with it"
        print(f"{execution.id}: {what}{later}")  # noqa: T201

    return decide


def _approvals(magics: PipelineMagics, options: Any) -> None:
    from yamlflow_nb.services.run_text import asked

    found = magics.executions(options.store, to_read=True).approvals()
    for one in found:
        print("\n".join([f"{one['pipeline']}: {one['node']}  ({one['execution']})", *(f"    {line}" for line in asked(one))]))  # noqa: T201
    if not found:
        print("nothing waits for you")  # noqa: T201


def _resume(magics: PipelineMagics, options: Any) -> None:
    """Go on after a pause, or with an execution whose process is gone: then it is drawn here, where it runs from now on."""
    from yamlflow_nb.views.run_in_cell import run_in_cell

    execution = _meant(magics, options, "resume")
    taken_over = execution.status == "interrupted"
    execution.resume(namespace=magics.names)
    if taken_over:
        run_in_cell(magics.shell, execution, options.wait, magics.updates_a_second)
    else:
        print(f"{execution.id}: resume is on its way")  # noqa: T201


def _retry(magics: PipelineMagics, options: Any) -> None:
    """The next round of a run that has ended, drawn here, where it runs from now on. An id begins with a digit, a node does not."""
    from yamlflow_nb.views.run_in_cell import run_in_cell

    named = [word for word in options.id_or_node if word[:1].isdigit()]
    nodes = [word for word in options.id_or_node if not word[:1].isdigit()]
    if len(named) > 1:
        raise CommandError("YF712", "%pipeline retry: one execution at a time", "usage: %pipeline retry [ID] [NODE]...")
    execution = magics.executions(options.store, to_read=True).meant("retry", named[0] if named else None)
    execution.retry(*nodes, namespace=magics.names)
    run_in_cell(magics.shell, execution, options.wait, magics.updates_a_second)


def _simulate(magics: PipelineMagics, options: Any) -> None:
    from pathlib import Path

    from yamlflow_nb.views.simulated import as_it_went, simulate

    if options.file:
        simulate(Path(options.file), magics.inputs(options))
        return
    newest = magics.executions(options.store, to_read=True).get()
    simulate(newest.definition_text, {**newest.inputs, **magics.inputs(options)}, as_it_went(newest))


VERBS: dict[str, Verb] = {
    "demo": Verb("--wait --store", "a first pipeline on real data, and its text in a new cell, to be changed and run again", _demo),
    "init": Verb("notebook+", "a pipeline of your notebooks, in a new cell", _init),
    "list": Verb("--store", "the newest executions", _list),
    "show": Verb("id? --store", "one execution as it stands", _execution),
    "attach": Verb("id? --wait --store", "one execution live, in this cell, whoever runs it", _attach),
    "result": Verb("id? --store", "its outputs, when it has ended; tables as data frames", _result),
    "why": Verb("node! id? --store", "why a node started, did not start or still waits", _why),
    "approvals": Verb("--store", "what waits for your decision", _approvals),
    "approve": Verb(
        "node? id? --set --action --comment --item --shown --store",
        "approve what waits for you: --set FIELD=VALUE",
        _decided(False),
    ),
    "reject": Verb("node? id? --action --comment --item --shown --store", "reject what waits for you", _decided(True)),
    "cancel": Verb("id? --now --store", "stop it; finally nodes run, unless --now", _told("cancel")),
    "pause": Verb("id? --store", "nothing new starts", _told("pause")),
    "resume": Verb("id? --wait --store", "go on after a pause; or here, live, with a run whose kernel is gone", _resume),
    "retry": Verb("id_or_node* --wait --store", "run again what failed or was cancelled, and what hung on it; live", _retry),
    "simulate": Verb("file? --input --inputs --store", "what a file, or the newest run with other inputs, would do", _simulate),
    "help": Verb("", "this list", lambda magics, options: print(help_text())),  # noqa: T201
}
