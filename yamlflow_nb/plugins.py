"""Task types of your own: the one import with a promise.

What this module gives stays as it is for as long as ``API`` is 1; everything else of ``yamlflow_nb`` may change with any version.
A package names its executor class in the entry-point group ``yamlflow_nb.executors``, under the name of the type:

```toml
[project.entry-points."yamlflow_nb.executors"]
profile = "yamlflow_profile:ProfileExecutor"
```

The class is made without arguments and has ``api = 1``, ``task_type``, a ``TaskType`` whose ``fields`` are a ``TaskFields`` model,
and ``execute(work) -> mapping of outputs``, which raises ``TaskFailed``, or anything else, when it fails. It runs in a thread,
for several nodes at once, and writes no state. ``work.opened()`` are the inputs with tables as data frames and files as paths;
``work.run_folder`` is the attempt's own folder for what it writes; an output that is a ``Path`` or a data frame is kept by
reference. ``environment_of(work)`` is the task's ``env``, secrets in their places, for a model with such a field.
"""

from __future__ import annotations

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.task_definition import InputDeclaration, OutputDeclaration, TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.given_secrets import environment_of
from yamlflow_nb.executors.installed import API

__all__ = [
    "API", "AttemptKey", "InputDeclaration", "OutputDeclaration", "TaskFailed", "TaskFields", "TaskType", "Work", "environment_of",
]  # fmt: skip
