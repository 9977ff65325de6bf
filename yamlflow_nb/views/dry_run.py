"""A pipeline's text → what is wrong with it, and its graph before anything runs."""

from __future__ import annotations

from IPython.display import display


def dry_run(text: str) -> None:
    """Say what is wrong, or draw what would run. Raises nothing for a wrong text: it was asked for."""
    from yamlflow_nb import bootstrap
    from yamlflow_nb.domain.diagnostic import errors
    from yamlflow_nb.views.bundle import bundle

    pipelines = bootstrap.pipelines()
    found = pipelines.validate(text, "<cell>")
    print("\n\n".join(one.render() for one in found) or "nothing is wrong with it")  # noqa: T201
    if not errors(found):
        display(bundle(pipelines.planned(text, "<cell>")), raw=True)  # type: ignore[no-untyped-call]
