"""Audits: one file a rule. Each has a ``META`` and a pure function ``audit(facts) -> Iterator[Finding]``.

Reading the file names is reading the list of what can be wrong with a sampling loop.
"""
