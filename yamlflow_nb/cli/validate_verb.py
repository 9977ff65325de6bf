"""``yamlflow validate FILE...``"""

from __future__ import annotations

from pathlib import Path

import click

from yamlflow_nb.cli import options


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--fix", is_flag=True, help="apply the fixes that one edit settles")
@options.as_json
def command(files: tuple[str, ...], fix: bool, json_: bool) -> int:
    """Say what is wrong with pipelines, and where."""
    from yamlflow_nb.bootstrap import pipelines

    service, found = pipelines(), []
    for name in files:
        path = Path(name)
        data = path.read_bytes()
        if fix:
            data = _fixed(path, data)
        found += service.validate(data, name, path.absolute().parent)
    if json_:
        options.print_json([one.to_dict() for one in found])
    else:
        for one in found:
            click.echo(one.render() + "\n")
        wrong = sum(one.severity == "error" for one in found)
        click.echo(f"{wrong} {'error' if wrong == 1 else 'errors'}" if wrong else "ok")
    return 2 if any(one.severity == "error" for one in found) else 0


def _fixed(path: Path, data: bytes) -> bytes:
    from yamlflow_nb.bootstrap import pipelines

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    mended = pipelines().fix(text, str(path)).encode("utf-8")
    if mended != data:
        path.write_bytes(mended)
        click.echo(f"mended {path}", err=True)
    return mended
