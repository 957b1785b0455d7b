"""Functions that an edit may add to the end of the user's module, where no plainer code does it."""

from __future__ import annotations

HELPERS: dict[str, str] = {}
