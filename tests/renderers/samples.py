"""Audits as they come: made from seeded numbers, shaped like the audit of a sampling loop on a small machine."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np

from sdprof.comparison.verdict import as_text
from sdprof.model import (
    SCHEMA_VERSION,
    AuditedFile,
    AuditedTarget,
    AuditResult,
    Comparison,
    Cost,
    Environment,
    Finding,
    FixResult,
    FixRewrites,
    GraphRegion,
    Graphs,
    GraphSection,
    GraphSite,
    HotLine,
    HotModule,
    HotOp,
    Interval,
    Location,
    LoopTransfers,
    MemoryCurve,
    MemoryInStep,
    MemoryPair,
    MemoryProfile,
    Missing,
    OutputParity,
    OutputPicture,
    OwnTime,
    Parity,
    Patch,
    Peaks,
    RewriteProof,
    RewrittenSite,
    StackSamples,
    StepMemory,
    Timing,
    Transfers,
    TransferSection,
    TransferSite,
    Variant,
    WaterfallStep,
)
from sdprof.stages.png import data_uri
from tests.renderers.observed_samples import recorded, shapes_of, simulation_of

ROOT = "/home/ada/loops/sd21_original"
ATTENTION = f"{ROOT}/attention.py"
SAMPLER = f"{ROOT}/plms.py"
STEPS = 10
ROUNDS = 12
SOFTMAX = "        weights = scores.softmax(dim=-1).to(value.dtype)"
TWO_LINES = (
    '        scores = einsum("b i d, b j d -> b i j",\n                        query.float(), key.float()) * self.scale'
)
COEFFICIENT = "        a_t = torch.full((b, 1, 1, 1), alphas[index], device=device)"


def interval(median: float, spread: float = 0.03, rounds: int = ROUNDS) -> Interval:
    return Interval(
        median=median,
        low=median * (1 - spread),
        high=median * (1 + spread * 1.1),
        method="Hodges–Lehmann of log ratios, exact 95% interval",
        rounds=rounds,
    )


def timing(seconds: float, noise: float, seed: int, rounds: int = ROUNDS) -> Timing:
    draw = random.Random(seed)
    taken = tuple(round(seconds * (1 + draw.gauss(0, noise) + 0.004 * number), 5) for number in range(rounds))
    return Timing(seconds=taken, median=sorted(taken)[rounds // 2], low=min(taken), high=max(taken))


def parity(passed: bool = True, difference: float = 3.1e-6) -> Parity:
    output = OutputParity(
        name="latents", shape=(1, 4, 32, 32), max_abs_diff=difference * 4.2, max_rel_diff=difference, psnr_db=112.4
    )
    return Parity(
        passed=passed,
        max_abs_diff=difference * 4.2,
        max_rel_diff=difference,
        tolerance=1e-4,
        outputs=(output,),
        reason="" if passed else f"latents differ by {difference:.2g} of their magnitude, the limit is 1e-4.",
    )


def at(file: str, line: int, column: int | None, end_column: int | None, code: str, function: str) -> Location:
    end_line = None if column is None else line + code.count("\n")
    return Location(
        file=file, line=line, column=column, end_line=end_line, end_column=end_column, code=code, function=function
    )


SOFTMAX_AT = at(ATTENTION, 212, 18, 40, SOFTMAX, "CrossAttention.forward")
PRODUCT_AT = at(ATTENTION, 209, 17, 70, TWO_LINES, "CrossAttention.forward")
COEFFICIENT_AT = at(SAMPLER, 188, 14, 68, COEFFICIENT, "PLMSSampler.p_sample_plms")
LINEAR_AT = at(ATTENTION, 201, 14, 32, "        key = self.to_k(context)", "CrossAttention.forward")
PRINT_AT = at(
    SAMPLER, 141, None, None, '        print(f"Running PLMS sampling with {total} timesteps")', "PLMSSampler.sample"
)

PLANNED = (
    ("sdpa", "Attention by scaled_dot_product_attention", "module", "rounding", 1.24, 8.1),
    ("freeze-parameters", "Inference mode with frozen parameters", "runtime", "exact", 1.09, 3.0),
    ("channels-last", "Weights and activations in channels-last layout", "runtime", "rounding", 1.07, None),
    ("cache-context-keys", "Keys and values of the prompt computed once", "module", "exact", 1.05, 1.9),
    ("compile-freezing", "Hot module compiled with frozen weights", "runtime", "rounding", 1.12, None),
)


def faster() -> AuditResult:
    """A success with every section filled."""
    bars, ms, total = [WaterfallStep(variant="baseline", fix=None, ms_per_step=84.2)], 84.2, 1.0
    fixes, variants = (
        [],
        [
            Variant(
                id="baseline",
                label="as published",
                fixes=(),
                timing=timing(0.842, 0.012, 1),
                compile_seconds=0.4,
                build_seconds=1.9,
                peak_memory_bytes=1_431_000_000,
            ),
            Variant(
                id="baseline-again",
                label="as published, again",
                fixes=(),
                timing=timing(0.843, 0.012, 2),
                speedup=interval(1.001, 0.006),
                peak_memory_bytes=1_431_000_000,
            ),
        ],
    )
    ids: list[str] = []
    for number, (fix, title, kind, numerics, gain, predicted) in enumerate(PLANNED):
        ids.append(fix)
        before, ms, total = ms, ms / gain, total * gain
        name = "+".join(ids) if number < len(PLANNED) - 1 else "plan"
        bars.append(
            WaterfallStep(
                variant=name,
                fix=fix,
                ms_per_step=ms,
                speedup=interval(total, 0.02),
                predicted_ms_per_step=before - predicted if predicted else None,
            )
        )
        variants.append(
            Variant(
                id=name,
                label="+ " + title if name != "plan" else "all chosen fixes",
                fixes=tuple(ids),
                timing=timing(0.842 / total, 0.012, 3 + number),
                speedup=interval(total, 0.02),
                parity=parity(),
                compile_seconds=38.2 if "compile" in fix else 0.5,
                peak_memory_bytes=1_200_000_000 - number * 40_000_000,
                notes=("sdpa: the flash kernel ran (aten::_scaled_dot_product_flash_attention_for_cpu)",)
                if number == 0
                else (),
            )
        )
        fixes.append(
            FixResult(
                id=fix,
                title=title,
                kind=kind,
                numerics=numerics,
                applied=True,
                reason=f"Wins: {gain:.2f} times as fast in its place.",
                gain=interval(gain, 0.03),
                gain_in_plan=interval(gain, 0.02),
                parity=parity(difference=0.0 if numerics == "exact" else 3.1e-6),
                did=("32 attention modules now call scaled_dot_product_attention.",) if number == 0 else (),
            )
        )
    fixes += [
        FixResult(
            id="compile",
            title="Hot module compiled, default settings",
            kind="runtime",
            numerics="rounding",
            applied=False,
            reason="Slower on this machine: 0.94 times the speed.",
            gain=interval(0.94, 0.02),
            parity=parity(),
        ),
        FixResult(
            id="checkpoint-bypass",
            title="Gradient checkpointing bypassed",
            kind="module",
            numerics="exact",
            applied=False,
            reason="No gain was shown.",
            gain=interval(1.004, 0.02),
            parity=parity(difference=0.0),
        ),
        FixResult(
            id="scalar-on-device",
            title="Scalars are filled on the device",
            kind="source",
            numerics="exact",
            applied=False,
            reason="Cures CUDA only: it is in the patch.",
            rewrites=FixRewrites(
                sites=(
                    RewrittenSite(
                        fix="scalar-on-device", where=COEFFICIENT_AT, file=SAMPLER, description="Kept there."
                    ),
                    RewrittenSite(fix="scalar-on-device", where=PRINT_AT, declined="It is printed."),
                ),
                proof=patch().proof,
                in_patch=True,
            ),
        ),
        FixResult(
            id="tf32",
            title="TF32 matrix products",
            kind="runtime",
            numerics="lossy",
            applied=False,
            reason="Acts on CUDA only; this ran on the CPU.",
        ),
    ]
    speedup = interval(total, 0.02)
    return AuditResult(
        schema_version=SCHEMA_VERSION,
        sdprof_version="0.1.0",
        created="2026-11-23T01:10:20Z",
        target=target(),
        environment=environment(),
        variants=tuple(variants),
        comparison=Comparison(
            baseline="baseline",
            candidate="plan",
            rounds=ROUNDS,
            speedup=speedup,
            verdict="faster",
            control=interval(1.001, 0.006),
            break_even_runs=91.3,
            parity=parity(),
            explanation=f"Faster: {as_text(speedup)} times the baseline's speed; "
            f"A/A control {as_text(interval(1.001, 0.006))}.",
            order=tuple(tuple(v.id for v in variants) for _ in range(ROUNDS)),
            flags=("Round 7 of as published took 3.4 median deviations longer than the others.",),
        ),
        findings=findings(),
        fixes=tuple(fixes),
        patch=patch(),
        waterfall=tuple(bars),
        transfers=transfers(),
        graphs=graphs(),
        hot_lines=hot_lines(),
        hot_stacks=stacks(90, 1),
        hot_stacks_after=stacks(70, 1),
        hot_ops=operators(1.0),
        hot_ops_after=operators(0.6)[1:],
        hot_modules=modules(),
        hot_modules_after=tuple(msgspec.structs.replace(one, seconds=one.seconds * 0.6) for one in modules()[:-2]),
        memory=memory(),
        memory_in_step=MemoryInStep(baseline=memory_curve(6), candidate=memory_curve(3)),
        pictures=(picture(),),
        peaks=Peaks(
            device="cpu",
            dtype="float32",
            gemm_flops_per_second=2.14e11,
            copy_bytes_per_second=1.1e10,
            gemm_size=2048,
            copy_bytes=2**28,
        ),
        missing=(
            Missing(
                section="kernels",
                reason="There is no GPU here, so no kernel was traced.",
                remedy="Run the same command on a machine with CUDA, or read a recorded trace with sdprof trace.",
            ),
        ),
        own_time=tuple(
            OwnTime(stage=stage, seconds=seconds, overhead=overhead)
            for stage, seconds, overhead in (
                ("timed rounds", 71.2, False),
                ("warming up and compiling", 58.9, False),
                ("starting workers", 21.4, True),
                ("graph analysis", 44.0, False),
                ("profiled runs", 19.6, False),
                ("sharing the weights", 1.1, True),
                ("rendering", 0.6, True),
            )
        ),
        command="sdprof audit --target sd21-original --size small --steps 10 --seed 1 --out reports/sd21-original",
    )


def patch() -> Patch:
    lines = (
        "--- a/plms.py",
        "+++ b/plms.py",
        "@@ -186,4 +186,4 @@",
        "     def p_sample_plms(self, x, index):",
        "         alphas = self.alphas",
        f"-{COEFFICIENT}",
        "+        a_t = alphas[index].expand(b, 1, 1, 1)",
        "         return x * a_t",
    )
    return Patch(
        fixes=("scalar-on-device",),
        files=(AuditedFile(file=SAMPLER, sha256="0" * 64, root=ROOT),),
        text="\n".join((*lines, "")),
        proof=RewriteProof(
            device="simulated",
            before=LoopTransfers(steps=10, h2d=11, sync=33),
            after=LoopTransfers(steps=10, sync=1),
            equal=True,
            per_step=0.0,
        ),
        note="Confirm on a GPU.",
    )


def target() -> AuditedTarget:
    return AuditedTarget(
        name="sd21-original",
        size="small",
        steps=STEPS,
        batch_size=1,
        height=256,
        width=256,
        device="cpu",
        dtype="float32",
        seed=1,
        summary="Stable Diffusion 2.1 text to image, PLMS, as published",
        source_roots=(ROOT,),
        parameters={"sampler": "PLMS", "guidance_scale": 9.0, "prompt": "A photo", "unet_parameters": 54_123_908},
    )


def environment() -> Environment:
    return Environment(
        python="3.11.13",
        torch="2.13.0+cpu",
        platform="Linux-6.8 x86_64",
        cpu="AMD EPYC 9B14",
        cores=2,
        gpu=None,
        threads=2,
        memory_bytes=24 * 2**30,
        packages={"diffusers": "0.42.1", "numpy": "2.3.4", "torch": "2.13.0+cpu"},
        compiler="/usr/bin/c++",
        load_average=0.31,
    )


def findings() -> tuple[Finding, ...]:
    return (
        Finding(
            id="naive-attention",
            title="Attention writes its score matrices to memory",
            severity="high",
            status="fixed",
            count_per_step=32,
            locations=(SOFTMAX_AT, PRODUCT_AT),
            region="unet",
            evidence={
                "softmax_mib_per_step": 234.79,
                "largest_score_matrix": "10 × 1024 × 1024",
                "score_dtype": "float32",
                "module_class": "CrossAttention",
            },
            explanation="Product, softmax and product are three operators, so the scores of every query against every "
            "key are written to memory and read back.",
            cost=Cost(
                predicted_ms_per_step=8.1,
                obtained_ms_per_step=16.3,
                source="4 passes over the score matrices at the machine's measured copy rate",
            ),
            fixes=("sdpa",),
        ),
        Finding(
            id="loop-invariant-calls",
            title="Modules compute the same thing on every step",
            severity="medium",
            status="fixed",
            count_per_step=32,
            locations=(LINEAR_AT,),
            fixes=("cache-context-keys",),
            evidence={"modules": 32, "flops_per_step": 1_210_000_000, "distinct_inputs": 1},
            cost=Cost(predicted_ms_per_step=1.9, obtained_ms_per_step=2.2, source="their time in the module profile"),
        ),
        Finding(
            id="checkpoint-in-inference",
            title="Gradient checkpointing wraps every block in inference",
            severity="low",
            status="hidden",
            count_per_step=38,
            fixes=("checkpoint-bypass",),
            locations=(
                at(
                    f"{ROOT}/unet.py",
                    301,
                    15,
                    63,
                    "        return checkpoint(self._forward, (x, emb), self.parameters())",
                    "ResBlock.forward",
                ),
            ),
            reason="Its fix gained nothing that could be shown: 1.004 (0.984 to 1.026).",
            cost=Cost(predicted_ms_per_step=0.4, obtained_ms_per_step=None, source="38 calls of 10 µs"),
        ),
        Finding(
            id="sync-in-loop",
            title="The loop waits for the device",
            severity="high",
            status="open",
            count_per_step=3.3,
            locations=(COEFFICIENT_AT,),
            evidence={"syncs": 33, "steps": 10, "identical_content": False},
            explanation="torch.full reads its value on the host, so the host waits until the device has caught up.",
            cost=Cost(source="not measured here: no GPU"),
            reason="Cured on CUDA only; nothing to gain on this machine.",
            fixes=("scalar-on-device",),
        ),
        Finding(
            id="graph-breaks",
            title="The compiler leaves the graph",
            severity="medium",
            status="open",
            region="whole loop",
            locations=(PRINT_AT,),
            evidence={
                "reason": "Dynamo does not know how to trace builtin operator `print`",
                "breaks": 1,
                "seen_by": "explain, structured trace",
            },
        ),
        Finding(
            id="redundant-casts",
            title="Values are cast and cast back",
            severity="low",
            status="declined",
            count_per_step=64,
            reason="The cast guards against overflow in float16 here: the scores reach 7.1e4.",
            locations=(
                at(
                    ATTENTION,
                    210,
                    24,
                    37,
                    "                        query.float(), key.float()) * self.scale",
                    "CrossAttention.forward",
                ),
            ),
        ),
        *(
            Finding(id=id, title=title, severity="info", status="passed")
            for id, title in (
                ("host-to-device-in-loop", "No host-to-device copy inside the sampling loop"),
                ("recompiles", "No region was compiled again"),
                ("empty-profile", "Every profiler saw the loop"),
                ("concatenation-of-one", "No concatenation of a single tensor"),
            )
        ),
    )


def transfers() -> Transfers:
    def site(kind: Any, op: str, where: Location, count: int, size: int, **more: Any) -> TransferSite:
        return TransferSite(kind=kind, op=op, where=where, count=count, bytes=size, in_loop=True, **more)

    arange = at(
        f"{ROOT}/embedding.py",
        44,
        12,
        60,
        "    freqs = torch.exp(-log(period) * arange(0, half) / half).to(device)",
        "timestep_embedding",
    )
    sync = site(
        "SYNC", "aten::_local_scalar_dense", COEFFICIENT_AT, 33, 132, steps=tuple(range(STEPS)), moments=(0.97, 0.98)
    )
    copy = site("H2D", "aten::_to_copy", arange, 11, 7040, identical_content=True, moments=(0.01,))
    outside = TransferSite(
        kind="D2H",
        op="aten::_to_copy",
        where=at(f"{ROOT}/schedule.py", 20, None, None, "    betas.cpu()", "tables"),
        count=6,
        bytes=24_000,
        in_loop=False,
        scope="setup",
        count_in_next_run=6,
    )
    kept = msgspec.structs.replace(outside, count_in_next_run=0)
    return Transfers(
        baseline=TransferSection(device="simulated", steps=STEPS, sites=(copy, sync, outside)),
        candidate=TransferSection(device="simulated", steps=STEPS, sites=(sync, kept)),
    )


def graphs() -> Graphs:
    clean = GraphRegion(
        name="unet", function="UNetModel.forward", grad=False, graphs=1, breaks=0, recompiles=0, operators=930
    )
    site = GraphSite(
        kind="break",
        where=PRINT_AT,
        reason="Unsupported: builtin print",
        count=2,
        seen_by=("explain",),
        hint="Move it out of the compiled region.",
    )
    loop = GraphRegion(
        name="whole loop",
        function="PLMSSampler.sample",
        grad=False,
        graphs=9,
        breaks=8,
        recompiles=3,
        stand_in=True,
        sites=(site,),
    )
    with_grad = GraphRegion(name="unet", function="UNetModel.forward", grad=True, graphs=21, breaks=20, recompiles=0)
    failed = GraphRegion(
        name="sampler step",
        function="PLMSSampler.p_sample_plms",
        grad=False,
        graphs=0,
        breaks=0,
        recompiles=0,
        error="TorchDynamo gave up: cannot set version_counter for inference tensor.",
    )
    after = msgspec.structs.replace(with_grad, graphs=1, breaks=0)
    return Graphs(
        baseline=GraphSection(regions=(clean, with_grad, failed, loop), skipped=("vae decode: it is not in the loop",)),
        candidate=GraphSection(regions=(clean, after, loop)),
    )


def hot_lines() -> tuple[HotLine, ...]:
    rows = (
        (SOFTMAX_AT, 320, 2.21, 0.26),
        (PRODUCT_AT, 320, 1.9, 0.224),
        (COEFFICIENT_AT, 11, 0.004, 0.0005),
        (
            at(f"{ROOT}/unet.py", 512, 8, 40, "            h = module(h, emb, context)", "UNetModel.forward"),
            275,
            7.9,
            0.93,
        ),
        (LINEAR_AT, 320, 0.4, 0.047),
    )
    return tuple(
        HotLine(where=where, hits=hits, seconds=seconds, share=share)
        for where, hits, seconds, share in sorted(rows, key=lambda row: -row[3])
    )


def operators(scale: float) -> tuple[HotOp, ...]:
    rows = (
        ("aten::_softmax", 352, 1.61, None, None, "[10, 1024, 1024]"),
        ("aten::bmm", 704, 1.52, 9.4e10, 29.0, "[10, 1024, 32]"),
        ("aten::mkldnn_convolution", 726, 3.1, 4.1e11, 61.8, "[2, 160, 32, 32]"),
        ("aten::addmm", 2376, 1.2, 1.5e11, 58.1, ""),
        ("aten::copy_", 4122, 0.42, None, None, ""),
        ("aten::native_group_norm", 671, 0.21, None, None, ""),
    )
    total = sum(row[2] for row in rows)
    return tuple(
        HotOp(
            name=name,
            calls=calls,
            seconds=seconds * scale,
            share=seconds / total,
            input_shapes=shapes,
            flops=None if flops is None else int(flops),
            percent_of_peak=peak,
        )
        for name, calls, seconds, flops, peak, shapes in sorted(rows, key=lambda row: -row[2])
    )


def modules() -> tuple[HotModule, ...]:
    rows: list[HotModule] = []

    def add(name: str, kind: str, share: float, depth: int, flops: int, peak: float | None) -> None:
        rows.append(
            HotModule(
                name=name,
                class_name=kind,
                calls=11,
                seconds=8.42 * share,
                share=share,
                flops=flops,
                percent_of_peak=peak,
                depth=depth,
                least_bytes=flops // 40 if depth == 3 else None,
            )
        )

    add("unet", "UNetModel", 0.97, 0, 790_000_000_000, 44.1)
    for block in range(3):
        name = f"unet.input_blocks.{block}"
        add(name, "TimestepEmbedSequential", 0.12 - 0.02 * block, 1, 90_000_000_000, 41.0)
        add(f"{name}.0", "ResBlock", 0.06 - 0.01 * block, 2, 52_000_000_000, 57.0)
        add(f"{name}.1", "SpatialTransformer", 0.05 - 0.01 * block, 2, 31_000_000_000, 33.0)
        add(f"{name}.1.transformer_blocks.0.attn1", "CrossAttention", 0.03 - 0.005 * block, 3, 9_000_000_000, 21.0)
    add("unet.time_embed", "Sequential", 0.001, 1, 0, None)
    return tuple(rows)


def memory() -> MemoryPair:
    def profile(base: int, seed: int) -> MemoryProfile:
        draw = random.Random(seed)
        steps = tuple(StepMemory(step=n, peak_bytes=base + draw.randrange(40_000_000)) for n in range(STEPS + 1))
        return MemoryProfile(
            kind="resident", before_bytes=base - 300_000_000, peak_bytes=max(s.peak_bytes for s in steps), steps=steps
        )

    return MemoryPair(baseline=profile(1_390_000_000, 3), candidate=profile(1_020_000_000, 4))


def memory_curve(peaks: int) -> MemoryCurve:
    draw = random.Random(peaks)
    return MemoryCurve(
        device="cpu",
        step="ProfilerStep#3",
        step_ms=90.0,
        milliseconds=tuple(90.0 * n / 200 for n in range(200)),
        bytes=tuple(40_000_000 * (n % 9) + peaks * 10_000_000 + draw.randrange(3_000_000) for n in range(200)),
    )


def picture() -> OutputPicture:
    draw = np.random.default_rng(5)
    pixels = [data_uri(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(3)]
    return OutputPicture(
        name="latents",
        shape=(1, 4, 32, 32),
        kind="latents",
        before_png=pixels[0],
        after_png=pixels[1],
        difference_png=pixels[2],
        max_abs_diff=1.3e-5,
        shown="The first 3 of 4 channels as red, green and blue, values from −2.1 to 2.2.",
    )


def stacks(number: int, seed: int, *, names: int = 40) -> StackSamples:
    draw = random.Random(seed)
    outer = ("<module> (runpy.py:88)", "main (sdprof/worker/serve.py:60)", f"sample ({SAMPLER}:150)")
    inner = [f"forward (torch/nn/modules/module{n}.py:{10 * n})" for n in range(names // 2)]
    inner += [f"forward ({ROOT}/block{n}.py:{10 * n + 3})" for n in range(names // 2)]
    merged: dict[tuple[str, ...], int] = {}
    for _ in range(number):
        depth = draw.randrange(2, 14)
        path = (*outer, *(inner[min(int(draw.expovariate(0.35)) + level, names - 1)] for level in range(depth)))
        merged[path] = merged.get(path, 0) + draw.randrange(1, 9)
    return StackSamples(rate_hz=200, samples=sum(merged.values()), stacks=tuple(merged.items()))


def not_shown() -> AuditResult:
    """A candidate whose interval holds 1."""
    full, speedup = faster(), interval(1.012, 0.03)
    assert full.comparison is not None
    comparison = msgspec.structs.replace(
        full.comparison,
        speedup=speedup,
        verdict="not-shown",
        flags=(),
        break_even_runs=None,
        explanation="Not shown: 1.01 [0.98, 1.05] times the baseline's speed, and the interval holds 1.",
    )
    return msgspec.structs.replace(full, comparison=comparison, waterfall=full.waterfall[:1])


def no_candidate() -> AuditResult:
    """No set of fixes won: there is no after."""
    full = not_shown()
    assert full.comparison is not None
    rest = tuple(
        msgspec.structs.replace(
            fix, applied=False, gain=interval(1.01, 0.04), gain_in_plan=None, reason="No gain was shown."
        )
        for fix in full.fixes
    )
    comparison = msgspec.structs.replace(full.comparison, candidate=None, parity=None)
    opened = tuple(
        msgspec.structs.replace(
            finding, status="open", cost=msgspec.structs.replace(finding.cost, obtained_ms_per_step=None)
        )
        if finding.status == "fixed" and finding.cost
        else finding
        for finding in full.findings
    )
    return msgspec.structs.replace(
        full, comparison=comparison, fixes=rest, findings=opened, hot_ops_after=(), variants=full.variants[:4]
    )


def slower() -> AuditResult:
    """A regression, and the output differs nowhere."""
    full, speedup = faster(), interval(0.81, 0.02)
    assert full.comparison is not None
    comparison = msgspec.structs.replace(
        full.comparison,
        speedup=speedup,
        verdict="slower",
        break_even_runs=None,
        explanation="Slower: 0.81 [0.79, 0.83] times the baseline's speed; A/A control 1.001 [0.995, 1.008].",
    )
    bars = (full.waterfall[0], WaterfallStep(variant="plan", fix="compile", ms_per_step=103.9, speedup=speedup))
    variants = tuple(
        msgspec.structs.replace(v, timing=timing(1.04, 0.015, 9), speedup=speedup) if v.id == "plan" else v
        for v in full.variants
    )
    fixes = tuple(msgspec.structs.replace(f, applied=f.id == "compile", gain_in_plan=None) for f in full.fixes)
    return msgspec.structs.replace(full, comparison=comparison, waterfall=bars, variants=variants, fixes=fixes)


def output_differs() -> AuditResult:
    """Fast and wrong."""
    full = faster()
    assert full.comparison is not None
    return msgspec.structs.replace(
        full, comparison=msgspec.structs.replace(full.comparison, parity=parity(False, 0.031))
    )


def everything_missing() -> AuditResult:
    """Only the target and the environment are there."""
    gaps = (
        ("comparison", "The target raised in its second run: RuntimeError: out of memory.", "Try --size tiny."),
        (
            "stacks",
            "py-spy may not look into another process here (ptrace is not permitted).",
            "Run with CAP_SYS_PTRACE.",
        ),
        ("lines", "No function of the target's own source was called in the loop.", "Set source_roots."),
        ("graphs", "TorchDynamo was stopped after 60 s.", "Raise --timeout."),
        ("transfers", "The simulated device could not start: libc10 has no such symbol.", ""),
        ("memory", "The run ended before its first step.", ""),
        ("trace", "The profiler's file was cut off.", "Free some space in the run's folder."),
    )
    return AuditResult(
        schema_version=SCHEMA_VERSION,
        sdprof_version="0.1.0",
        created="2026-11-23T01:10:20Z",
        target=AuditedTarget(
            name="my-loop", size=None, steps=None, batch_size=None, height=None, width=None, device="cpu", dtype=None
        ),
        environment=msgspec.structs.replace(environment(), compiler=None, packages={}),
        variants=(),
        comparison=None,
        findings=(),
        fixes=(),
        missing=tuple(Missing(section=s, reason=r, remedy=m) for s, r, m in gaps),
    )


def no_fixes() -> AuditResult:
    """A clean loop: all audits pass, nothing to fix, nothing to compare but the baseline."""
    full = faster()
    assert full.comparison is not None
    return msgspec.structs.replace(
        full,
        fixes=(),
        waterfall=(),
        variants=full.variants[:1],
        missing=(),
        transfers=Transfers(baseline=TransferSection(device="simulated", steps=STEPS, sites=())),
        findings=tuple(finding for finding in full.findings if finding.status == "passed"),
        hot_ops_after=(),
        comparison=msgspec.structs.replace(
            full.comparison,
            candidate=None,
            speedup=None,
            verdict="not-shown",
            control=None,
            parity=None,
            explanation="There was no fix to measure.",
            flags=(),
        ),
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "</style></script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x1b[31mred\x1b[0m \u202eevil\u2066 \x00",
    '" onmouseover="alert(1)',
    "[link](https://example.com) | `tick` @everyone <!-- -->",
    "長い名前🙂" * 12,
    "https://example.com/" + "x" * 220,
    "[bold red]markup[/]",
)


def hostile() -> AuditResult:
    """Every text of the audit replaced by something that wants out."""
    return _twisted(faster())


def trace() -> AuditResult:
    """A recorded loop on a GPU."""
    return recorded("mi300_sd35_4steps")


def host_trace() -> AuditResult:
    """A recorded loop without any GPU event."""
    return recorded("cpu_toy_loop")


def hostile_trace() -> AuditResult:
    """A recorded loop whose names want out."""
    return _twisted(trace())


def on_a_gpu() -> AuditResult:
    """A success with a trace of a GPU on both sides: one kernel went, one came."""
    before = recorded("mi300_sd35_4steps").trace
    assert before is not None
    gone, *stayed = before.kernels_by_name
    came = msgspec.structs.replace(gone, name="fused_attention_kernel", count=7, device_us=900.0, share=0.05)
    after = msgspec.structs.replace(before, kernels_by_name=(*stayed[:3], came))
    return msgspec.structs.replace(faster(), trace=before, trace_after=after)


def simulation() -> AuditResult:
    """A loop on the simulated device."""
    return simulation_of(faster())


def shapes() -> AuditResult:
    """A loop without values."""
    return shapes_of(faster())


def hostile_shapes() -> AuditResult:
    """A loop without values whose names want out."""
    return _twisted(shapes())


def _twisted(result: AuditResult) -> AuditResult:
    counter = iter(range(10**9))

    def twist(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            if key == "evidence":
                return {twist(k): twist(v) for k, v in value.items()}
            return {k: twist(v, k) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [twist(item, key) for item in value]
        keep = (
            "proof",
            "severity",
            "status",
            "kind",
            "numerics",
            "verdict",
            "device",
            "baseline",
            "candidate",
            "variant",
            "order",
            "scope",
        )
        if key == "text":
            line = HOSTILE[next(counter) % len(HOSTILE)].replace("\n", " ")
            return f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{line}\n+{line}\n"
        if isinstance(value, str) and key not in keep and not (key == "id" and value in ("baseline", "plan")):
            return HOSTILE[next(counter) % len(HOSTILE)]
        return value

    return msgspec.convert(twist(msgspec.to_builtins(result)), AuditResult)


def huge() -> AuditResult:
    """500 findings, 20,000 stacks, 900 modules, 400 lines."""
    full = faster()
    many = tuple(
        msgspec.structs.replace(full.findings[n % 6], title=f"{full.findings[n % 6].title} ({n})") for n in range(500)
    )
    lines = tuple(msgspec.structs.replace(full.hot_lines[n % 5], share=0.9 / (n + 1)) for n in range(400))
    tree = tuple(
        HotModule(
            name=f"unet.blocks.{n}.layer",
            class_name="Block",
            calls=11,
            seconds=0.01,
            share=0.01,
            flops=10**9,
            percent_of_peak=30.0,
            depth=n % 12,
        )
        for n in range(900)
    )
    return msgspec.structs.replace(
        full,
        findings=many,
        hot_lines=lines,
        hot_modules=tree,
        hot_stacks=stacks(20_000, 2, names=160),
        hot_stacks_after=stacks(20_000, 3, names=160),
        variants=full.variants + tuple(msgspec.structs.replace(full.variants[3], id=f"more-{n}") for n in range(40)),
    )


SAMPLES = {
    sample.__name__: sample
    for sample in (
        faster,
        not_shown,
        no_candidate,
        slower,
        output_differs,
        everything_missing,
        no_fixes,
        on_a_gpu,
        trace,
        host_trace,
        simulation,
        shapes,
        hostile,
        hostile_trace,
        hostile_shapes,
        huge,
    )
}
