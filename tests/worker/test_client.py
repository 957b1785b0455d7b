"""The worker through its real pipes and process: what it answers, and how it fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest
from safetensors.numpy import load_file

from sdprof.model import Environment, MemoryProfile
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import DirectLauncher, Launcher, NurseryLauncher, launcher
from sdprof.worker.protocol import Build, Collect, Collected

TARGET_HEAD = """
import os, sys, time, torch, sdprof
model = torch.nn.Linear(2, 2)

@sdprof.target("bad")
def build(options):
    return sdprof.Workload(run=run, hot_modules={"m": model})
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Launcher]:
    with launcher() as nursery:
        yield nursery


@pytest.fixture
def worker(nursery: Launcher) -> Iterator[Worker]:
    with Worker(name="the worker", timeout_seconds=60, launcher=nursery) as worker:
        yield worker


def build_request(target: Path, **options: str | int | None) -> Build:
    return Build(target_file=str(target), target_name=None, options={"device": "cpu", "seed": 1, **options})


def write_target(folder: Path, run: str, head: str = TARGET_HEAD) -> Path:
    file = folder / "bad_target.py"
    file.write_text(head + run)
    return file


@pytest.mark.parametrize("kind", [NurseryLauncher, DirectLauncher])
def test_a_worker_outlives_the_thread_that_started_it(
    kind: Callable[[], NurseryLauncher | DirectLauncher], denoise_target: Path
) -> None:
    with ThreadPoolExecutor(max_workers=1) as passing:
        launcher = passing.submit(kind).result()
        worker = passing.submit(Worker, name="the worker", timeout_seconds=60, launcher=launcher).result()
    with worker:
        assert worker.build(build_request(denoise_target)).hot_modules
    if isinstance(launcher, NurseryLauncher):
        launcher.close()


def test_builds_and_runs_reproducibly(worker: Worker, denoise_target: Path, tmp_path: Path) -> None:
    built = worker.build(build_request(denoise_target, steps=3))
    first = worker.run(str(tmp_path / "outputs.safetensors"))
    second = worker.run()
    assert built.hot_modules[0].class_name == "Denoiser"
    assert built.hot_modules[0].parameters == 4 * 8 * 9 + 8 + 8 + 8 + 8 * 4 * 9 + 4
    assert built.source_roots == (str(denoise_target.parent),)
    assert first.seconds > 0
    assert first.peak_memory_bytes is not None
    assert first.peak_memory_bytes > 10_000_000
    assert first.output_digest == second.output_digest
    assert load_file(tmp_path / "outputs.safetensors")["latents"].shape == (2, 4, 16, 16)


def test_weights_are_shared_and_give_the_same_bits(denoise_target: Path, tmp_path: Path) -> None:
    weights = str(tmp_path / "weights.safetensors")
    digests = set()
    with Worker(name="first", timeout_seconds=60) as first, Worker(name="second", timeout_seconds=60) as second:
        first.build(build_request(denoise_target))
        digests.add(first.run().output_digest)
        first.save_weights(weights)
        digests.add(first.run().output_digest)
        second.build(
            Build(target_file=str(denoise_target), target_name=None, options={"seed": 1}, weights_file=weights)
        )
        digests.add(second.run().output_digest)
        maps = Path(f"/proc/{second.process_id}/maps").read_text()
    assert len(digests) == 1
    assert "weights.safetensors" in maps


def test_an_exception_in_the_run_names_its_line(worker: Worker, tmp_path: Path) -> None:
    target = write_target(tmp_path, "def run():\n    raise ValueError('the schedule is empty')\n")
    worker.build(build_request(target))
    with pytest.raises(WorkerError) as caught:
        worker.run()
    assert caught.value.trouble == "target"
    assert "ValueError: the schedule is empty" in caught.value.sentence
    assert f"{target}:9" in caught.value.sentence


