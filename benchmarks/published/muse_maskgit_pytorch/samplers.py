"""muse-maskgit-pytorch: its generation of masked tokens, around its own small transformer.

Texts are embedded by a small stand-in for T5, images are decoded by a table of codes.
"""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
import transformers
from torch import nn

transformers.logging = MagicMock()

from muse_maskgit_pytorch import MaskGit, MaskGitTransformer, TokenCritic, VQGanVAE  # noqa: E402
from muse_maskgit_pytorch.t5 import T5_CONFIGS  # noqa: E402

STAND_INS = (
    "torchvision",
    "transformers",
    "vector_quantize_pytorch",
    "accelerate",
    "memory_efficient_attention_pytorch",
)
SMALL = {"num_tokens": 16, "dim": 16, "depth": 1, "dim_head": 8, "heads": 2, "ff_mult": 1, "seq_len": 16}


class Texts(nn.Module):
    """Tokens (B, 3): embeddings (B, 3, 6), as T5 gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Embedding(128, 6)

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(last_hidden_state=self.all(input_ids))


class Tokenizer:
    """Three characters of each text."""

    def batch_encode_plus(self, texts, **_):
        ids = torch.tensor([[ord(each) % 128 for each in text[:3]] for text in texts])
        return SimpleNamespace(input_ids=ids, attention_mask=torch.ones_like(ids))


class Codes(VQGanVAE):
    """A table of 16 codes, each a colour."""

    codebook_size = 16

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.colours = nn.Embedding(16, 3)

    def copy_for_eval(self):
        return self

    def get_encoded_fmap_size(self, image_size):
        return image_size

    def encode(self, images):
        return images, images.mean(1).abs().mul(16).long().clamp(0, 15), None

    def decode_from_ids(self, ids):
        return self.colours(ids).movedim(-1, 1)


def setting(*, criticised=None, enlarged=False):
    def build(device, steps, texts=("a red cat", "a blue dog"), conditioned=False, asked=None, **given):
        T5_CONFIGS["small"] = {"config": SimpleNamespace(d_model=6), "model": Texts(), "tokenizer": Tokenizer()}
        own = {"t5_name": "small", "flash": False}
        net = MaskGitTransformer(**SMALL, **own, self_cond=conditioned)
        if criticised == "by another":
            given["token_critic"] = TokenCritic(**SMALL, **own)
        given |= {"self_token_critic": True} if criticised == "by itself" else {}
        given |= {"cond_vae": Codes(), "cond_image_size": 2} if enlarged else {}
        whole = MaskGit(vae=Codes(), transformer=net, image_size=4, **given).to(device).eval()
        more = {"cond_images": torch.rand(len(texts), 3, 2, 2, device=device)} if enlarged else {}
        more |= asked or {}
        return net.transformer_blocks, lambda: whole.generate(list(texts), timesteps=steps, **more)

    return build


SETTINGS = {
    "tokens": setting(),
    "tokens, criticised by the network": setting(criticised="by itself"),
    "tokens, criticised by another": setting(criticised="by another"),
    "tokens, enlarged": setting(enlarged=True),
}
OTHERS = {
    name: (
        {"steps": 3, "conditioned": True},
        {"texts": ("a hat",), "asked": {"cond_scale": 1}},
        {"asked": {"temperature": 0.5, "topk_filter_thres": 0.5}},
        {"asked": {"can_remask_prev_masked": True}, "no_mask_token_prob": 0.1},
    )
    for name in SETTINGS
}
