"""Papermill's client on a kernel that has started before, where there is one; else on one that it starts itself."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient.util import run_sync
from papermill.clientwrap import PapermillNotebookClient

from yamlflow_nb.executors import warm_kernels
from yamlflow_nb.executors.kernel_spec import is_of_this_interpreter
from yamlflow_nb.executors.warm_kernels import WarmKernel

_ANSWER_SECONDS = 30.0
_END_SECONDS = 10.0
"""For threads that a notebook left at work, and for what it wants done at its end; then it is terminated, and killed."""


class _TakenProvisioner(LocalProvisioner):
    """Gives a manager the process that is there already."""

    kernel: Any
    parent: Any

    async def pre_launch(self, **options: Any) -> dict[str, Any]:
        return {**options, "cmd": []}

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        self.process = self.kernel
        self.pid = self.pgid = self.kernel.pid
        self.cwd = options.get("cwd")
        self.parent.load_connection_file(str(self.kernel.connection))
        self.connection_info = self.parent.get_connection_info()
        return self.connection_info


class TakenManager(AsyncKernelManager):
    """The manager of one warm kernel."""

    def __init__(self, kernel: WarmKernel, **options: Any) -> None:
        super().__init__(connection_file=str(kernel.connection), **options)
        self.taken = kernel

    async def _async_pre_start_kernel(self, **options: Any) -> tuple[list[str], dict[str, Any]]:
        self._launch_args = options.copy()
        self.kernel_id = self.taken.name
        self.provisioner = _TakenProvisioner(parent=self, kernel_id=self.kernel_id, kernel_spec=self.kernel_spec)
        self.provisioner.kernel = self.taken
        ready = await self.provisioner.pre_launch(**options)
        return ready.pop("cmd"), ready

    pre_start_kernel = _async_pre_start_kernel

    def finish(self, *, politely: bool) -> None:
        """End the kernel, and what it left running in its group."""
        kernel = self.taken
        if not (politely and kernel.finish(_END_SECONDS)):
            self._signal(signal.SIGTERM)
            if not kernel.ended.wait(_END_SECONDS if politely else 0.0):
                self._signal(signal.SIGKILL)
                kernel.ended.wait(_END_SECONDS)
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.taken.pid, number)
        except ProcessLookupError:
            pass  # nobody of its group is left


class WarmClient(PapermillNotebookClient):  # type: ignore[misc]
    """Takes a warm kernel where the kernel that is asked for is one of this interpreter, and ``warm``."""

    watched: tuple[Any, ...] | None = None
    """With what a warm kernel begins to keep its state, if it is to."""

    def __init__(self, *arguments: Any, warm: bool = True, beside: Path | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._warm = warm
        self._beside = beside or Path(os.devnull)

    async def async_start_new_kernel(self, **options: Any) -> None:
        kernel = self._taken(**options)
        if kernel is not None:
            self.km = TakenManager(kernel, kernel_name=self.kernel_name)
        await super().async_start_new_kernel(**options)

    start_new_kernel = run_sync(async_start_new_kernel)

    def _taken(self, **options: Any) -> WarmKernel | None:
        if not self._warm or not is_of_this_interpreter(self.kernel_name):
            return None
        # As jupyter_client does for those that it starts.
        environment = {**(options.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
        folder = options.get("cwd") or self.resources.get("metadata", {}).get("path") or os.getcwd()
        return warm_kernels.KERNELS.take(environment, Path(folder), self._beside, self.watched)

    async def async_start_new_kernel_client(self) -> Any:
        if not isinstance(self.km, TakenManager):
            return await super().async_start_new_kernel_client()
        self.kc = self.km.client()
        try:
            self.kc.start_channels()
            await self._heard()
        except BaseException:
            await self._async_cleanup_kernel()
            raise
        self.kc.allow_stdin = False
        return self.kc

    start_new_kernel_client = run_sync(async_start_new_kernel_client)

    async def _async_cleanup_kernel(self) -> None:
        if isinstance(self.km, TakenManager):
            self.km.finish(politely=self.shutdown_kernel != "immediate")
        await super()._async_cleanup_kernel()

    _cleanup_kernel = run_sync(_async_cleanup_kernel)

    async def _heard(self) -> None:
        """Wait until what the kernel publishes arrives: before that a cell's output would be lost. Raises ``RuntimeError``."""
        asked, until = set(), time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < until:
            asked.add(self.kc.kernel_info())
            try:
                while (await self.kc.get_iopub_msg(timeout=0.1))["parent_header"].get("msg_id") not in asked:
                    pass
            except Empty:
                await self._async_check_alive()
                continue
            for _ in asked:
                await self.kc.get_shell_msg(timeout=_ANSWER_SECONDS)
            return
        raise RuntimeError(f"Kernel didn't respond in {_ANSWER_SECONDS:g} seconds")