def test_a_failed_run_leaves_the_worker_usable(worker: Worker, tmp_path: Path) -> None:
    target = write_target(
        tmp_path,
        "calls = []\ndef run():\n    calls.append(1)\n"
        "    if len(calls) == 1:\n        sys.exit(3)\n    return torch.ones(1)\n",
    )
    worker.build(build_request(target))
    with pytest.raises(WorkerError, match=r"sys\.exit\(3\)"):
        worker.run()
    assert worker.run().non_finite == ()


@pytest.mark.parametrize(
    ("run", "trouble", "words"),
    [
        ("os._exit(7)", "exited", "exit code 7"),
        ("os.kill(os.getpid(), 11)", "crashed", "SIGSEGV"),
        ("os.kill(os.getpid(), 9)", "out of memory", "want of memory"),
    ],
)
def test_a_worker_that_dies_says_how(worker: Worker, tmp_path: Path, run: str, trouble: str, words: str) -> None:
    worker.build(build_request(write_target(tmp_path, f"def run():\n    {run}\n")))
    with pytest.raises(WorkerError, match=words) as caught:
        worker.run()
    assert caught.value.trouble == trouble


def test_a_hanging_run_is_ended_with_its_children(tmp_path: Path) -> None:
    target = write_target(
        tmp_path,
        "import subprocess\ndef run():\n    subprocess.Popen(['sleep', '987'])\n    time.sleep(1000)\n",
    )
    with Worker(name="the worker", timeout_seconds=20) as worker:
        worker.build(build_request(target))
        worker.timeout_seconds = 1.0
        with pytest.raises(WorkerError, match="no answer within 1 s") as caught:
            worker.run()
    assert caught.value.trouble == "timed out"
    assert not any(
        "987" in process.info["cmdline"] for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]
    )


def test_megabytes_of_prints_neither_block_nor_fill_the_memory(worker: Worker, tmp_path: Path) -> None:
    target = write_target(
        tmp_path, "def run():\n    for i in range(3000):\n        print('x' * 1000)\n    return torch.ones(1)\n"
    )
    worker.build(build_request(target))
    worker.run()
    worker.close()
    assert worker.output.total_bytes >= 3_000_000
    assert len(worker.output.text()) < 200_000


def test_nan_is_reported_by_name(worker: Worker, tmp_path: Path) -> None:
    target = write_target(tmp_path, "def run():\n    return {'latents': [torch.full((2,), float('nan'))]}\n")
    worker.build(build_request(target))
    assert worker.run().non_finite == ("latents.0",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module_at_all\n" + TARGET_HEAD, "No module named 'no_such_module_at_all'"),
        ("import sdprof\n@sdprof.target('bad')\ndef build(options):\n    return 3\n", "returned int instead of"),
        (
            "import sdprof\n@sdprof.target('bad')\ndef build(options):\n"
            "    return sdprof.Workload(run=print, hot_modules={})\n",
            "hot_modules is empty",
        ),
    ],
)
def test_a_target_that_is_none_is_one_sentence(worker: Worker, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad_target.py"
    file.write_text(text)
    with pytest.raises(WorkerError, match=words) as caught:
        worker.build(build_request(file))
    assert caught.value.trouble == "target"
    assert "\n" not in caught.value.sentence


def test_collects_an_artifact_into_its_file(worker: Worker, denoise_target: Path, tmp_path: Path) -> None:
    worker.build(build_request(denoise_target, steps=5))
    for collector, kind in (("environment", Environment), ("memory", MemoryProfile)):
        reply = worker.collect(Collect(collector=collector, folder=str(tmp_path)))
        assert isinstance(reply, Collected)
        artifact = msgspec.json.decode((tmp_path / reply.artifact).read_bytes(), type=kind)
        if isinstance(artifact, MemoryProfile):
            assert len(artifact.steps) == 5
            assert artifact.peak_bytes >= max(step.peak_bytes for step in artifact.steps)
