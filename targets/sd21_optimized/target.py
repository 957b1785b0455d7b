"""Stable Diffusion 2.1 as the article optimised it: fused attention, and a few copies less."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
ORIGINAL = HERE.parent / "sd21_original"
sys.path.append(str(ORIGINAL))  # what was not changed is its own

from latent_diffusion.build_model import build_model
from latent_diffusion.run_settings import (
    CHOICES,
    LoopSettings,
    precision,
    read_settings,
    refuse_absent_device,
    resolve,
)
from latent_diffusion.sizes import LATENT_FACTOR, SIZES
from latent_diffusion.workload import make_workload
from optimized_diffusion.compiled_plms import CompiledPLMSSampler
from optimized_diffusion.kernels import KERNELS, require_kernel
from optimized_diffusion.optimize import optimize
from torch.nn.attention import sdpa_kernel

import sdprof
from sdprof.fixes.machinery.compiling import require_compiler


@dataclass(frozen=True, kw_only=True)
class OptimizedSettings(LoopSettings):
    """What ``--set`` may say beside what ``sd21-original`` knows."""

    attention: str = "efficient"
    """The only kernel that may compute attention."""
    form: str = "multihead"
    """``multihead``: nn.MultiheadAttention, as in the article. ``sdpa``: scaled_dot_product_attention by itself."""
    compile: str = "nothing"
    """``sampler``: the whole PLMS step is one compiled graph. (The UNet alone is what the fix ``compile`` is for.)"""


@sdprof.target(
    "sd21-optimized",
    summary="Stable Diffusion 2.1 as the PyTorch 2 article optimised it: fused attention by a chosen kernel",
    sizes=("tiny", "small", "full"),
)
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Build the published model, change it, see that the kernel asked for computes, and return the loop."""
    options = resolve(options)
    refuse_absent_device(options.device)
    device = torch.device(options.device)
    kernels = KERNELS[device.type]
    choices = {**CHOICES, "attention": tuple(kernels), "form": ("multihead", "sdpa"), "xformers": ("0",)}
    choices["compile"] = ("nothing", "sampler")
    settings = read_settings(options.extra, OptimizedSettings, choices)
    if settings.compile == "sampler":
        if settings.sampler != "plms" or settings.scale == 1:
            raise ValueError("The whole sampler is compiled for PLMS with guidance alone: leave --set compile away.")
        require_compiler(device)
    size = SIZES[options.size]
    model, text = build_model(options, size, settings.parameterization)
    unet = model.model.diffusion_model
    optimize(unet, form=settings.form)
    kernel = kernels[settings.attention]

    def one_call() -> None:
        shape = (2 * options.batch_size, 4, options.height // LATENT_FACTOR, options.width // LATENT_FACTOR)
        context = torch.zeros(shape[0], 77, size.unet.context_dim, device=device)
        with torch.no_grad(), precision(options):
            unet(torch.zeros(shape, device=device), torch.zeros(shape[0], device=device), context)

    require_kernel(kernel, one_call)
    return make_workload(
        model,
        text,
        options,
        settings,
        source_roots=[HERE, ORIGINAL],
        parameters={
            "attention": settings.attention,
            "form": settings.form,
            "attention_kernel": kernel.operator,
            "compile": settings.compile,
        },
        around=functools.partial(sdpa_kernel, kernel.backend),
        sampler=CompiledPLMSSampler(model) if settings.compile == "sampler" else None,
    )
