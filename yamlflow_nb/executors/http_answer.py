"""An answer → outputs: JSON as a value, text as text, anything else, and what is large, as a file."""

from __future__ import annotations

import json
import mimetypes
from email.message import Message
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.work import TaskFailed, Work

MOST_BYTES = 256 * 1024 * 1024
"""A larger answer is not read to its end."""
MOST_TEXT = 16 * 1024 * 1024
"""Of a larger text or JSON the file is given, not the value."""
_PIECE = 1 << 16


def outputs_of(answer: Any, work: Work, wanted: str | None) -> dict[str, Any]:
    """``status body headers``. ``wanted`` is ``json`` or ``text`` where the body must be that. Raises ``TaskFailed``."""
    headers = {name.lower(): ", ".join(answer.headers.getlist(name)) for name in answer.headers}
    path, size = _stored(answer, work)
    kind, charset = _kind(headers.get("content-type", ""))
    is_json = wanted == "json" or (wanted is None and (kind == "application/json" or kind.endswith("+json")))
    is_text = wanted == "text" or kind.startswith("text/") or kind in ("application/xml", "application/x-www-form-urlencoded")
    body: Any = None
    if size == 0:
        path.unlink()
        if wanted == "json":
            raise TaskFailed("NotJSON", f"the answer is empty, but JSON was expected (status {answer.status})")
    elif size > MOST_TEXT or not (is_json or is_text):
        body = path.rename(path.with_name(f"body{mimetypes.guess_extension(kind) or '.bin'}"))
    else:
        text = path.read_bytes().decode(charset, "replace")
        path.unlink()
        body = _parsed(text, answer.status) if is_json else text
    return {"status": answer.status, "body": body, "headers": headers}


def _stored(answer: Any, work: Work) -> tuple[Path, int]:
    path = work.run_folder / ".body"
    size = 0
    expected = _length(answer.headers.get("content-length"))
    with path.open("wb") as file:
        for piece in answer.stream(_PIECE, decode_content=True):
            size += len(piece)
            if size > MOST_BYTES:
                file.close()
                path.unlink()
                raise TaskFailed("ResponseTooLarge", f"the answer is larger than {MOST_BYTES // 1024 // 1024} MiB")
            file.write(piece)
            work.progress(size, expected, "bytes")
    return path, size


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _kind(text: str) -> tuple[str, str]:
    """Media type and charset of a ``Content-Type``."""
    message = Message()
    message["content-type"] = text or "application/octet-stream"
    charset = message.get_content_charset() or "utf-8"
    try:
        "".encode(charset)
    except LookupError:
        charset = "utf-8"
    return message.get_content_type(), charset


def _parsed(text: str, status: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskFailed("NotJSON", f"the answer (status {status}) should be JSON, but is not: {error}: {text[:80]!r}") from None
