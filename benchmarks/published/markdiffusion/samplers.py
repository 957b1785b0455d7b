"""markdiffusion: its DDIM loop, forwards and as an inversion, and its exact inversion, around a small network."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from markdiffusion.inversions import DDIMInversion, ExactInversion
from torch import nn

STAND_INS = ("markdiffusion.watermark", "markdiffusion.utils")


class Network(nn.Module):
    """Latents (B, 4, 8, 8), a step and texts (B, 3, 5): a noise, as a U-Net of diffusers gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)
        self.text = nn.Linear(5, 4)

    def forward(self, x, t, encoder_hidden_states):
        t = torch.as_tensor(t, device=x.device).float().reshape(-1, 1) / 1000
        text = self.text(encoder_hidden_states.mean(1))
        return SimpleNamespace(sample=self.image(x) + (self.time(t) + text)[..., None, None])


def setting(kind, way, scheduler):
    def build(device, steps, batch=2, guided=True, exchanged=False, frames=0, **given):
        net = Network().to(device)
        inversion = kind(scheduler(), net, device)
        latents = torch.randn(batch, *([frames] if frames else []), 4, 8, 8, device=device)
        many = batch * (frames or 1) * (2 if guided else 1)
        texts = [torch.randn(many, 3, 5, device=device) for _ in range(3)]
        asked = {"text_embeddings": texts[0], "guidance_scale": 7.5 if guided else 1.0, **given}
        if exchanged:
            asked |= {"old_text_embeddings": texts[1], "new_text_embeddings": texts[2], "use_old_emb_i": 2}
        return net, lambda: getattr(inversion, way)(latents=latents, num_inference_steps=steps, **asked)

    return build


SETTINGS = {
    "DDIM": setting(DDIMInversion, "backward_diffusion", DDIMScheduler),
    "DDIM, inverted": setting(DDIMInversion, "forward_diffusion", DDIMScheduler),
    "exact, inverted": setting(ExactInversion, "forward_diffusion", DPMSolverMultistepScheduler),
    "exact": setting(ExactInversion, "backward_diffusion", DPMSolverMultistepScheduler),
}
OTHERS = {
    name: ({"steps": 4, "guided": False}, {"batch": 1, "exchanged": True}, {"frames": 3}, {"guidance_scale": 2.0})
    for name in SETTINGS
}
OTHERS["exact"] = ({"steps": 4, "guided": False}, {"frames": 3, "batch": 1}, {"inv_order": 1})
