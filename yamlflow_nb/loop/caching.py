"""``cache``: before an attempt works, whether an earlier result may stand for it; after it, what is to be kept for later ones.

A result is taken only where everything that it was made of is the same: code, inputs, the files that it named or was seen to
open, packages, key, and where every file that it gave is still there. What is not certain is a miss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.domain.made_of import MadeOf, NotKnown
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.cache import Cache, CachedResult
from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.domain.typed_json import UnkeepableValue, dumps
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.loop.opened_files import OpenedFiles, watched
from yamlflow_nb.loop.run import Run

_FORMAT = "1"
"""Of what a key is made; another number, and nothing kept before counts."""
_NEAREST = 50
"""Results of a node among which the one that is most alike tells what has changed."""
_SHORT = 16


@runtime_checkable
class Transparent(Protocol):
    """An executor that says what a task is made of; of others all fields count, and the files that these name."""

    def made_of(self, work: Work) -> MadeOf: ...


class Caching:
    """The cache as one attempt meets it. ``setting`` is the node's ``cache`` with its key resolved. ``told`` is what is stored with
    the result."""

    def __init__(self, cache: Cache, artifacts: ArtifactStore, run: Run, planned: PlannedNode, setting: Any) -> None:
        self._cache = cache
        self._artifacts = artifacts
        self._run = run
        self._planned = planned
        self._setting: Mapping[str, Any] = setting if isinstance(setting, Mapping) else {}
        self._made = MadeOf()
        self._folder = Path(run.record.folder)
        self.told: dict[str, Any] = {}

    @property
    def scope(self) -> str:
        """Whose results may stand for each other: those of one node of one pipeline in one folder."""
        record = self._run.record
        return f"{record.folder}|{self._run.plan.definition.qualified_name}|{self._planned.id}"

    def look(self, key: AttemptKey, work: Work, executor: object, now: float) -> CachedResult | None:
        """The result that may stand for this attempt; None: it has to work, and ``told`` says why."""
        try:
            parts = self._parts(work, executor)
        except (NotKnown, TaskFailed, OSError) as error:
            self.told = {"missed": str(error)}
            return None
        digests = {name: _digest(text) for name, text in parts.items()}
        whole = _digest(dumps(sorted(digests.items())))
        short = {name: digest[:_SHORT] for name, digest in digests.items()}
        self.told = {"scope": self.scope, "key": whole, "parts": short}
        refusal = self._refusal(key)
        if refusal is not None:
            self.told["missed"] = refusal
            return None
        try:
            return self._found(whole, short, now)
        except StoreError as error:
            self.told["missed"] = f"the store did not answer: {error}"
            return None

    def _refusal(self, key: AttemptKey) -> str | None:
        """Why nothing is looked for: somebody wants it to run."""
        state = self._run.state
        if state.fresh:
            return "the run was started with --no-cache"
        if key.node in state.insisted:
            return "it was to run again"
        return "the attempt before failed" if key.number > 1 else None

    def _found(self, whole: str, parts: Mapping[str, str], now: float) -> CachedResult | None:
        """The newest result that fits; else what is told is what keeps the most similar one from it."""
        reasons: list[list[str]] = []
        for result in self._cache.cached(self.scope, whole):
            unfit = self._unfit(result, now)
            if not unfit:
                self.told = {"from": result.execution_id, "key": whole, "at": result.at}
                return self._with_paths(result)
            reasons.append(unfit)
        self.told["missed"] = ", ".join(sorted(reasons, key=len)[0]) if reasons else self._what_changed(parts)
        return None

    def _unfit(self, result: CachedResult, now: float) -> list[str]:
        """Why a result of the same key does not count: too old, files have changed, a file that it gave is gone."""
        ttl = self._setting.get("ttl")
        if ttl is not None and now - result.at > ttl:
            return [f"the result of {result.execution_id} is older than {ttl:g} s"]
        named, written = self._named, set(result.written)
        found = [
            f"file {named.get(path) or self._shown(path)} changed"
            for path in dict.fromkeys((*named, *result.files))
            if path not in written and _file_digest(Path(path)) != result.files.get(path)
        ]
        return found or self._lost(result)

    def _lost(self, result: CachedResult) -> list[str]:
        """What is no longer there of the files that a result refers to."""
        for reference in _references(result.outputs):
            try:
                kept = self._artifacts.find(f"artifact:{reference['sha256']}")
                if kept.stat().st_size != reference.get("size", kept.stat().st_size):
                    return [f"a file that {result.execution_id} gave is damaged"]
            except (OSError, ValueError):
                return [f"a file that {result.execution_id} gave is gone"]
        return []

    def _shown(self, path: str) -> str:
        folder = str(self._folder.resolve())
        return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else path

    def _what_changed(self, parts: Mapping[str, str]) -> str:
        """The parts in which this attempt differs from the most similar of the node's results."""
        lately = self._cache.cached_lately(self.scope, _NEAREST)
        if not lately:
            return "it is the first"
        changes = sorted((_different(result.parts, parts) for result in lately), key=len)
        return f"{', '.join(changes[0])} changed"

    def _with_paths(self, result: CachedResult) -> CachedResult:
        """References name the files where they lie now."""
        for reference in _references(result.outputs):
            reference["path"] = str(self._artifacts.find(f"artifact:{reference['sha256']}"))
        return result

    # --- what it is made of --------------------------------------------------------------------------------------------

    def _parts(self, work: Work, executor: object) -> dict[str, str]:
        made = self._made = executor.made_of(work) if isinstance(executor, Transparent) else _all_of(work)
        parts = {"type": work.type, "format": _FORMAT}
        parts |= {name: _text(value) for name, value in work.fields.items()} | made.parts
        for name, value in work.inputs.items():
            parts[f"input {name}"] = _text(value)
            _look_at_value(value, work.folder, made)
        declared = {name: [one.type, one.optional] for name, one in self._planned.outputs.items()}
        parts["outputs"] = dumps([sorted(declared.items()), sorted(self._planned.emits)])
        for package in self._setting.get("packages") or ():
            parts[f"package {package}"] = _version(package)
        if "key" in self._setting:
            parts["key"] = _text(self._setting["key"])
        return parts

    # --- what is kept for later ------------------------------------------------------------------------------------------

    @contextmanager
    def working(self, emitted: list[tuple[str, Mapping[str, Any]]]) -> Iterator[None]:
        """While the attempt works: note what it is made of, and what it does."""
        if "key" not in self.told:
            yield
            return
        before = {path: _file_digest(Path(path)) for path in self._named}
        with watched() if self._made.here else nullcontext(OpenedFiles()) as opened:
            yield
        written = [path for path in opened.written if path not in opened.read]
        files = {path: digest for path, digest in {**before, **opened.read}.items() if path not in written}
        if any(_file_digest(Path(path)) != digest for path, digest in before.items() if path in files):
            self.told = {"missed": f"{self.told.get('missed')}; a file that it names changed while it ran, so nothing is kept"}
            return
        self.told |= {"emitted": [[name, dict(payload)] for name, payload in emitted], "files": files, "written": written}

    def keep_nothing(self) -> None:
        """The result comes by itself, from where it was not seen what it is made of: it stands for no later one."""
        self.told = {"missed": "what its result is made of is not seen here, so nothing is kept"}

    @property
    def _named(self) -> dict[str, str]:
        """The files that the task names: where they are → how."""
        return {str(path.resolve()): name for name, path in self._made.files.items()}


