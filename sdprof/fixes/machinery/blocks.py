"""Which block classes a model repeats, found from its module tree."""

from __future__ import annotations

from collections import defaultdict

import torch

from sdprof.model import ModuleProfile

LEAST_SHARE = 0.05
"""A class that holds less of the work than this is not worth a compilation."""


def repeated_blocks(
    hot_module: torch.nn.Module, profile: ModuleProfile | None
) -> dict[type[torch.nn.Module], tuple[torch.nn.Module, ...]]:
    """The classes of blocks that most of the work repeats in, with their instances; no block contains another.

    Work is FLOPs where the baseline's profile knows them, parameters elsewhere. Large blocks win over the blocks in
    them, as long as they repeat: a compiled region should hold as many operators as it can.
    """
    names = {module: name for name, module in hot_module.named_modules()}
    work = {module: _work(name, module, profile) for module, name in names.items()}
    groups: dict[type[torch.nn.Module], list[torch.nn.Module]] = defaultdict(list)
    for module in names:
        if module is not hot_module and _is_block(module):
            groups[type(module)].append(module)
    chosen: dict[type[torch.nn.Module], tuple[torch.nn.Module, ...]] = {}
    taken: set[torch.nn.Module] = set()
    for kind, modules in sorted(groups.items(), key=lambda group: -_benefit(group[1], work)):
        inside = {child for module in modules for child in module.modules()}
        share = sum(work[module] for module in modules) / max(1, work[hot_module])
        nested = len(modules) != len(_outermost(modules))
        if len(modules) > 1 and not nested and not inside & taken and share >= LEAST_SHARE:
            chosen[kind] = tuple(modules)
            taken |= inside
    return chosen


def _is_block(module: torch.nn.Module) -> bool:
    """A module with children and a forward of its own; containers that only list others have none, or no say."""
    containers = (torch.nn.ModuleList, torch.nn.ModuleDict, torch.nn.Sequential)
    return any(True for _ in module.children()) and not isinstance(module, containers)


def _benefit(modules: list[torch.nn.Module], work: dict[torch.nn.Module, int]) -> float:
    """Work in the group, less what each further compiled copy of distinct work costs: one instance repeats nothing."""
    return sum(work[module] for module in modules) * (1 - 1 / len(modules))


def _outermost(modules: list[torch.nn.Module]) -> list[torch.nn.Module]:
    within = {child for module in modules for child in module.modules() if child is not module}
    return [module for module in modules if module not in within]


def _work(name: str, module: torch.nn.Module, profile: ModuleProfile | None) -> int:
    if profile is not None and name:
        for calls in profile.modules:
            if calls.name == name or calls.name.endswith(f".{name}"):
                return calls.flops
    return sum(parameter.numel() for parameter in module.parameters())
