"""What is looked at again after the fixes, and in which worker."""

import os
from pathlib import Path

import pytest

from sdprof.run_folder import Manifest, RunFolder
from sdprof.stages.observe import Observer
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Silent
from sdprof.stages.variants import uncompiled
from sdprof.worker.protocol import Collect, Collected, Ran
from tests.stages.made import BUILT, REQUEST


class FakeWorker:
    def __init__(self) -> None:
        self.process_id = os.getpid()
        self.did: list[str] = []

    def run(self, outputs_file: str | None = None) -> Ran:
        self.did.append("run")
        self.keep(outputs_file)
        return Ran(seconds=1.0, peak_memory_bytes=1)

    def collect(self, order: Collect) -> Collected:
        self.did.append(order.collector)
        self.keep(order.outputs_file)
        return Collected(artifact=order.collector, seconds=1.0)

    def keep(self, outputs_file: str | None) -> None:
        if outputs_file is not None:
            Path(outputs_file).touch()

    def close(self) -> None:
        self.did.append("close")


class FakeStarter:
    request = REQUEST

    def __init__(self) -> None:
        self.started: list[tuple[str | None, FakeWorker]] = []

    def start(self, fixes, *, steps, device, times) -> tuple[FakeWorker, object]:
        self.started.append((device, FakeWorker()))
        return self.started[-1][1], BUILT


@pytest.fixture
def starter() -> FakeStarter:
    return FakeStarter()


@pytest.fixture
def observer(tmp_path: Path, starter: FakeStarter) -> Observer:
    folder = RunFolder.create(tmp_path / "run", Manifest(sdprof_version="0", created="", request={}))
    return Observer(starter, folder, TimeSheet(), Silent(), on_cuda=False)


def test_what_only_compiles_leaves_nothing_to_look_at_again():
    assert uncompiled(("keep-scalar-on-device", "sdpa", "compile-regional")) == ("keep-scalar-on-device", "sdpa")
    assert uncompiled(("openvino",)) == ()


def test_a_worker_that_is_warm_already_is_watched_as_it_is(observer, starter):
    warmed = FakeWorker()
    assert observer.observe(("sdpa",), ("loop", "stacks"), warmed=warmed) == ()
    assert warmed.did == ["loop", "stacks", "close"]
    assert starter.started == []


@pytest.mark.parametrize("timed", [True, False])
def test_each_collector_watches_once_on_its_own_device(observer, starter, timed):
    assert observer.observe(("sdpa",), ("loop", "operators", "transfers", "graphs"), timed=timed) == ()
    did = {tuple(worker.did): device for device, worker in starter.started}
    assert did == {
        ("run", "loop", "operators", "close"): None,
        ("transfers", "close"): "simulated",
        ("graphs", "close"): None,
    }


def test_what_was_watched_is_not_watched_again(observer, starter):
    observer.observe((), ("loop",))
    warmed = FakeWorker()
    observer.observe((), ("loop",), warmed=warmed)
    assert warmed.did == ["close"]
    assert len(starter.started) == 1


def test_the_run_that_was_counted_as_it_is_leaves_what_its_rewrites_are_compared_with(observer, starter):
    assert observer.counted_run() is None
    observer.observe((), ("transfers", "graphs"))
    did = {tuple(worker.did): device for device, worker in starter.started}
    assert did == {("transfers", "run", "close"): "simulated", ("graphs", "close"): None}
    counted = observer.counted_run()
    assert counted.seconds == 1.0
    assert counted.outputs.exists()
    assert counted.outputs != counted.outputs_again


def test_where_copies_are_counted_in_a_warm_worker_the_loop_as_it_is_is_run_again(tmp_path, starter):
    folder = RunFolder.create(tmp_path / "run", Manifest(sdprof_version="0", created="", request={}))
    observer = Observer(starter, folder, TimeSheet(), Silent(), on_cuda=True)
    observer.observe((), ("loop", "transfers"))
    assert [worker.did for _, worker in starter.started] == [["run", "loop", "transfers", "close"]]
    assert observer.counted_run() is None
