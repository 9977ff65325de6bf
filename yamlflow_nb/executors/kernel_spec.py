"""Which kernel runs a notebook."""

from __future__ import annotations

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


def known_kernels() -> str:
    """The names of installed kernels, for messages."""
    from jupyter_client.kernelspec import KernelSpecManager

    return ", ".join(f"`{name}`" for name in sorted(KernelSpecManager().find_kernel_specs())) or "none"
