"""``retryWhen`` that never retries.

**What.** ``retryWhen`` is written, ``retry.maxAttempts`` is not (or it is 1).

**Why it is wrong.** ``maxAttempts`` counts the first attempt too and is 1 by default: there is no second for ``retryWhen`` to
grant.

**Example**

```yaml
retryWhen: "{{ attempt.error.type == 'TimeoutError' }}"
```

**Fix.** Add ``retry: {maxAttempts: 3}``.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF318"
TITLE = "`retryWhen` without attempts"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for node, written in enumerate(model.definition.parsed.nodes):
        if written.retryWhen is None:
            continue
        retry = model.setting(node, "retry")
        if retry is None or retry.maxAttempts <= 1:
            yield model.report(
                CODE,
                model.at(written.retryWhen.path),
                f"`{model.nodes[node].id}` has `retryWhen`, but no second attempt to grant",
                severity="warning",
                hint="`retry: {maxAttempts: 3}` allows three attempts, the first included",
            )
