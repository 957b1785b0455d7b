"""stable-diffusion-pytorch: its pipeline around small networks; its LMS sampler needs an older numpy."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from PIL import Image
from stable_diffusion_pytorch import KEulerAncestralSampler, KEulerSampler, util
from stable_diffusion_pytorch.pipeline import Pipeline
from torch import nn

WORDS = ("<|startoftext|>", "<|endoftext|>", *"acht", *(f"{letter}</w>" for letter in "acht"))


class Network(nn.Module):
    """Latents (B, 4, 8, 8), contexts (B, 77, 4) and a time's embedding (1, 320): latents."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(4, 4, 3, padding=1)
        self.time = nn.Linear(320, 4)
        self.text = nn.Linear(4, 4)

    def forward(self, latents, context, time):
        return self.image(latents) + (self.time(time) + self.text(context.mean(1)))[..., None, None]


class Encoder(nn.Module):
    """Images and noise: latents an eighth in size."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 4, 8, stride=8)

    def forward(self, image, noise):
        return self.image(image) + noise


class Decoder(nn.Module):
    """Keeps the latents: the pipeline returns bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.ConvTranspose2d(4, 3, 8, stride=8)

    def forward(self, latents):
        self.given = latents
        return self.image(latents)


def words():
    folder = Path(tempfile.mkdtemp())
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version\n")
    return str(folder)


def pipeline(sampler):
    def build(device, steps, batch=1, images=False, **given):
        net, decoder = Network().to(device), Decoder()
        models = {"clip": nn.Embedding(len(WORDS), 4), "encoder": Encoder(), "decoder": decoder, "diffusion": net}
        call = {"n_inference_steps": steps, "sampler": sampler, "models": models, "seed": 1, "device": device, **given}
        call |= {"height": 64, "width": 64, "model_path": words()}
        if images:
            call["input_images"] = [Image.new("RGB", (64, 64), (200, 100, 0))] * batch

        def run():
            Pipeline().generate(["a cat", "a hat"][:batch], **call)
            return decoder.given

        return net, run

    return build


def sampling(kind):
    def build(device, steps, batch=2, strength=None, dtype=torch.float32, scale=3.0):
        net = Network().to(device, dtype)
        sampler = kind(n_inference_steps=steps)
        if strength is not None:
            sampler.set_strength(strength)
        context = torch.randn(2 * batch, 77, 4, device=device, dtype=dtype)

        @torch.no_grad()
        def run():
            latents = torch.randn(batch, 4, 8, 8, device=device, dtype=dtype) * sampler.initial_scale
            for timestep in sampler.timesteps:
                time = util.get_time_embedding(timestep).to(device, dtype)
                given = (latents * sampler.get_input_scale()).repeat(2, 1, 1, 1)
                output, other = net(given, context, time).chunk(2)
                latents = sampler.step(latents, scale * (output - other) + other)
            return latents

        return net, run

    return build


SETTINGS = {
    "Euler": pipeline("k_euler"),
    "Euler, ancestral": pipeline("k_euler_ancestral"),
    "Euler, own loop": sampling(KEulerSampler),
    "Euler, ancestral, own loop": sampling(KEulerAncestralSampler),
}
PIPELINE = (
    {"steps": 3, "batch": 2},
    {"do_cfg": False, "seed": 5},
    {"images": True, "strength": 0.6},
    {"idle_device": "cpu", "cfg_scale": 2.0, "uncond_prompts": ["hat"]},
)
OWN = ({"steps": 3, "batch": 1}, {"strength": 0.6}, {"dtype": torch.float64, "scale": 1.5})
OTHERS = {name: OWN if "own" in name else PIPELINE for name in SETTINGS}
