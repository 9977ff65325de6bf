"""Large objects in an object store (S3, GCS, a shared folder: whatever fsspec reaches), by way of a local folder."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Set
from functools import cached_property
from pathlib import Path
from typing import Any

from yamlflow_nb.infrastructure.artifacts import LocalArtifacts, sha256

FRESH_SECONDS = 12 * 3600.0
"""An object that is younger is not uploaded again; ``store gc`` lets alone what is younger than twice this."""


class RemoteArtifacts(LocalArtifacts):
    """``ArtifactStore`` below a URL. What is kept is written to ``folder`` and uploaded before anything refers to it, under the
    same name, so that another machine finds it; what is not in ``folder`` is fetched, and believed only when its hash is right.

    ``options`` go to fsspec (``endpoint_url``, ``key``, ``secret`` ...). Raises ``ImportError`` where the package for the URL's
    scheme is missing, and what the file system raises.
    """

    def __init__(self, url: str, folder: Path, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(folder)
        self.url = url.rstrip("/")
        self._options = dict(options or {})

    @cached_property
    def _system(self) -> tuple[Any, str]:
        """The file system and the root on it."""
        import fsspec

        system, root = fsspec.core.url_to_fs(self.url, **self._options)
        return system, root

    def find(self, name: str) -> Path:
        """The file behind ``artifact:<sha256>``, fetched where it is not here. Raises ``FileNotFoundError``."""
        try:
            return super().find(name)
        except FileNotFoundError:
            return self._fetched(self.digest(name))

    def bring(self, value: Any) -> Any:
        """A value whose references, at any depth, are files of this machine."""
        if isinstance(value, Mapping):
            if "sha256" in value and "path" in value:
                return {**value, "path": str(self.find(str(value["sha256"])))}
            return {name: self.bring(item) for name, item in value.items()}
        return [self.bring(item) for item in value] if isinstance(value, list) else value

    def sweep(self, wanted: Set[str], before: float, remove: bool = True) -> list[tuple[str, int]]:
        """Here and there. An object that somebody else's store refers to is wanted too: give each store a folder of its own."""
        found = dict(super().sweep(wanted, before, remove))
        system, root = self._system
        system.invalidate_cache()
        for target, told in system.find(root, detail=True).items():
            name = target.rpartition("/")[2]
            if name.partition(".")[0] not in wanted and system.modified(target).timestamp() < before:
                if remove:
                    system.rm_file(target)
                found.setdefault(name, int(told["size"]))
        return list(found.items())

    def _reference(self, path: Path, ending: str) -> dict[str, Any]:
        reference = super()._reference(path, ending)
        kept = Path(reference["path"])
        self._upload(kept, f"{kept.parent.name}/{kept.name}")
        return {**reference, "url": f"{self.url}/{kept.parent.name}/{kept.name}"}

    def _upload(self, path: Path, name: str) -> None:
        system, root = self._system
        target = f"{root}/{name}"
        system.invalidate_cache()
        try:
            there = system.info(target)
            age = time.time() - system.modified(target).timestamp()
            if there["size"] == path.stat().st_size and age < FRESH_SECONDS:
                return
        except FileNotFoundError:
            pass
        system.makedirs(target.rpartition("/")[0], exist_ok=True)
        if self._appears_whole(system):
            system.put_file(str(path), target)
            return
        system.put_file(str(path), f"{target}.{os.getpid()}.part")
        system.mv(f"{target}.{os.getpid()}.part", target)

    @staticmethod
    def _appears_whole(system: Any) -> bool:
        """Whether an object is there only when all of it is: so it is in object stores, not in folders."""
        protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
        return bool(protocols & {"s3", "s3a", "gs", "gcs", "abfs", "az"})

    def _fetched(self, digest: str) -> Path:
        system, root = self._system
        system.invalidate_cache()
        found = [one for one in system.glob(f"{root}/{digest[:2]}/{digest}.*") if not one.endswith(".part")]
        if not found:
            raise FileNotFoundError(f"there is no artifact {digest}, neither in {self.folder} nor at {self.url}")
        kept: Path = self.folder / digest[:2] / str(found[0]).rpartition("/")[2]
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=kept.parent)
        os.close(handle)
        try:
            system.get_file(found[0], scratch)
            if sha256(Path(scratch)) != digest:
                raise FileNotFoundError(f"the artifact {digest} at {self.url} was spoiled: its content has another hash")
            os.replace(scratch, kept)
        finally:
            Path(scratch).unlink(missing_ok=True)
        return kept
