"""What takes part: sets of configurations, by the model that they are of."""

from __future__ import annotations

import msgspec

from sdprof.model.bench import Configuration


class ConfigurationSet(msgspec.Struct, frozen=True, kw_only=True):
    """Configurations that are measured side by side, on the same prompt, weights and noise."""

    title: str
    configurations: tuple[Configuration, ...]
    reference: str
    """Id of the one that all others are compared with, where it is available."""
    extra: dict[str, str]
    """Settings that all of them share."""
    takes_n_iter: bool = False
    one_result: bool = True
    """Whether all of them are to compute the same images."""


SCRIPT = {"run": "script", "sampler": "plms", "prompt": "A photo", "scale": "9.0"}
"""From prompt to images, as the published script does it."""
LOOP = {"prompt": "A photo", "scale": "9.0"}
"""The sampling loop alone."""


def in_diffusers(extra: dict[str, str]) -> tuple[Configuration, ...]:
    """One of diffusers' pipelines: attention as a product, a softmax and a product, then fused, then compiled."""
    fused = {**extra, "attention": "fused"}
    return tuple(
        Configuration(
            id=id, label=f"diffusers, {label}", target="diffusers-sd21", extra=extra, fixes=fixes, weights="diffusers"
        )
        for id, label, extra, fixes in (
            ("I", "eager", {**extra, "attention": "plain"}, ()),
            ("F", "fused attention", fused, ()),
            ("G", "fused attention, compiled", fused, ("compile",)),
            ("H", "fused attention, compiled by repeated block", fused, ("compile-regional",)),
        )
    )


SEED = ConfigurationSet(
    title="The five configurations of the article",
    extra=SCRIPT,
    takes_n_iter=True,
    reference="B",
    configurations=(
        Configuration(
            id="A",
            label="original without xFormers",
            target="sd21-original",
            published="original_without_xformers",
        ),
        Configuration(
            id="B",
            label="original with xFormers",
            target="sd21-original",
            extra={"xformers": "1"},
            published="original_with_xformers",
        ),
        Configuration(
            id="C",
            label="optimised, math attention, no compilation",
            target="sd21-optimized",
            extra={"attention": "math"},
            weights="multihead",
            published="optimized_math_no_compile",
        ),
        Configuration(
            id="D",
            label="optimised, memory-efficient attention, no compilation",
            target="sd21-optimized",
            extra={"attention": "efficient"},
            weights="multihead",
            published="optimized_mem_efficient_no_compile",
        ),
        Configuration(
            id="E",
            label="optimised, memory-efficient attention, compiled",
            target="sd21-optimized",
            extra={"attention": "efficient"},
            fixes=("compile",),
            weights="multihead",
            published="optimized_mem_efficient_compile",
        ),
    ),
)

PLAN = "P"
"""Id of the configuration with sdprof's fixes, in the sets that have one."""
PLAN_FOR_A_CPU = ("checkpoint-bypass", "inference-mode", "sdpa", "prepacked-weights")
"""What an audit of the published code finds to win on a CPU without OpenVINO."""
FOR_WIDE_MODELS = ("winograd-convolutions",)
"""Wins in the full-size UNet, and declines in narrower ones."""

RIVALS = ConfigurationSet(
    title="diffusers on the same weights",
    extra=LOOP,
    reference="A",
    configurations=(
        Configuration(id="A", label="original", target="sd21-original", extra={"sampler": "plms"}),
        Configuration(
            id="D",
            label="optimised, memory-efficient attention",
            target="sd21-optimized",
            extra={"sampler": "plms", "form": "sdpa"},
        ),
        Configuration(
            id=PLAN,
            label="original, sdprof's fixes for a CPU",
            target="sd21-original",
            extra={"sampler": "plms"},
            fixes=PLAN_FOR_A_CPU,
            fixes_where_they_help=FOR_WIDE_MODELS,
        ),
        *in_diffusers({"sampler": "pndm"}),
    ),
)


def _task(title: str, extra: dict[str, str]) -> ConfigurationSet:
    """A task of which there is no published script, so that diffusers' own pipeline is what all are compared with."""
    rivals = in_diffusers(extra)
    plan = Configuration(
        id=PLAN,
        label="diffusers, sdprof's fixes for a CPU",
        target="diffusers-sd21",
        extra=extra,
        fixes=("inference-mode", "prepacked-weights"),
        fixes_where_they_help=FOR_WIDE_MODELS,
        weights="diffusers",
    )
    return ConfigurationSet(title=title, extra=LOOP, reference="F", configurations=(*rivals, plan))


