"""The text tower computes what OpenCLIP's published description says, from tensors under OpenCLIP's names."""

import torch
import torch.nn.functional as F


def published_tower(tensors: dict[str, torch.Tensor], tokens: torch.Tensor, heads: int, layers: int) -> torch.Tensor:
    """Pre-norm transformer with a causal mask; the states before the last layer, through the final norm."""

    def named(name: str) -> torch.Tensor:
        return tensors[f"cond_stage_model.model.{name}"]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], named(f"{name}.weight"), named(f"{name}.bias"), eps=1e-5)

    x = F.embedding(tokens, named("token_embedding.weight")) + named("positional_embedding")
    future = torch.full((x.shape[1], x.shape[1]), float("-inf")).triu(1)
    for layer in range(layers - 1):
        block = f"transformer.resblocks.{layer}"
        y = norm(x, f"{block}.ln_1").transpose(0, 1)
        attended, _ = F.multi_head_attention_forward(
            y,
            y,
            y,
            y.shape[-1],
            heads,
            named(f"{block}.attn.in_proj_weight"),
            named(f"{block}.attn.in_proj_bias"),
            None,
            None,
            False,
            0.0,
            named(f"{block}.attn.out_proj.weight"),
            named(f"{block}.attn.out_proj.bias"),
            training=False,
            need_weights=False,
            attn_mask=future,
        )
        x = x + attended.transpose(0, 1)
        y = F.linear(norm(x, f"{block}.ln_2"), named(f"{block}.mlp.c_fc.weight"), named(f"{block}.mlp.c_fc.bias"))
        x = x + F.linear(F.gelu(y), named(f"{block}.mlp.c_proj.weight"), named(f"{block}.mlp.c_proj.bias"))
    return norm(x, "ln_final")


def test_the_tower_agrees_with_its_description() -> None:
    from latent_diffusion.random_weights import fill_random
    from latent_diffusion.sizes import TextShape
    from latent_diffusion.text_encoder import TextEncoder, from_published, published_names, tokenize

    shape = TextShape(width=64, layers=3, heads=4)
    text = TextEncoder(shape).eval()
    fill_random(text, 0)
    own = text.state_dict()
    published = {theirs: torch.cat([own[name] for name in ours]) for theirs, ours in published_names(shape).items()}
    assert from_published(published, shape).keys() == own.keys()
    tokens = tokenize(["A photo of a horse", ""])
    with torch.no_grad():
        torch.testing.assert_close(text(tokens), published_tower(published, tokens, shape.heads, shape.layers))


def test_the_tower_of_full_size_has_the_published_parameters() -> None:
    from latent_diffusion.sizes import SIZES
    from latent_diffusion.text_encoder import TextEncoder

    shape = SIZES["full"].text
    with torch.device("meta"):
        text = TextEncoder(shape)
    built = sum(parameter.numel() for parameter in text.parameters())
    layer = 12 * shape.width**2 + 13 * shape.width
    assert built + layer + shape.width**2 == 354_032_640  # with the last layer and the projection, which nothing reads


def test_tokens_are_marked_and_padded_with_zeros() -> None:
    from latent_diffusion.text_encoder import tokenize

    photo, empty, long = tokenize(["A photo", "", "word " * 100]).tolist()
    assert photo == [49406, 320, 1125, 49407] + [0] * 73
    assert empty == [49406, 49407] + [0] * 75
    assert (len(long), long[0], long[-1]) == (77, 49406, 49407)
