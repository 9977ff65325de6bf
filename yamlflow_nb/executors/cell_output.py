"""What a cell says → its outputs and the log, neither of them without bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.executors.printed import Lines

MOST_OF_A_CELL = 5 * 1024 * 1024
"""Characters of output that are kept of one cell: more makes a notebook that no editor opens."""


class CellOutput:
    """The outputs of one cell, as they come in."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._left = MOST_OF_A_CELL
        self._dropped = 0

    def accepts(self, message: dict[str, Any]) -> bool:
        """Whether a message from the kernel is kept; a text that is too long is shortened in place."""
        content = message["content"]
        if message["msg_type"] == "stream":
            text = content["text"]
            content["text"] = text[: self._left]
            self._lines.write(content["text"])
            self._dropped += len(text) - len(content["text"])
            self._left -= len(content["text"])
            return bool(content["text"])
        size = _size(content)
        if size > self._left:
            self._dropped += size
            return False
        self._left -= size
        return True

    def end(self) -> str | None:
        """The cell is done; what to say about output that was left out."""
        self._lines.end()
        if not self._dropped:
            return None
        kept, dropped = MOST_OF_A_CELL / 1024 / 1024, self._dropped / 1024 / 1024
        return f"[yamlflow_nb: output beyond {kept:g} MiB is left out, {dropped:.1f} MiB of this cell]\n"


def joined(outputs: list[Any]) -> list[Any]:
    """A cell's outputs with what it printed in one piece for each stream: kernels send it in pieces by their clock, and the same
    cell must leave the same copy. (nbclient's own way takes hours for a line of a million characters.)"""
    streams: dict[str, Any] = {}
    places: list[Any] = []
    for output in outputs:
        if output["output_type"] != "stream":
            places.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
        else:
            streams[output["name"]] = output
            places.append(output)
    for stream in streams.values():
        stream["text"] = "\n".join(_as_shown(line) for line in stream["text"].split("\n"))
    printed = [streams[name] for name in sorted(streams, reverse=True)]
    return [output if output["output_type"] != "stream" else printed.pop(0) for output in places]


def _as_shown(line: str) -> str:
    """What a terminal would show of a line that was written over: the last of it."""
    end = "\r" if line.endswith("\r") else ""
    return line.rstrip("\r").rpartition("\r")[2] + end


def _size(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return sum(map(_size, content.values()))
    return sum(map(_size, content)) if isinstance(content, list) else 8
