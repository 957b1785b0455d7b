"""What happened to deferred attention in one module, and which kernel it is to use."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.attention import SDPBackend


@dataclass
class Tally:
    """Counts since it was made."""

    backend: SDPBackend | None
    """The only kernel to take, or None for PyTorch's own choice."""
    fused: int = 0
    operators_with_tensors: int = 0
    """Operators other than products and sums between a deferred object and a tensor. TorchDynamo (2.13) hands a tensor
    to the interception first, whichever side it stood on, so compiled code could not tell a / b from b / a."""
    settled_probabilities: int = 0
    """Probabilities that had to be computed after all: with those, fusing saves nothing."""
