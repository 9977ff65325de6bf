"""Which kernel runs a notebook."""

from __future__ import annotations

import os
import sys
from typing import Any

from yamlflow_nb.domain.work import TaskFailed, Work


def kernel_of(work: Work, notebook: Any) -> tuple[str, str]:
    """The kernel's name and language: the task's ``kernel``, else the notebook's, else Python. Raises ``TaskFailed``."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    name = work.fields.get("kernel") or notebook.metadata.get("kernelspec", {}).get("name") or "python3"
    try:
        spec = KernelSpecManager().get_kernel_spec(str(name))
    except NoSuchKernel:
        raise TaskFailed("NoSuchKernel", f"there is no kernel `{name}`; installed: {known_kernels()}") from None
    return str(name), str(spec.language).lower() or "python"


def is_of_this_interpreter(name: str) -> bool:
    """Whether a kernel is IPython's, started by this very interpreter with nothing added to it."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return False
    program, *arguments = [argument for argument in spec.argv if argument != "-Xfrozen_modules=off"]
    major, minor = sys.version_info[:2]
    return (
        program in ("python", f"python{major}", f"python{major}.{minor}", os.path.abspath(sys.executable))
        and arguments == ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
        and not spec.env and spec.interrupt_mode == "signal" and "kernel_provisioner" not in (spec.metadata or {})
    )  # fmt: skip


def known_kernels() -> str:
    """The names of installed kernels, for messages."""
    from jupyter_client.kernelspec import KernelSpecManager

    return ", ".join(f"`{name}`" for name in sorted(KernelSpecManager().find_kernel_specs())) or "none"
