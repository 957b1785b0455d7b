"""What is said when a file cannot be read as a trace."""

from __future__ import annotations


class TraceError(ValueError):
    """A file that is no readable trace. Its text is one sentence: what is wrong, and what to do."""
