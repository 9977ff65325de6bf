"""A real kernel, spoken to as a front end does: cells are run, and every message is kept with the cell that it belongs to."""

from __future__ import annotations

import os
import re
import time

from jupyter_client.manager import start_new_kernel

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Cell:
    """One executed cell: its outputs as a page would hold them, each message with the time of its arrival."""

    def __init__(self, request):
        self.request = request
        self.messages = []
        self.outputs = []
        self.reply = None
        self._places = {}

    def take(self, message, places):
        content, kind = message["content"], message["msg_type"]
        self.messages.append((time.monotonic(), message))
        if kind == "stream":
            self.outputs.append({"stream": content["text"]})
        elif kind in ("display_data", "execute_result"):
            self.outputs.append(content["data"])
            display = content.get("transient", {}).get("display_id")
            if display:
                places[display] = (self, len(self.outputs) - 1)
        elif kind == "update_display_data":
            cell, place = places[content["transient"]["display_id"]]
            cell.outputs[place] = content["data"]
        elif kind == "error":
            self.outputs.append({"error": _COLOUR.sub("", "\n".join(content["traceback"]))})

    @property
    def text(self):
        return "\n".join(one.get("stream") or one.get("text/plain") or "" for one in self.outputs)

    @property
    def error(self):
        return next((one["error"] for one in self.outputs if "error" in one), None)

    @property
    def updates(self):
        return [message for _, message in self.messages if message["msg_type"] == "update_display_data"]


class Kernel:
    """A kernel and the page before it."""

    def __init__(self, folder, name="python3", **environment):
        self.folder = folder
        env = {key: value for key, value in os.environ.items() if key not in ("YAMLFLOW_WAIT", "YAMLFLOW_STORE")}
        env |= {"YAMLFLOW_STORE": str(folder / "store.db"), **environment}
        self.manager, self.client = start_new_kernel(kernel_name=name, cwd=str(folder), env=env)
        self.cells = {}
        self._places = {}

    def start(self, code, stdin=True):
        """Send a cell."""
        request = self.client.execute(code, allow_stdin=stdin)
        cell = self.cells[request] = Cell(request)
        return cell

    def run(self, code, stdin=True):
        """Send a cell and take messages until it is done."""
        cell = self.start(code, stdin)
        self.until(lambda: self.is_idle(cell))
        cell.reply = self._reply(cell)
        return cell

    def until(self, happened, timeout=60):
        """Take messages until something has happened; fails when the time is over."""
        end = time.monotonic() + timeout
        while not happened():
            message = self.client.get_iopub_msg(timeout=max(0.01, end - time.monotonic()))
            cell = self.cells.get(message["parent_header"].get("msg_id"))
            if cell is not None:
                cell.take(message, self._places)

    def completed(self, begun):
        """What the tab key offers after a text."""
        return self._reply(Cell(self.client.complete(begun, len(begun))))["matches"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def is_idle(self, cell):
        return any(message["content"].get("execution_state") == "idle" for _, message in cell.messages)

    def _reply(self, cell):
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == cell.request:
                return reply["content"]
