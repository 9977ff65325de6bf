"""A pipeline that is about to run → the record of its execution, and the names that it reads as ``system.*``."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any, Literal

from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.services.pipeline_source import PipelineSource, project_of


def new_record(
    definition: PipelineDefinition,
    text: PipelineSource,
    values: Mapping[str, Any],
    now: float,
    initiator: str,
    content_hash: str | None = None,
) -> ExecutionRecord:
    """The record of an execution that begins now; ``content_hash`` where it is known already."""
    return ExecutionRecord(
        id=_new_id(now),
        pipeline=definition.name,
        version=definition.version,
        definition_hash=content_hash or definition.content_hash,
        definition=text.text if isinstance(text.text, str) else text.text.decode("utf-8-sig"),
        source_name=text.name,
        folder=str(text.folder),
        project=str(project_of(text.folder)),
        inputs=values,
        status="running",
        reason=None,
        initiator=initiator,
        created_at=now,
    )


def held(definition: PipelineDefinition) -> Literal["", "concurrency"]:
    """Whether an execution has to wait for its place before anything of it starts."""
    return "" if definition.concurrency is None else "concurrency"


def system_names(record: ExecutionRecord) -> dict[str, Any]:
    """The ``system.*`` names of an execution."""
    moment = dt.datetime.fromtimestamp(record.created_at, dt.timezone.utc)
    return {
        "execution_id": record.id, "pipeline": record.pipeline, "version": record.version, "initiator": record.initiator,
        "workdir": record.folder, "started_at": moment, "scheduled_for": moment,
    }  # fmt: skip


def _new_id(now: float) -> str:
    """Begins with the time, so that ids sort as executions began: ``20250131-153012-7f3a9c``."""
    return f"{dt.datetime.fromtimestamp(now, dt.timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