IMAGE_TO_IMAGE = _task("Image to image", {"task": "image-to-image", "sampler": "ddim"})
INPAINTING = _task("Inpainting, with a UNet of 9 channels", {"task": "inpainting", "sampler": "ddim"})

SAMPLERS = ConfigurationSet(
    title="Other samplers, as many steps of each",
    extra=LOOP,
    reference="A",
    one_result=False,
    configurations=(
        Configuration(id="A", label="PLMS", target="sd21-original", extra={"sampler": "plms"}),
        Configuration(id="B", label="DDIM", target="sd21-original", extra={"sampler": "ddim"}),
        Configuration(id="C", label="DPM-Solver++", target="sd21-original", extra={"sampler": "dpm-solver"}),
        *(
            Configuration(
                id=id,
                label=f"{label}, by diffusers",
                target="diffusers-sd21",
                extra={"sampler": sampler},
                weights="diffusers",
            )
            for id, label, sampler in (
                ("D", "PLMS", "pndm"),
                ("E", "DDIM", "ddim"),
                ("F", "DPM-Solver++", "dpm-solver++"),
                ("G", "DPM-Solver", "dpm-solver"),
                ("H", "Euler", "euler"),
            )
        ),
    ),
)

FUSED = ("checkpoint-bypass", "inference-mode", "sdpa")
RECIPES = ConfigurationSet(
    title="The recipes of today, each on top of fused attention",
    extra={**LOOP, "sampler": "plms", "decode": "1"},
    reference="J",
    configurations=(
        Configuration(id="A", label="original", target="sd21-original"),
        Configuration(id="J", label="fused attention", target="sd21-original", fixes=FUSED),
        *(
            Configuration(id=id, label=f"fused attention, {label}", target="sd21-original", fixes=(*FUSED, *fixes))
            for id, label, *fixes in (
                ("K", "channels last", "channels-last"),
                ("L", "compiled", "compile"),
                ("M", "compiled with frozen weights", "compile-freezing"),
                ("N", "compiled with CUDA graphs", "compile-cudagraphs"),
                ("O", "weights packed once", "prepacked-weights"),
                ("Q", "half-precision weights", "half-weights"),
                ("R", "OpenVINO", "openvino"),
                ("S", "queries, keys and values in one product", "fused-projections"),
                ("T", "bfloat16 (lossy)", "bfloat16-autocast", "half-weights"),
                ("U", "8-bit linear layers (lossy)", "int8-linear"),
                ("V", "inner levels in every second step (lossy)", "reused-deep-features"),
            )
        ),
    ),
)

OPTIMIZED = {"sampler": "plms", "form": "sdpa"}
SAMPLER = ConfigurationSet(
    title="The UNet compiled, and the whole step of the sampler",
    extra=LOOP,
    reference="D",
    configurations=(
        Configuration(id="D", label="optimised, no compilation", target="sd21-optimized", extra=OPTIMIZED),
        Configuration(
            id="E", label="optimised, UNet compiled", target="sd21-optimized", extra=OPTIMIZED, fixes=("compile",)
        ),
        Configuration(
            id="S",
            label="optimised, whole sampler step compiled",
            target="sd21-optimized",
            extra={**OPTIMIZED, "compile": "sampler"},
        ),
    ),
)

TRAINING = ConfigurationSet(
    title="One step of training",
    extra={"prompt": "A photo"},
    reference="T",
    configurations=tuple(
        Configuration(
            id=id,
            label=f"{label}, {'with' if checkpointing == '1' else 'without'} checkpointing",
            target="sd21-training",
            extra={"attention": attention, "checkpointing": checkpointing},
            fixes=fixes,
        )
        for id, label, attention, checkpointing, fixes in (
            ("T", "as published", "published", "1", ()),
            ("U", "as published", "published", "0", ()),
            ("V", "fused attention", "sdpa", "1", ()),
            ("W", "fused attention", "sdpa", "0", ()),
            ("Y", "fused attention, compiled", "sdpa", "1", ("compile",)),
            ("X", "fused attention, compiled", "sdpa", "0", ("compile",)),
        )
    ),
)

FAMILIES: dict[str, dict[str, ConfigurationSet]] = {
    "sd21": {
        "seed": SEED,
        "rivals": RIVALS,
        "recipes": RECIPES,
        "sampler": SAMPLER,
        "samplers": SAMPLERS,
        "image-to-image": IMAGE_TO_IMAGE,
        "inpainting": INPAINTING,
        "training": TRAINING,
    }
}
"""By what ``--target`` and ``--configs`` take."""
