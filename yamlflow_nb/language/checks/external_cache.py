"""``cache: true`` on a query or request whose data may change unseen.

**What.** A ``sql`` node with a ``connection`` to a database, or an ``http`` node, with ``cache: true``.

**Why it is wrong.** The key of ``cache: true`` is the query and its inputs. What changes inside the database, or on a server, is
not in it: the node would go on giving old rows.

**Example**

```yaml
- {id: load, type: sql, connection: warehouse, query: SELECT * FROM sales, cache: true}
```

**Fix.** ``cache: {ttl: 1h}`` says how old rows may be; ``cache: {key: "{{ pipeline.input.day }}"}`` what they depend on.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF321"
TITLE = "A cache that cannot see changes"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for index in range(len(model.nodes)):
        if model.setting(index, "cache") is not True or not _is_outside(model, index):
            continue
        own = "cache" in model.nodes[index].model_fields_set
        path = ("nodes", index, "cache") if own else ("defaults", "cache")
        yield model.report(
            CODE,
            model.at(path),
            f"`cache: true` cannot know when {_OUTSIDE[str(model.type_name(index))]} of `{model.nodes[index].id}` change",
            hint='`cache: {ttl: 1h}` says how old a result may be, `cache: {key: "{{ ... }}"}` what they depend on',
            replace=("write `{ttl: 1h}`", "{ttl: 1h}") if own else None,
        )


_OUTSIDE = {"sql": "the data behind the connection", "http": "the answers to the request"}
_IN_PROCESS = (None, "duckdb", "duckdb://", "duckdb:///:memory:")


def _is_outside(model: CheckModel, index: int) -> bool:
    kind = model.type_name(index)
    return kind == "http" or (kind == "sql" and model.fields(index).get("connection") not in _IN_PROCESS)
