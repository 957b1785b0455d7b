"""By which names a module calls torch and torch.nn.functional."""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource


def functional_name(source: ModuleSource) -> tuple[str, tuple[str, ...]]:
    """The name of ``torch.nn.functional`` in a module, and the imports that have to be added for it."""
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name == "torch.nn.functional" and each.asname:
                    return each.asname, ()
        elif isinstance(node, ast.ImportFrom) and node.module == "torch.nn" and not node.level:
            for each in node.names:
                if each.name == "functional":
                    return each.asname or each.name, ()
    torch, imports = torch_name(source)
    return f"{torch}.nn.functional", imports


def torch_name(source: ModuleSource) -> tuple[str, tuple[str, ...]]:
    """The name of ``torch`` in a module, and the import that has to be added for it."""
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name == "torch" or (each.name.startswith("torch.") and not each.asname):
                    return each.asname or "torch", ()
    return "torch", ("import torch",)
