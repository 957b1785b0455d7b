"""The modules that a run spends its time in, and how near each comes to the machine's peak."""

from __future__ import annotations

from sdprof.model import HotModule, ModuleCalls, ModuleProfile, Peaks

SMALLEST_SHARE = 0.002


def hot_modules(
    profile: ModuleProfile, peaks: Peaks | None, most: int = 400, *, element_bytes: int = 4
) -> tuple[HotModule, ...]:
    """Modules in the order of the module tree, each with its children included.

    percent_of_peak is FLOP/s over the measured GEMM peak; None where nothing was counted or no peak is known.

    :param element_bytes: bytes of one weight.
    """
    return tuple(
        HotModule(
            name=module.name,
            class_name=module.class_name,
            calls=module.calls,
            seconds=module.seconds,
            share=module.seconds / profile.run_seconds,
            flops=module.flops,
            percent_of_peak=_percent_of_peak(module.flops, module.seconds, peaks),
            depth=module.name.count("."),
            least_bytes=_least_bytes(module, element_bytes),
        )
        for module in profile.modules
        if profile.run_seconds > 0 and module.seconds / profile.run_seconds >= SMALLEST_SHARE
    )[:most]


def _percent_of_peak(flops: int, seconds: float, peaks: Peaks | None) -> float | None:
    if peaks is None or not flops or not seconds:
        return None
    return 100 * flops / seconds / peaks.gemm_flops_per_second


def _least_bytes(module: ModuleCalls, element_bytes: int) -> int | None:
    if not module.leaf or not module.calls:
        return None
    return module.calls * module.parameters * element_bytes + module.output_bytes
