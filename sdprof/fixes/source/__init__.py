"""Fixes that rewrite source: one file a cure, each with a ``META`` and ``rewrite(site, sources) -> tuple[Edit, ...]``.

A rewrite is shown one event site (an expression, with what was seen of it while it ran) and answers with edits of the
text: the first is the one to prefer, the others are what to try where the event stays. It raises ``DeclinedError``
with the reason where it cannot prove that an edit keeps the values. Nothing here runs the user's code or imports torch.
"""
