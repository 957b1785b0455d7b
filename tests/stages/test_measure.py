"""Workers are started once and kept while there is room. The workers here are objects: what is tested is who lives."""

import os
from pathlib import Path

import pytest

from sdprof.comparison.plan_structs import BASELINE, CONTROL, Batch, VariantRequest
from sdprof.run_folder import Manifest, RunFolder
from sdprof.stages import measure
from sdprof.stages.measure import Measurer, RoundPolicy
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Silent
from sdprof.worker.client import WorkerError
from sdprof.worker.protocol import Ran
from tests.stages.made import BUILT

POLICY = RoundPolicy(min_rounds=2, max_rounds=2, budget_seconds=10.0)
A, B = (VariantRequest(id=name, fixes=(name,)) for name in "ab")


class FakeWorker:
    def __init__(self, *, runs_left: int = 1000) -> None:
        self.process_id = os.getpid()
        self.closed = False
        self._runs_left = runs_left

    def run(self, outputs_file: str | None = None) -> Ran:
        assert not self.closed
        self._runs_left -= 1
        if self._runs_left < 0:
            raise WorkerError("crashed", "the worker crashed")
        return Ran(seconds=3.0, peak_memory_bytes=1)

    def save_weights(self, file: str) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class FakeStarter:
    weights_file = Path("weights")
    source_roots: tuple[str, ...] = ()

    def __init__(self, *, runs_left: int = 1000) -> None:
        self.started: dict[tuple[str, ...], list[FakeWorker]] = {}
        self.failing: set[tuple[str, ...]] = set()
        self._runs_left = runs_left

    def start(self, fixes: tuple[str, ...] = (), *, times: TimeSheet | None = None) -> tuple[FakeWorker, object]:
        if fixes in self.failing:
            raise WorkerError("fix", "it does not start")
        worker = FakeWorker(runs_left=self._runs_left if fixes else 1000)
        self.started.setdefault(fixes, []).append(worker)
        return worker, BUILT


@pytest.fixture
def opened(tmp_path):
    def open_(starter):
        manifest = Manifest(sdprof_version="0", created="2026-01-01T00:00:00+00:00", request={})
        measurer = Measurer(starter, RunFolder.create(tmp_path / "run", manifest), TimeSheet(), Silent())
        measurer.open_baseline()
        return measurer

    return open_


def batch(*variants: VariantRequest) -> Batch:
    return Batch(purpose="alone", variants=(BASELINE, CONTROL, *variants))


def test_a_variant_that_is_measured_again_is_not_started_again(opened):
    starter = FakeStarter()
    measurer = opened(starter)
    first, second = measurer.measure(batch(A, B), POLICY), measurer.measure(batch(A), POLICY)
    assert {run.entry for run in first.runs} == {"baseline", "baseline-again", "a", "b"}
    assert {run.entry for run in second.runs} == {"baseline", "baseline-again", "a"}
    assert [len(workers) for workers in starter.started.values()] == [2, 1, 1]
    measurer.close()
    assert all(worker.closed for workers in starter.started.values() for worker in workers)


def test_where_memory_is_short_the_idle_one_makes_room(opened, monkeypatch):
    starter = FakeStarter()
    measurer = opened(starter)
    measurer.measure(batch(A), POLICY)
    monkeypatch.setattr(measure, "free_bytes", lambda: 0)
    measurer.measure(batch(B), POLICY)
    assert starter.started["a",][0].closed
    assert not starter.started["b",][0].closed
    measurer.measure(batch(A), POLICY)
    assert len(starter.started["a",]) == 2


def test_a_worker_that_dies_costs_its_variant_alone(opened):
    starter = FakeStarter(runs_left=2)
    measurer = opened(starter)
    times = measurer.measure(batch(A), POLICY)
    assert times.failures("a") == ("the worker crashed",)
    assert len(times.seconds("baseline")) == 2
    assert measurer.records["a"].error == "the worker crashed"
    assert starter.started["a",][0].closed


def test_one_that_does_not_start_costs_its_variant_alone(opened):
    starter = FakeStarter()
    starter.failing.add(("a",))
    measurer = opened(starter)
    times = measurer.measure(batch(A, B), POLICY)
    assert measurer.records["a"].error == "it does not start"
    assert len(times.seconds("b")) == 2
    measurer.close()
    assert all(worker.closed for workers in starter.started.values() for worker in workers)


def test_what_compiles_is_started_first_and_all_are_there_in_the_order_asked_for(opened, monkeypatch):
    monkeypatch.setattr(measure, "STARTED_AT_ONCE", 1)
    monkeypatch.setattr(measure, "uncompiled", lambda fixes: tuple(fix for fix in fixes if fix != "b"))
    starter = FakeStarter()
    times = opened(starter).measure(batch(A, B), POLICY)
    assert list(starter.started) == [(), ("b",), ("a",)]
    assert len(times.seconds("a")) == len(times.seconds("b")) == 2


def test_each_worker_may_hold_a_copy_of_the_weights(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "free_bytes", lambda: 1000)
    monkeypatch.setattr(measure, "private_bytes", lambda pid: 50)
    starter = FakeStarter()
    starter.weights_file = tmp_path / "weights"
    starter.weights_file.write_bytes(bytes(200))
    assert opened(starter).room() == 1 + 4


def test_a_worker_can_outlive_the_measurement_for_one_who_watches_it(opened):
    starter = FakeStarter()
    measurer = opened(starter)
    measurer.measure(batch(A, B), POLICY)
    measurer.close_but({"a"})
    (a,), (b,) = starter.started[("a",)], starter.started[("b",)]
    assert (a.closed, b.closed) == (False, True)
    assert all(worker.closed for worker in starter.started[()])
    assert measurer.hand_over("b") is None
    assert measurer.hand_over("a") is a
    measurer.close()
    assert not a.closed, "it is the watcher's to close now"
