"""The module tree, cut to what takes time."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import HotModule

LEAST_SHARE = 0.005
MOST_MODULES = 120


@dataclass(frozen=True)
class TreeRow:
    """A module at its place in what is shown of the tree."""

    module: HotModule
    label: str
    """Its name as seen from the row that holds it: containers that are never called themselves have no row."""
    level: int
    """How many rows hold it."""


@dataclass(frozen=True)
class ModuleTree:
    """Modules in the order of the tree."""

    rows: tuple[TreeRow, ...]
    hidden: int
    """Modules with no more than ``least_share`` of the time."""
    least_share: float


def module_tree(modules: tuple[HotModule, ...]) -> ModuleTree:
    """The modules with the largest shares. A parent's share holds its children's, so no child is left without it."""
    shares = sorted((module.share for module in modules), reverse=True)
    least = max(LEAST_SHARE, shares[MOST_MODULES - 1] if len(shares) > MOST_MODULES else 0.0)
    kept = tuple(module for module in modules if module.share >= least)[:MOST_MODULES]
    return ModuleTree(_rows(kept), len(modules) - len(kept), least)


def _rows(modules: tuple[HotModule, ...]) -> tuple[TreeRow, ...]:
    rows: list[TreeRow] = []
    around: list[str] = []
    for module in modules:
        while around and not module.name.startswith(f"{around[-1]}."):
            around.pop()
        label = module.name.removeprefix(f"{around[-1]}.") if around else module.name
        rows.append(TreeRow(module, label, len(around)))
        around.append(module.name)
    return tuple(rows)
