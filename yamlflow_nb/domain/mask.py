"""Secrets that a task was given → what is written in their place."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

_SHORTEST = 4
"""A shorter secret would blacken half of every text, and hide nothing."""
_SHORTEST_LINE = 8
"""Of a secret of several lines (a key in a file) each line is a secret: a log is written line by line."""
MASK = "•••"


class Mask:
    """Blackens secrets in all that an attempt leaves behind, also as they stand in URLs, in ``repr`` and in base64."""

    def __init__(self) -> None:
        self._forms: list[str] = []

    def add(self, secret: str) -> None:
        """From here on this text is not written."""
        if len(secret) < _SHORTEST:
            return
        forms = {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1]}
        forms.add(base64.b64encode(secret.encode()).decode())
        lines = [line.strip() for line in secret.splitlines()]
        forms.update(line for line in lines if len(lines) > 1 and len(line) >= _SHORTEST_LINE)
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Plain data without them; in tables and files they are not looked for."""
        return {name: self._value(value) for name, value in values.items()} if self._forms else values

    def _value(self, value: Any) -> Any:
        try:
            return self._masked(value)
        except RecursionError:  # it contains itself, and will be refused for that
            return value

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._masked(item) for key, item in value.items()}
        return [self._masked(item) for item in value] if isinstance(value, list) else value
