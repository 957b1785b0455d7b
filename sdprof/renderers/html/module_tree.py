"""The module tree, cut to what takes time."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import HotModule

LEAST_SHARE = 0.005
MOST_MODULES = 120


@dataclass(frozen=True)
class ModuleTree:
    """Modules in the order of the tree."""

    modules: tuple[HotModule, ...]
    hidden: int
    """Modules with no more than ``least_share`` of the time."""
    least_share: float


def module_tree(modules: tuple[HotModule, ...]) -> ModuleTree:
    """The modules with the largest shares. A parent's share holds its children's, so no child is left without it."""
    shares = sorted((module.share for module in modules), reverse=True)
    least = max(LEAST_SHARE, shares[MOST_MODULES - 1] if len(shares) > MOST_MODULES else 0.0)
    kept = tuple(module for module in modules if module.share >= least)[:MOST_MODULES]
    return ModuleTree(kept, len(modules) - len(kept), least)
