"""What an execution begins with: its id, its record, its first fact."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.event import Started
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


def first_fact(record: ExecutionRecord, definition: PipelineDefinition) -> Started:
    """How it begins: with its inputs and its ``system.*`` names, held where only so many of its pipeline may run at once."""
    moment = dt.datetime.fromtimestamp(record.created_at, dt.timezone.utc)
    names = {
        "execution_id": record.id, "pipeline": definition.name, "version": definition.version, "initiator": record.initiator,
        "workdir": record.folder, "started_at": moment, "scheduled_for": moment,
    }  # fmt: skip
    return Started(record.created_at, record.inputs, names, "" if definition.concurrency is None else "concurrency")


def new_id(now: float) -> str:
    """Begins with the time, so that ids sort as executions began: ``20250131-153012-7f3a9c``."""
    return f"{dt.datetime.fromtimestamp(now, dt.timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
