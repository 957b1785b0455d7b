"""A loop with every way to go wrong in a bench: something missing, a crash in one run, another result."""

import os
import signal

import torch

import sdprof


@sdprof.target("benched", summary="A loop to bench", sizes=("narrow", "wide"))
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    if "needs" in options.extra:
        raise ValueError(f"{options.extra['needs']} is not installed here.")
    model = torch.nn.Linear(32, 32).eval()
    crash_at, runs = int(options.extra.get("crash_at", 0)), 0

    def run() -> dict[str, torch.Tensor]:
        nonlocal runs
        runs += 1
        if runs == crash_at * 16:  # so short a run is repeated sixteen times a turn
            os.kill(os.getpid(), signal.SIGSEGV)
        generator = torch.Generator().manual_seed(options.seed)
        x = torch.randn(options.batch_size or 1, 32, generator=generator)
        with torch.no_grad():
            for _ in range(options.steps or 3):
                x = model(x)
        return {"latents": x + 1 if "wrong" in options.extra else x}

    return sdprof.Workload(run=run, hot_modules={"linear": model})
