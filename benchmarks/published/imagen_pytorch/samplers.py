"""imagen-pytorch: the sampling of Imagen and of its elucidated kind, around its own small networks."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
import transformers

transformers.logging = MagicMock()
transformers.T5Config = SimpleNamespace(from_pretrained=lambda name: SimpleNamespace(d_model=6))

from imagen_pytorch import ElucidatedImagen, Imagen, Unet  # noqa: E402

STAND_INS = (
    "transformers",
    "torchvision",
    "kornia",
    "accelerate",
    "pytorch_warmup",
    "lightning",
    "datasets",
    "sentencepiece",
)
SMALL = {"dim": 8, "dim_mults": (1, 2), "attn_heads": 2, "attn_dim_head": 8, "text_embed_dim": 6, "cond_dim": 8}


def small(**given):
    return Unet(**SMALL, layer_attns=False, layer_cross_attns=(False, True), attn_pool_num_latents=2, **given)


def setting(kind, counted, *, cascaded=False, inpainting=False):
    def build(
        device, steps, batch=2, texts=True, conditioned=False, masked=inpainting, started=False, asked=None, **given
    ):
        own = {"self_cond": conditioned, "cond_on_text": texts}
        unets = (small(**own), small(lowres_cond=True, **own)) if cascaded else (small(**own),)
        sizes = (8, 16) if cascaded else (8,)
        whole = kind(unets, image_sizes=sizes, text_embed_dim=6, condition_on_text=texts, **{counted: steps}, **given)
        whole.to(device).eval()
        more = {"text_embeds": torch.randn(batch, 3, 6, device=device)} if texts else {"batch_size": batch}
        if inpainting:
            more["inpaint_images"] = torch.rand(batch, 3, sizes[-1], sizes[-1], device=device)
            more["inpaint_masks"] = torch.rand(batch, sizes[-1], sizes[-1], device=device) < 0.5
            more["inpaint_resample_times"] = 2
        if started:
            more |= {"init_images": torch.rand(batch, 3, 8, 8, device=device), "skip_steps": 1}
        return whole.unets[-1].final_conv, lambda: whole.sample(use_tqdm=False, **more, **(asked or {}))

    return build


SETTINGS = {
    "Imagen": setting(Imagen, "timesteps"),
    "Imagen, cascaded": setting(Imagen, "timesteps", cascaded=True),
    "Imagen, inpainting": setting(Imagen, "timesteps", inpainting=True),
    "elucidated": setting(ElucidatedImagen, "num_sample_steps"),
    "elucidated, cascaded": setting(ElucidatedImagen, "num_sample_steps", cascaded=True),
    "elucidated, inpainting": setting(ElucidatedImagen, "num_sample_steps", inpainting=True),
}
OTHERS = {
    name: (
        {"steps": 3, "texts": False},
        {"batch": 1, "asked": {"cond_scale": 3.0, "cfg_remove_parallel_component": False}},
        {"conditioned": True, "dynamic_thresholding": False},
        {"asked": {"return_all_unet_outputs": True}} if "cascaded" in name else {"started": True},
    )
    for name in SETTINGS
}
