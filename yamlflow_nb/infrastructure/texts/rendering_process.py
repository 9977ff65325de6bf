"""A process that renders the texts that it reads, a line each; to be killed at any time."""

from __future__ import annotations

import contextlib
import json
import sys

SECONDS = 1
"""Of processor time for one text."""
_MEMORY = 512 * 1024 * 1024


def main() -> None:
    from yamlflow_nb.domain.typed_json import loads
    from yamlflow_nb.infrastructure.texts.sandbox import TextError, rendered

    rendered("{% if true %}{{ 1 }}{% endif %}", {})  # so that what it loads is loaded
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    for line in sys.stdin:
        _bound()
        try:
            asked = loads(line)
            answer = {"text": rendered(asked["template"], asked["values"])}
        except (TextError, MemoryError) as error:
            answer = {"error": str(error) or "it takes too much memory"}
        print(json.dumps(answer), flush=True)  # noqa: T201


def _bound() -> None:
    """The system itself ends what takes more processor time, and refuses memory beyond a bound."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        limit = int(used) + SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))


if __name__ == "__main__":
    main()
