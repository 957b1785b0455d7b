"""Shapes and orders of dimensions."""

from __future__ import annotations

from typing import Any

import torch


def broadcast_shapes(*shapes: torch.Size) -> torch.Size:
    """The shape that tensors of these shapes broadcast to."""
    return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def arranged(operand: torch.Tensor, letters: str, order: str) -> torch.Tensor:
    """Permute an operand's dimensions into an order of letters, with size 1 for letters that it lacks."""
    present = [letter for letter in order if letter in letters]
    operand = operand.permute(*(letters.index(letter) for letter in present))
    for position, letter in enumerate(order):
        if letter not in letters:
            operand = operand.unsqueeze(position)
    return operand


def swapped(bias: torch.Tensor) -> torch.Tensor:
    """A bias for scores whose rows and columns are exchanged."""
    return bias.transpose(-1, -2) if bias.dim() > 1 else bias.unsqueeze(-1)


def swaps_last_two(dims: tuple[Any, ...], rank: int) -> bool:
    """Whether an order of dimensions, given as ``permute`` takes it, exchanges the last two and no others."""
    order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return [dim % rank for dim in order] == [*range(rank - 2), rank - 1, rank - 2]


def batch_of_view(arguments: tuple[Any, ...], shape: torch.Size) -> list[int] | None:
    """The batch part of a new shape, if rows and columns stay; None where it mixes them with the batch."""
    new = arguments[0] if len(arguments) == 1 and not isinstance(arguments[0], int) else arguments
    if not isinstance(new, tuple | list) or not all(isinstance(size, int) for size in new) or len(new) < 2:
        return None
    missing = shape.numel()
    for size in new:
        missing = missing // size if size > 0 else missing
    resolved = [missing if size == -1 else size for size in new]
    return resolved[:-2] if resolved[-2:] == list(shape[-2:]) else None
