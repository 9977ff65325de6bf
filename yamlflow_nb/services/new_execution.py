"""What an execution begins with: its id, its record, its ``system.*`` names."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.services.pipeline_source import PipelineSource, project_of


def new_record(
    execution_id: str, definition: PipelineDefinition, text: PipelineSource, values: Mapping[str, Any], now: float, initiator: str
) -> ExecutionRecord:
    """The record of an execution that is about to begin; it belongs to the project of its text's folder."""
    return ExecutionRecord(
        id=execution_id,
        pipeline=definition.name,
        version=definition.version,
        definition_hash=definition.content_hash,
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


def system_names(record: ExecutionRecord, definition: PipelineDefinition, now: float) -> dict[str, Any]:
    """The ``system.*`` names of an execution."""
    moment = dt.datetime.fromtimestamp(now, dt.timezone.utc)
    return {
        "execution_id": record.id, "pipeline": definition.name, "version": definition.version, "initiator": record.initiator,
        "workdir": record.folder, "started_at": moment, "scheduled_for": moment,
    }  # fmt: skip


def new_id(now: float) -> str:
    """Begins with the time, so that ids sort as executions began: ``20250131-153012-7f3a9c``."""
    return f"{dt.datetime.fromtimestamp(now, dt.timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
