"""What a module's import statements call what."""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource


def imported(source: ModuleSource) -> dict[str, str]:
    """Full names by the names that stand for them: ``{"np": "numpy", "Normal": "torch.distributions.Normal"}``.

    ``import torch.nn`` gives the name ``torch`` to ``torch``. Relative imports are left out.
    """
    found: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                root = each.name.partition(".")[0]
                found |= {each.asname: each.name} if each.asname else {root: root}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return found
