"""Whether the host values of a simulated tensor mean anything: without values, most do not."""

from __future__ import annotations

from torch import Tensor

KNOWN_ELEMENTS = 4096
"""Tensors up to this size keep their values: more than a table of 1000 steps, less than a latent image."""
_FORGOTTEN = "_sdprof_values_forgotten"
"""Marks memory that was overwritten with values that are not known. Views share the memory, and so the mark."""


def are_known(host: Tensor) -> bool:
    """Whether a host tensor holds values, and none of its memory was overwritten with unknown ones."""
    return not host.is_meta and not hasattr(host.untyped_storage(), _FORGOTTEN)


def forget(host: Tensor) -> None:
    """Mark the memory of a host tensor as holding values that are not known."""
    if not host.is_meta:
        setattr(host.untyped_storage(), _FORGOTTEN, True)
