"""How a fix says no."""

from __future__ import annotations


class DeclinedError(Exception):
    """A fix will not act: one sentence that says why. The report shows it."""
