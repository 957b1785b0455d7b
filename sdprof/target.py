"""What a user writes to have a sampling loop audited: a target that builds a workload.

Nothing here imports torch: the command line reads targets without paying for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What the command line asks of a target. ``None`` means: the target chooses."""

    size: str | None = None
    steps: int | None = None
    """Sampling steps of one run."""
    batch_size: int | None = None
    """Images made at once, before classifier-free guidance doubles them."""
    height: int | None = None
    """Image height in pixels."""
    width: int | None = None
    """Image width in pixels."""
    seed: int = 0
    dtype: str | None = None
    """Name of the autocast or weight type: float32, float16 or bfloat16."""
    device: str = "cpu"
    """A torch device name: cpu, cuda, cuda:1."""
    weights: Path | None = None
    """A checkpoint file, or None for seeded random weights."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """``--set NAME=VALUE`` of the command line, for whatever else a target wants to know."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A built sampling loop, ready to be run again and again."""

    run: Callable[[], Any]
    """Runs the whole loop once. What it returns (tensors, in any nesting of dicts, lists and tuples) is what parity
    compares. Two calls must return the same values: seed inside."""
    hot_modules: Mapping[str, torch.nn.Module]
    """The modules that the time goes into, by name, the most important one first. Its repeated calls make the steps."""
    source_roots: Sequence[Path] = ()
    """Folders (or files) with the user's own source: findings point there. Default: the folder of the target."""
    step: Callable[..., Any] | None = None
    """The function that does one step, if steps should not be found from the calls of the first hot module."""
    settings: BuildOptions | None = None
    """The options as the target resolved them, every ``None`` replaced by what was chosen."""
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """What else describes this workload in the report: sampler, guidance scale, prompt, parameter count."""


@dataclass(frozen=True)
class TargetDeclaration:
    """What ``@target`` leaves on a build function."""

    name: str
    summary: str
    sizes: tuple[str, ...] = ()


Build = TypeVar("Build", bound=Callable[[BuildOptions], Workload])
DECLARATION_ATTRIBUTE = "__sdprof_target__"


def target(name: str, *, summary: str = "", sizes: Sequence[str] = ()) -> Callable[[Build], Build]:
    """Declare a function ``build(options: BuildOptions) -> Workload`` as an audit target.

    The command line reads these arguments from the source without running it, so they must be literals.

    :param name: what ``--target`` takes; lower case words joined by hyphens.
    :param summary: one line for ``sdprof targets``.
    :param sizes: the values that ``--size`` may have; empty where the target has but one size.
    """

    def declare(build: Build) -> Build:
        setattr(build, DECLARATION_ATTRIBUTE, TargetDeclaration(name, summary, tuple(sizes)))
        return build

    return declare
