"""What a simulation costs: the same loops plainly on the CPU and on the simulated device, in turn.

    python benchmarks/simulated_device.py [--full]

Prints the median ratio of process time over rounds, each round a plain run and a simulated one. ``--full`` adds 50
steps of the full-size target without values.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "targets" / "sd21_original")]

from sdprof import BuildOptions  # noqa: E402
from sdprof.device import simulate, simulate_without_values  # noqa: E402
from sdprof.device.gpu_peaks import GPUS  # noqa: E402
from tests.device import odd_loops, toy_loop  # noqa: E402

ROUNDS = 9


def seconds(work: Callable[[], Any]) -> float:
    """Process time: other work on the machine counts less than in wall-clock time."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ratio(plain: Callable[[], Any], simulated: Callable[[], Any]) -> tuple[float, float]:
    """The plain run's median seconds, and the median over rounds of simulated / plain."""
    pin_memory = torch.Tensor.pin_memory
    pairs = []
    for _ in range(ROUNDS):
        torch.Tensor.pin_memory = lambda tensor, *args: tensor  # a CPU-only build cannot pin
        base = seconds(plain)
        torch.Tensor.pin_memory = pin_memory
        with simulate():
            pairs.append((base, seconds(simulated)))
    return statistics.median(b for b, _ in pairs), statistics.median(s / b for b, s in pairs)


def small_loops() -> None:
    """The loops of the tests, 40 steps each."""
    for name, loop in [("toy_loop", toy_loop.sample)] + [
        (name, getattr(odd_loops, name))
        for name in ("clean", "karras_euler", "edm_heun", "guided_with_dynamic_threshold")
    ]:
        plain, times = ratio(lambda loop=loop: loop("cpu", 40), lambda loop=loop: loop("cuda", 40))
        print(f"{name:32} plain {1e3 * plain / 40:8.3f} ms a step   simulated / plain {times:5.2f}")


def one_unet_call() -> None:
    """One call of diffusers' UNet, wide enough to take about a second."""
    from diffusers import UNet2DConditionModel

    def build(device: str) -> tuple[Any, ...]:
        torch.manual_seed(0)
        unet = UNet2DConditionModel(block_out_channels=(160, 320, 640, 640), cross_attention_dim=512)
        arguments = torch.randn(1, 4, 32, 32), torch.tensor(10), torch.randn(1, 77, 512)
        return (unet.eval().to(device), *(each.to(device) for each in arguments))

    host = build("cpu")
    with simulate():
        device = build("cuda")
    plain, times = ratio(lambda: host[0](*host[1:]), lambda: device[0](*device[1:]))
    print(f"{'one UNet call':32} plain {plain:8.3f} s          simulated / plain {times:5.2f}")


def full_size_without_values(steps: int = 50) -> None:
    """The full target at 512 × 512: seconds, memory, and the roofline of each GPU."""
    import target

    started = time.perf_counter()
    with simulate_without_values() as device:
        workload = target.build(BuildOptions(device="cuda", size="full", steps=steps))
        built = time.perf_counter()
        device.costs.calls.clear()
        workload.run()
        print(f"full, {steps} steps without values: built in {built - started:.1f} s, run in", end=" ")
        print(f"{time.perf_counter() - built:.1f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
        flops, peak = device.costs.flops / (steps + 1), device.memory.peak_bytes
        print(f"{flops / 1e12:.3f} TFLOP a UNet call, peak {peak / 1e9:.2f} GB")
        for name in GPUS:
            print(f"  {name:9} at least {1e3 * device.roofline(name).seconds / (steps + 1):7.1f} ms a step")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    small_loops()
    one_unet_call()
    if arguments.full:
        full_size_without_values()
