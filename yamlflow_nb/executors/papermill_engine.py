"""``papermill --engine yamlflow``: papermill's own engine on a kernel that has started before."""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine
from papermill.utils import merge_kwargs, remove_args


class WarmEngine(NBClientEngine):  # type: ignore[misc]
    """The entry point of group ``papermill.engine``; takes the options of papermill's engine."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        **options: Any,
    ) -> Any:
        """Run the notebook, and give it as it is then. Raises nbclient's errors when the kernel dies."""
        from papermill.log import logger

        from yamlflow_nb.executors.warm_client import WarmClient

        given = merge_kwargs(
            remove_args(["timeout", "startup_timeout", "input_path"], **options),
            timeout=execution_timeout or options.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        )
        return WarmClient(nb_man, **given).execute()
