"""Try what an audit would use, one thing at a time: nothing is believed because it is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from sdprof.collectors.py_spy import PySpy, find_py_spy
from sdprof.collectors.speedscope import read_samples
from sdprof.collectors.watched_run import CannotCollectError
from sdprof.device.guard import SimulationUnavailableError
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.compiling import require_compiler
from sdprof.worker.examine_machine import disk, load, memory
from sdprof.worker.protocol import Check, CheckName, Examine, Examined

SAMPLED_SECONDS = 0.3
SAMPLING_RATE_HZ = 100
LONGEST_SAMPLING_SECONDS = 10


def examine(request: Examine) -> Examined:
    """Carry out one examination. It never raises: what went wrong is what was found."""
    try:
        check = EXAMINATIONS[request.check]()
    except Exception as error:  # noqa: BLE001  a library that fails in a way of its own is a finding
        check = Check(
            name=request.check,
            ok=False,
            finding=f"It fails with {type(error).__name__}: {_first_line(error)}.",
            remedy="Install sdprof into an empty virtual environment and try again.",
        )
    return Examined(checks=(check,))


def _torch() -> Check:
    values = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    if not torch.isfinite(values @ values).all():
        return Check(name="torch", ok=False, finding="A product of two matrices is not finite.", remedy=REINSTALL_TORCH)
    capability = torch.backends.cpu.get_cpu_capability()
    return Check(
        name="torch",
        ok=True,
        finding=f"PyTorch {torch.__version__} computes with {torch.get_num_threads()} threads ({capability}).",
    )


def _cuda() -> Check:
    if not torch.cuda.is_available():
        built = torch.version.cuda
        return Check(
            name="cuda",
            ok=False,
            optional=True,
            finding="There is no CUDA device, so audits run on the CPU."
            if built
            else "This build of PyTorch is for the CPU only, so audits run on the CPU.",
            remedy="Where there is a GPU, check its driver with nvidia-smi."
            if built
            else "Where there is a GPU, install a CUDA build of PyTorch.",
        )
    torch.ones(8, device="cuda").sum().item()
    free, total = torch.cuda.mem_get_info()
    return Check(
        name="cuda",
        ok=True,
        finding=f"{torch.cuda.get_device_name()} computes, with {_gib(free)} of {_gib(total)} free.",
    )


def _operator_trace() -> Check:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        torch.ones(8).add(1)
    seen = {event.key for event in profile.key_averages()}
    if "aten::add" not in seen:
        return Check(
            name="operator trace",
            ok=False,
            finding="torch.profiler recorded a run and did not see its operator.",
            remedy=REINSTALL_TORCH,
        )
    return Check(name="operator trace", ok=True, finding="torch.profiler records operators.")


def _tensorboard() -> Check:
    from tensorboard.default import get_dynamic_plugins

    names = {plugin.__name__ for plugin in get_dynamic_plugins()}
    version = importlib.metadata.version("tensorboard")
    if "TorchProfilerPlugin" not in names:
        return Check(
            name="TensorBoard",
            ok=False,
            finding=f"TensorBoard {version} starts without its profiler view.",
            remedy="Install it: pip install torch-tb-profiler",
        )
    return Check(name="TensorBoard", ok=True, finding=f"TensorBoard {version} loads its view of PyTorch traces.")


def _time_by_line() -> Check:
    from line_profiler import LineProfiler

    def two_lines() -> int:
        one = 1
        return one + 1

    profiler = LineProfiler()
    profiler(two_lines)()
    hits = sum(hits for lines in profiler.get_stats().timings.values() for _, hits, _ in lines)
    if hits != 2:
        return Check(
            name="time by line",
            ok=False,
            finding=f"line_profiler saw {hits} of the 2 lines that ran.",
            remedy="Leave out what else traces Python here: a debugger, coverage.",
        )
    return Check(name="time by line", ok=True, finding="line_profiler times lines.")


def _stack_samples() -> Check:
    try:
        with tempfile.TemporaryDirectory(prefix="sdprof-doctor-") as folder:
            recorded = Path(folder, "recorded.json")
            spy = PySpy(find_py_spy(), recorded, SAMPLING_RATE_HZ, LONGEST_SAMPLING_SECONDS)
            try:
                spy.attach()
                time.sleep(SAMPLED_SECONDS)
                spy.stop()
            finally:
                spy.close()
            samples = sum(len(thread) for thread in read_samples(recorded))
    except CannotCollectError as error:
        return Check(name="stack samples", ok=False, finding=error.reason, remedy=error.remedy)
    return Check(
        name="stack samples", ok=True, finding=f"py-spy attached to this process and took {samples} samples of it."
    )


def _compile() -> Check:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        require_compiler(device)
    except DeclinedError as declined:
        reason, _, remedy = str(declined).partition(": ")
        return Check(
            name="compile",
            ok=False,
            finding=f"{reason}, so no fix that compiles is tried.",
            remedy=f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "",
        )

    def two_lines(x: torch.Tensor) -> torch.Tensor:
        y = torch.sin(x)
        return y * y + 1

    values = torch.arange(4096, dtype=torch.float32, device=device)
    with tempfile.TemporaryDirectory(prefix="sdprof-doctor-") as empty_cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = empty_cache
        started = time.perf_counter()
        compiled = torch.compile(two_lines)(values)
        seconds = time.perf_counter() - started
    torch.testing.assert_close(compiled, two_lines(values))
    return Check(
        name="compile",
        ok=True,
        finding=f"torch.compile compiled a function for {device} in {seconds:.1f} s, and it is right.",
    )


def _simulated_device() -> Check:
    from sdprof.device import simulate

    try:
        with torch.no_grad(), simulate() as device:
            back = torch.ones(4).to("cuda").add(1).cpu()
    except SimulationUnavailableError as error:
        reason, _, remedy = str(error).partition(". ")
        return Check(name="simulated device", ok=False, finding=f"{reason}.", remedy=remedy)
    kinds = [str(event.kind) for event in device.events]
    if kinds != ["H2D", "D2H"] or back.tolist() != [2.0] * 4:
        return Check(
            name="simulated device",
            ok=False,
            finding=f"The simulated CUDA device saw {', '.join(kinds) or 'nothing'} where one copy each way was made, "
            f"and computed {back.tolist()} where each number is 2.",
            remedy="Audit on a machine with a GPU to see copies and waits.",
        )
    return Check(
        name="simulated device", ok=True, finding="The simulated CUDA device sees copies and waits without a GPU."
    )


def _openvino() -> Check:
    if importlib.util.find_spec("openvino") is None:
        return Check(
            name="openvino",
            ok=False,
            optional=True,
            finding="OpenVINO is not installed, so the fix openvino is not tried.",
            remedy="To try it on the CPU: pip install 'sdprof[openvino]'",
        )
    import openvino

    devices = openvino.Core().available_devices
    return Check(
        name="openvino",
        ok="CPU" in devices,
        optional=True,
        finding=f"OpenVINO {openvino.__version__.partition('-')[0]} offers {', '.join(devices) or 'no device'}.",
        remedy="" if "CPU" in devices else "Install it again: pip install --force-reinstall openvino",
    )


REINSTALL_TORCH = "Install PyTorch again; https://pytorch.org says how."
EXAMINATIONS: dict[CheckName, Callable[[], Check]] = {
    "load": load,
    "memory": memory,
    "disk": disk,
    "torch": _torch,
    "cuda": _cuda,
    "operator trace": _operator_trace,
    "TensorBoard": _tensorboard,
    "time by line": _time_by_line,
    "stack samples": _stack_samples,
    "compile": _compile,
    "simulated device": _simulated_device,
    "openvino": _openvino,
}


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:200].rstrip(".")
