"""3 × 3 convolutions by Winograd's minimal filtering: the same sums, factored so that they need fewer products.

An output tile of m × m pixels takes (m + 2)² products a pair of channels instead of 9 m²: 16 instead of 36 for m = 2,
36 instead of 144 for m = 4. The matrices are those of A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
Networks", 2015, arXiv:1509.09308, equations 7 to 13. Every one of the (m + 2)² places of a tile is one matrix product
over all tiles, (tiles, in) × (in, out), with its weight packed once for oneDNN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sdprof.fixes.machinery.packing import Packed, can_pack, unless_changed

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Algorithm:
    """F(m × m, 3 × 3): tiles of m × m output pixels, from (m + 2) × (m + 2) input pixels."""

    output: int
    """m, in pixels."""
    of_input: Matrix
    """Bᵀ, (m + 2, m + 2)."""
    of_weight: Matrix
    """G, (m + 2, 3)."""
    of_output: Matrix
    """Aᵀ, (m, m + 2)."""

    @property
    def input(self) -> int:
        """Width of an input tile, in pixels."""
        return self.output + 2


TWO = Algorithm(
    output=2,
    of_input=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    of_weight=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    of_output=((1, 1, 1, 0), (0, 1, -1, -1)),
)
FOUR = Algorithm(
    output=4,
    of_input=(
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    of_weight=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    of_output=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
)
LEAST_CHANNELS = 256
"""Fewer, and the transforms, which grow with the channels, outweigh the products, which grow with their square."""
LEAST_TILES = 32
"""Fewer, and a product reads more bytes of weight than it computes with: the weight is larger by (m + 2)² / 9. On two
cores of an AMD EPYC the gain ended at 8 tiles (1280 channels at 4 × 4, two images)."""


def algorithm_for(module: torch.nn.Module, input_shape: torch.Size) -> Algorithm | None:
    """The one that is worth it for a module at an input of (B, C, H, W); None where the direct convolution is."""
    if not can_pack(module) or not isinstance(module, torch.nn.Conv2d) or len(input_shape) != 4:
        return None
    same_size = module.kernel_size == (3, 3) and module.padding == (1, 1) and module.stride == module.dilation == (1, 1)
    if not same_size or module.groups != 1 or min(module.in_channels, module.out_channels) < LEAST_CHANNELS:
        return None
    return next((each for each in (FOUR, TWO) if _tiles(each, input_shape) >= LEAST_TILES), None)


def _tiles(algorithm: Algorithm, input_shape: torch.Size) -> int:
    """How many tiles cover the images of a batch; none where a tile would stand over the edge."""
    images, _, height, width = input_shape
    if height % algorithm.output or width % algorithm.output:
        return 0
    return images * (height // algorithm.output) * (width // algorithm.output)


def winograd(module: torch.nn.Conv2d, algorithm: Algorithm, input_shape: torch.Size) -> Packed:
    """A forward that convolves by tiles, with the transformed weight packed for inputs like the one given.

    Sizes of image that the tiles do not fit go through the module's own forward.

    :param input_shape: (B, C, H, W).
    """
    weights = _transformed_weight(module, algorithm)
    tiles = _tiles(algorithm, input_shape)
    packed = [torch.ops.mkldnn._reorder_linear_weight(each, tiles) for each in weights]
    direct = module.forward
    to_tiles = _of_both_sides(algorithm.of_input, module.weight)
    from_tiles = _of_both_sides(algorithm.of_output, module.weight)

    def forward(input: torch.Tensor) -> torch.Tensor:
        if not _tiles(algorithm, input.shape):
            return direct(input)
        products = _multiplied(_to_tiles(to_tiles, algorithm, input), packed)
        output = _from_tiles(from_tiles, algorithm, products, input.shape)
        return output if module.bias is None else output.add_(module.bias[:, None, None])

    return Packed(unless_changed(module, forward), weights.numel() * weights.element_size())


def _transformed_weight(module: torch.nn.Conv2d, algorithm: Algorithm) -> torch.Tensor:
    """G w Gᵀ: ((m + 2)², out, in)."""
    taps = module.weight.detach().permute(2, 3, 0, 1)
    transform = _of_both_sides(algorithm.of_weight, taps)
    return (transform @ taps.flatten(2).flatten(0, 1)).view(-1, module.out_channels, module.in_channels)


def _of_both_sides(matrix: Matrix, like: torch.Tensor) -> torch.Tensor:
    """M ⊗ M, which does to a tile laid out as a row what M x Mᵀ does to the tile x."""
    side = torch.tensor(matrix, dtype=like.dtype, device=like.device)
    return torch.kron(side, side)


def _to_tiles(transform: torch.Tensor, algorithm: Algorithm, input: torch.Tensor) -> torch.Tensor:
    """Bᵀ d B of every tile d: (B, C, H, W) -> ((m + 2)², tiles, C)."""
    images, channels, height, width = input.shape
    m, n = algorithm.output, algorithm.input
    padded = input.new_zeros(images, height + 2, width + 2, channels)
    padded[:, 1:-1, 1:-1].copy_(input.permute(0, 2, 3, 1))
    tiles = padded.unfold(1, n, m).unfold(2, n, m).permute(4, 5, 0, 1, 2, 3)
    return (transform @ tiles.reshape(n * n, -1)).view(n * n, -1, channels)


def _multiplied(tiles: torch.Tensor, packed: Sequence[torch.Tensor]) -> torch.Tensor:
    """The product over the channels at each place: ((m + 2)², tiles, in) -> ((m + 2)², tiles, out)."""
    operator = torch.ops.mkldnn._linear_pointwise.default
    return torch.stack(
        [operator(tile, weight, None, "none", [], "") for tile, weight in zip(tiles, packed, strict=True)]
    )


def _from_tiles(
    transform: torch.Tensor, algorithm: Algorithm, products: torch.Tensor, image_shape: torch.Size
) -> torch.Tensor:
    """Aᵀ p A of every tile p: ((m + 2)², tiles, out) -> (B, out, H, W), in channels-last order.

    :param image_shape: (B, in, H, W) of the input.
    """
    images, _, height, width = image_shape
    m = algorithm.output
    tiles = (transform @ products.flatten(1)).view(m, m, images, height // m, width // m, -1)
    return tiles.permute(2, 3, 0, 4, 1, 5).reshape(images, height, width, -1).permute(0, 3, 1, 2)
