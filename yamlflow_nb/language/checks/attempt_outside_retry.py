"""``attempt`` outside of ``retryWhen``.

**What.** ``attempt.number`` and its kin are read elsewhere than in ``retryWhen``.

**Why it is wrong.** Only when an attempt has failed is there an attempt to speak of.

**Example**

```yaml
failWhen: "{{ attempt.number > 3 }}"
```

**Fix.** In ``retryWhen`` it is right; elsewhere ``NODE.run.attempts`` tells how many there were.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF308"
TITLE = "`attempt` outside of `retryWhen`"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        if use.read.path[0] == "attempt" and use.role != "retryWhen":
            place = (use.path, use.read.start, use.read.end)
            hint = "`<node>.run.attempts` tells elsewhere how many there were"
            yield model.report(CODE, place, "`attempt` can be read in `retryWhen` only", hint=hint)
