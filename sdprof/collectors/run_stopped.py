"""How a run is ended on purpose, from inside."""

from __future__ import annotations


class RunStopped(BaseException):
    """Raised through the user's code. Not an Exception, so that no ``except Exception`` of the user's stops it."""
