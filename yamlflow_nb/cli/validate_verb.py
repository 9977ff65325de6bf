"""``yamlflow validate FILE...``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.services.pipeline_service import PipelineService


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--fix", is_flag=True, help="apply the fixes that one edit settles")
@options.as_json
def command(files: tuple[str, ...], fix: bool, json_: bool) -> int:
    """Say what is wrong with pipelines, and where."""
    from yamlflow_nb.bootstrap import pipelines

    service = pipelines()
    found = [one for name in files for one in _wrong_with(Path(name), service, fix)]
    if json_:
        options.print_json([one.to_dict() for one in found])
    else:
        for one in found:
            click.echo(one.render() + "\n")
        wrong = sum(one.severity == "error" for one in found)
        click.echo(f"{wrong} {'error' if wrong == 1 else 'errors'}" if wrong else "ok")
    return 2 if any(one.severity == "error" for one in found) else 0


def _wrong_with(path: Path, service: PipelineService, fix: bool) -> list[Any]:
    """One file that cannot be read is a finding beside those of the others."""
    from yamlflow_nb.domain.diagnostic import DefinitionError

    try:
        source = service.source(path)
    except DefinitionError as error:
        return error.diagnostics
    text = _mended(path, source.text, service) if fix else source.text
    return service.validate(text, source.name, source.folder)


def _mended(path: Path, data: str | bytes, service: PipelineService) -> bytes:
    """The file with its fixes."""
    assert isinstance(data, bytes)
    try:
        mended = service.fix(data.decode("utf-8"), str(path)).encode("utf-8")
    except UnicodeDecodeError:
        return data
    if mended != data:
        options.replace_file(path, mended)
    return mended
