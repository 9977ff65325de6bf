"""What was published: put on the shelf, found by name and version."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from yamlflow_nb.domain.diagnostic import DefinitionError, Diagnostic
from yamlflow_nb.domain.document import Document, MappingNode
from yamlflow_nb.domain.pipeline_definition import API_VERSION, PipelineDefinition
from yamlflow_nb.domain.ports.catalogue import Catalogue, Kind, Published, qualified, reference_of
from yamlflow_nb.language.locate import diagnostic_at, file_fix
from yamlflow_nb.planning.written_out import yaml_text
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.pipeline_source import PipelineSource

_SHOWN = 5


class PublishedDefinitions:
    """``Shelf`` on a store's catalogue. ``pins`` are the versions that names without one stand for, where that is settled;
    ``catalogue`` gives None where there is no store: then nothing is known of what was published."""

    def __init__(self, catalogue: Callable[[], Catalogue | None], pins: Mapping[str, str] | None = None) -> None:
        self._catalogue = catalogue
        self._pins = pins or {}

    @property
    def catalogue(self) -> Catalogue | None:
        return self._catalogue()

    def pinned(self, pins: Mapping[str, str]) -> PublishedDefinitions:
        """The same shelf as an execution sees it."""
        return PublishedDefinitions(self._catalogue, pins)

    def find(self, kind: Kind, reference: str) -> Published | None:
        """What a reference stands for: its version, the pinned one, or the newest that was published."""
        meant, catalogue = reference_of(reference), self.catalogue
        if meant is None or catalogue is None:
            return None
        version = meant.version if meant.version is not None else self._pins.get(pin_name(kind, reference))
        return catalogue.published(kind, meant.namespace, meant.name, version)

    def text(self, kind: Kind, reference: str) -> str | None:
        found = self.find(kind, reference)
        return found.text if found is not None else None

    def references(self, kind: Kind) -> list[str]:
        return [one.reference for one in self.all_of(kind)]

    def source(self, reference: str) -> PipelineSource:
        """The text of a published pipeline. Raises ``CommandError`` (YF752)."""
        found = self.find("pipeline", reference)
        if found is None:
            raise self.unknown("pipeline", reference)
        return PipelineSource(found.text, found.reference, Path(found.folder))

    def unknown(self, kind: Kind, reference: str) -> CommandError:
        """Nothing was published under it; what was, is told."""
        meant, catalogue = reference_of(reference), self.catalogue
        versions = catalogue.catalogue(kind, *meant[:2]) if catalogue is not None and meant is not None else []
        known = [one.reference for one in versions] or self.references(kind)
        hint = f"published: {', '.join(known[:_SHOWN])}" if known else "yamlflow publish FILE publishes one"
        return CommandError("YF752", f"no {kind} `{reference}` was published", hint)

    def all_of(self, kind: Kind) -> list[Published]:
        """All versions of all, by name, the newest first."""
        catalogue = self.catalogue
        return catalogue.catalogue(kind) if catalogue is not None else []

    def versions(self, kind: Kind, name: str) -> list[Published]:
        """All versions of one, the newest first. Raises ``CommandError`` (YF752)."""
        meant = reference_of(name)
        found = [one for one in self.all_of(kind) if meant is not None and (one.namespace, one.name) == meant[:2]]
        if not found:
            raise self.unknown(kind, name)
        return found

    def put(self, published: Published) -> tuple[Published, bool]:
        """Publish: what is there now, and whether it is new. The same content under its version once more changes nothing. Raises
        ``CommandError`` (YF751, YF711)."""
        catalogue = self.catalogue
        if catalogue is None:
            raise CommandError("YF711", "there is no store to publish into", "name one: --store PATH")
        there = catalogue.publish(published)
        if there.hash != published.hash:
            free = self.next_version(published.kind, published.namespace, published.name)
            raise CommandError(
                "YF751",
                f"{there.reference} was published with other content ({there.hash[:12]}, this is {published.hash[:12]})",
                f'a version stays as it is: write version: "{free}"',
            )
        return there, there == published

    def next_version(self, kind: Kind, namespace: str, name: str) -> str:
        """A version that is free: the newest with its last number raised."""
        there = [one for one in self.all_of(kind) if (one.namespace, one.name) == (namespace, name)]
        taken = {one.version for one in there}
        version = there[0].version if there else "1.0.0"
        while version in taken:
            last = list(re.finditer(r"\d+", version))
            version = f"{version[: last[-1].start()]}{int(last[-1][0]) + 1}{version[last[-1].end() :]}" if last else f"{version}.1"
        return version


def newest(published: Iterable[Published]) -> list[Published]:
    """Of each name the version that was published last."""
    found: dict[tuple[str, str], Published] = {}
    for one in published:
        found.setdefault((one.namespace, one.name), one)
    return list(found.values())


def pin_name(kind: Kind, reference: str) -> str:
    """Under which name the version of a reference without one is kept."""
    return f"{kind}:{reference}"


def pipeline_to_publish(
    definition: PipelineDefinition, source: PipelineSource, shelf: PublishedDefinitions, by: str, at: float
) -> Published:
    """A checked definition as it is put on the shelf, its head written out. Raises ``DefinitionError`` (YF750) without a
    version."""
    text = source.text if isinstance(source.text, str) else source.text.decode("utf-8-sig")
    made = Published(
        "pipeline", definition.namespace, definition.name, definition.version or "", definition.content_hash, text,
        source.name, str(source.folder), by, at,
    )  # fmt: skip
    if definition.version is None:
        raise versionless(definition, shelf)
    document = definition.document
    if document is not None and isinstance(document.root, MappingNode) and "apiVersion" not in document.root.items:
        made = replace(made, text=f"apiVersion: {API_VERSION}\n{text}" if _takes_a_line(document) else text)
    return made


def task_to_publish(
    definition: PipelineDefinition, source: PipelineSource, name: str, shelf: PublishedDefinitions, by: str, at: float
) -> Published:
    """One of a checked definition's tasks as it is put on the shelf, under the document's version. Raises ``DefinitionError``
    (YF750) without a version, ``CommandError`` (YF753) for a task that there is not."""
    document = definition.document
    node = document.find(("taskDefinitions", name)) if document is not None else None
    if node is None:
        known = ", ".join(name for name in definition.taskDefinitions if definition.holds_task(name)) or "none"
        raise CommandError("YF753", f"`{definition.name}` defines no task `{name}`", f"its tasks: {known}")
    content = node.plain()
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()
    text = yaml_text({"taskDefinitions": {name: content}})
    made = Published(
        "task", definition.namespace, name, definition.version or "", digest, text, source.name, str(source.folder), by, at
    )
    if definition.version is None:
        raise versionless(definition, shelf)
    return made


def _takes_a_line(document: Document) -> bool:
    """Whether a line before the first is one more field of the document."""
    root = document.root
    return isinstance(root, MappingNode) and not root.flow and not re.search(r"^(?:---|%)", document.source.text, re.MULTILINE)


def versionless(definition: PipelineDefinition, shelf: PublishedDefinitions) -> DefinitionError:
    """What is published needs a version; the edit that writes one that is free."""
    version = shelf.next_version("pipeline", definition.namespace, definition.name)
    document = definition.document
    name = document.find(("name",)) if document is not None else None
    message = f"`{qualified(definition.namespace, definition.name)}` has no version: what is published is found by it"
    hint = f'write version: "{version}"'
    if document is None or name is None or not isinstance(document.root, MappingNode):
        return DefinitionError([Diagnostic("YF750", "error", message, hint=hint)])
    written = f', version: "{version}"' if document.root.flow else f'\nversion: "{version}"'
    fix = replace(file_fix(document.source, hint, [(name.end, name.end, written)]), by="yamlflow publish --fix")
    found = diagnostic_at(document.source, "YF750", name.start, name.end, message)
    return DefinitionError([replace(found, hint=hint, fix=fix)])