def _all_of(work: Work) -> MadeOf:
    """Of a type that says nothing of itself: its fields are the parts, and the files that these name."""
    from yamlflow_nb.executors.code_text import look_at_words

    made = MadeOf()
    for value in work.fields.values():
        for text in _texts(value):
            look_at_words(text, work.folder, made)
    return made


def _look_at_value(value: Any, folder: Path, made: MadeOf) -> None:
    from yamlflow_nb.executors.code_text import look_at_text

    for text in _texts(value):
        if "." in text or "/" in text:
            look_at_text(text, folder, made)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if "sha256" not in value:
            for part in value.values():
                yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)


def _text(value: Any) -> str:
    """A value as it counts: a reference by its content, wherever it lies. Raises ``NotKnown``."""
    try:
        return dumps(_by_content(value))
    except (UnkeepableValue, RecursionError) as error:
        raise NotKnown(f"a value cannot be compared: {error}") from None


def _by_content(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {key: _by_content(part) for key, part in value.items()}
        return {key: part for key, part in plain.items() if key != "path"} if "sha256" in value and "path" in value else plain
    return [_by_content(part) for part in value] if isinstance(value, (list, tuple)) else value


def _references(value: Any) -> Iterator[dict[str, Any]]:
    """The references to files in a result."""
    if isinstance(value, dict):
        if "sha256" in value and "path" in value:
            yield value
        else:
            for part in value.values():
                yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _different(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [name for name in dict.fromkeys((*new, *old)) if old.get(name) != new.get(name)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _file_digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while piece := file.read(1 << 20):
                digest.update(piece)
            return digest.hexdigest()
    except OSError:
        return None
