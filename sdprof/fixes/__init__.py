"""Fixes: one file a cure. Each has a ``META`` and, for module and runtime fixes, ``apply(subject) -> tuple[str, ...]``.

``apply`` changes the subject in place and returns what it did, a sentence each; it raises ``DeclinedError`` where it
will not act, having changed nothing.
"""
