"""Files that tasks name lie below the definition's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.executors.running import Folder, failure

OUTSIDE = [
    "../secret.py", "/etc/passwd", "sub/../../secret.py", "file:///etc/passwd", "file:x.py", "\\\\host\\share\\x.py", "//host/x.py",
    "out.py", "sub/link/passwd", "a\0.py", "https://example.org/x.py", "../{root}-secret/x.py",
]  # fmt: skip


@pytest.fixture
def hidden(folder: Folder) -> Folder:
    (folder.path.parent / "secret.py").write_text("n = 'secret'")
    beside = folder.path.parent / f"{folder.path.name}-secret"
    beside.mkdir()
    (beside / "x.py").write_text("n = 'secret'")
    (folder.path / "sub").mkdir()
    (folder.path / "out.py").symlink_to(folder.path.parent / "secret.py")
    (folder.path / "sub" / "link").symlink_to("/etc")
    return folder


@pytest.mark.parametrize("named", OUTSIDE)
@pytest.mark.parametrize(("type", "field"), [("python", "file"), ("sql", "file"), ("notebook", "path")])
@pytest.mark.trust("B12")
def test_a_file_outside_of_the_folder_is_refused(hidden: Folder, type: str, field: str, named: str) -> None:
    execution = hidden.run(
        f"name: one\ninputVariables: {{p: string}}\nnodes: [{{id: a, type: {type}, {field}: '{{{{ pipeline.input.p }}}}'}}]",
        inputs={"p": named.replace("{root}", hidden.path.name)},
    )
    assert execution.status == "failed" and "secret'" not in str(execution.variables)
    assert "outside" in failure(execution) or "is an address" in failure(execution) or "NUL" in failure(execution)


@pytest.mark.trust("B12")
def test_a_pipe_and_a_device_are_no_files(folder: Folder) -> None:
    os.mkfifo(folder.path / "pipe.py")
    assert "is no file" in failure(folder.node("python", file="pipe.py"))


@pytest.mark.trust("B12")
def test_a_link_within_the_folder_is_followed(folder: Folder) -> None:
    (folder.path / "real.py").write_text("n = 1")
    (folder.path / "alias.py").symlink_to("real.py")
    assert folder.node("python", outputs={"n": "integer"}, file="alias.py").nodes["a"].outputs["n"] == 1


@pytest.mark.trust("B12")
def test_a_file_that_is_exchanged_for_a_link_while_it_is_opened_is_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.path / "a.py").write_text("n = 1")
    (folder.path.parent / "other.py").write_text("n = 'secret'")
    opened = os.open

    def exchange(path: object, *rest: int) -> int:
        if str(path) == os.path.realpath(folder.path / "a.py"):
            Path(str(path)).unlink(missing_ok=True)
            Path(str(path)).symlink_to(folder.path.parent / "other.py")
        return opened(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", exchange)
    execution = folder.node("python", file="a.py")
    assert execution.status == "failed" and "cannot be read" in failure(execution)


@pytest.mark.trust("B13")
def test_output_paths_are_made_of_ids_and_never_of_values(folder: Folder) -> None:
    folder.notebook("out {x}.ipynb", "n = 1")
    execution = folder.node("notebook", {"x": "../../../etc/cron.d/p"}, path="out {x}.ipynb")
    assert execution.status == "completed", str(execution)
    assert (folder.attempt(execution) / "out {x}.ipynb").is_file()
    assert "outside" in failure(folder.node("notebook", {"x": 1}, path="out {x}.ipynb", saveTo="../stolen.ipynb"))
