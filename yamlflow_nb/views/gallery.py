"""Outputs that are pictures → small copies that a page can hold."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

_FORMATS = ("png", "jpg", "jpeg")
_MOST, _WIDEST, _LARGEST = 3, 720, 40_000
_MOST_PIXELS = 40_000_000
"""Of a picture that is opened: nobody's memory is filled by a view."""


def gallery(outputs: Mapping[str, Any]) -> dict[str, bytes]:
    """By output: a PNG of it, small enough to be kept in a notebook. What cannot be read or made small is left out."""
    found: dict[str, bytes] = {}
    for name, value in outputs.items():
        if len(found) < _MOST and isinstance(value, Mapping) and str(value.get("format")).lower() in _FORMATS:
            small = _small(str(value.get("path")))
            if small is not None and len(small) <= _LARGEST:
                found[name] = small
    return found


def _small(path: str) -> bytes | None:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            flat = image.convert("RGB")
            if flat.width > 2 * _WIDEST:
                flat = flat.resize((2 * _WIDEST, round(flat.height * 2 * _WIDEST / flat.width)))
            kept = BytesIO()
            flat.quantize(64).save(kept, "PNG", optimize=True)
            return kept.getvalue()
    except (OSError, ValueError, SyntaxError):  # gone, or no picture whatever its name says
        return None
