"""diffsynth: its schedulers in the loop of its pipelines, with guidance and an inpainting mask."""

from __future__ import annotations

import torch
from diffsynth.diffusion.base_pipeline import BasePipeline
from diffsynth.diffusion.ddim_scheduler import DDIMScheduler
from diffsynth.diffusion.flow_match import AncestralFlowMatchScheduler, FlowMatchScheduler, HiDreamO1FlashScheduler
from torch import nn

STAND_INS = ("modelscope", "accelerate", "peft", "torchvision", "torchaudio", "imageio", "ftfy", "sentencepiece", "av")


class Network(nn.Module):
    """Latents (B, 4, 8, 8) and a time (1): the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Conv2d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)

    def forward(self, x, t, prompt):
        return self.latent(x) + self.time(t.reshape(-1, 1) / 1000)[..., None, None] + prompt[..., None, None]


class Pipeline(BasePipeline):
    """A pipeline of its kind: its own guidance and step, called as its image pipelines call them."""

    def __init__(self, device, torch_dtype, scheduler) -> None:
        super().__init__(device=device, torch_dtype=torch_dtype)
        self.scheduler = scheduler
        self.dit = Network().to(device, torch_dtype)

    @staticmethod
    def model_fn(dit, latents, timestep, prompt, **_):
        return dit(latents, timestep, prompt)

    @torch.no_grad()
    def __call__(self, shape, cfg_scale=1.0, inpaint=False, **schedule):
        self.scheduler.set_timesteps(**schedule)
        made = {"device": self.device, "dtype": self.torch_dtype}
        shared = {"latents": torch.randn(shape, **made)}
        if inpaint:
            mask = (torch.rand(shape, **made) > 0.5).to(self.torch_dtype)
            shared |= {"input_latents": torch.randn(shape, **made), "inpaint_mask": mask}
        positive, negative = {"prompt": torch.randn(1, 4, **made)}, {"prompt": torch.randn(1, 4, **made)}
        for progress_id, timestep in enumerate(self.scheduler.timesteps):
            timestep = timestep.unsqueeze(0).to(dtype=self.torch_dtype, device=self.device)
            noise_pred = self.cfg_guided_model_fn(
                self.model_fn,
                cfg_scale,
                shared,
                positive,
                negative,
                dit=self.dit,
                timestep=timestep,
                progress_id=progress_id,
            )
            shared["latents"] = self.step(self.scheduler, progress_id=progress_id, noise_pred=noise_pred, **shared)
        return shared["latents"]


def setting(scheduler, **fixed):
    def build(device, steps, batch=2, dtype=torch.float32, **given):
        pipeline = Pipeline(device, dtype, scheduler())
        asked = {**fixed, **given}
        return pipeline.dit, lambda: pipeline((batch, 4, 8, 8), num_inference_steps=steps, **asked)

    return build


USUAL = ({"steps": 3}, {"batch": 1, "cfg_scale": 3.0}, {"dtype": torch.bfloat16}, {"denoising_strength": 0.6})
SETTINGS = {
    "DDIM": setting(DDIMScheduler),
    "DDIM, v, guided": setting(lambda: DDIMScheduler(prediction_type="v_prediction"), cfg_scale=2.0),
    "DDIM, inpainting": setting(DDIMScheduler, inpaint=True),
    "flow": setting(FlowMatchScheduler),
    "flow, guided": setting(FlowMatchScheduler, cfg_scale=2.0),
    "flow, inpainting": setting(FlowMatchScheduler, inpaint=True),
    "flow, Wan": setting(lambda: FlowMatchScheduler("Wan")),
    "flow, Qwen-Image": setting(lambda: FlowMatchScheduler("Qwen-Image")),
    "flow, ancestral": setting(AncestralFlowMatchScheduler),
    "flow, ancestral, eta": setting(lambda: AncestralFlowMatchScheduler(eta=0.5, s_noise=0.9)),
    "flow, HiDream flash": setting(HiDreamO1FlashScheduler),
}
OTHERS = dict.fromkeys(SETTINGS, USUAL) | {
    "DDIM, inpainting": (*USUAL[:3], {"inpaint": False}),
    "flow, inpainting": (*USUAL[:3], {"inpaint": False}),
    "flow, HiDream flash": USUAL[1:3],
}
