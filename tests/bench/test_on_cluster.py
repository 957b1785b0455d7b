"""``sdprof bench --ray`` with a made-up cluster: what it writes, and that it takes nothing away."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sdprof.bench.cluster import News, Node
from sdprof.bench.cluster_files import ClusterFiles
from sdprof.bench.machine_file import named_file, read_bench, write_bench
from sdprof.model.bench import BenchFile
from tests.bench.made import machine, series
from tests.bench.test_cluster import Scripted, node
from tests.command import Command, sentence_of

CALL = ("bench", "--ray", "auto", "--out", "bench")


def state(rounds: int, started: str) -> BenchFile:
    return machine(msgspec.structs.replace(series({"A": [1.0] * rounds}), started=started))


def on(monkeypatch: pytest.MonkeyPatch, lines: dict[Node, list[News]]) -> None:
    monkeypatch.setattr("sdprof.bench.on_ray.RayCluster", lambda _address, _order: Scripted(lines))


def begun(name: str) -> list[tuple[str, int]]:
    return [(each.started, each.rounds_done) for each in read_bench(named_file(name, Path("bench"))).series]


def test_a_second_bench_is_appended(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    t4 = node("n1", "T4")
    for day in ("first", "second"):
        on(monkeypatch, {t4: [News(t4, state(1, day)), News(t4, state(2, day)), News(t4, done=True)]})
        assert command(*CALL).returncode == 0
    assert begun("T4") == [("first", 2), ("second", 2)]


def test_a_node_that_is_lost_at_once_takes_nothing_away(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bench").mkdir()
    write_bench(state(3, "before"), named_file("T4", Path("bench")))
    t4 = node("n1", "T4")
    on(monkeypatch, {t4: [News(t4, lost="NodeDiedError")]})
    done = command(*CALL)
    assert done.returncode == 1
    assert "Not every accelerator" in sentence_of(done)
    assert begun("T4") == [("before", 3)]
    assert "was lost" in read_bench(named_file("T4", Path("bench"))).lost


@pytest.mark.parametrize(("rounds", "kept"), [(2, ("lost one", 5)), (6, ("replacement", 6))])
def test_a_replacement_is_written_once_it_has_more_rounds(
    command: Command, monkeypatch: pytest.MonkeyPatch, rounds: int, kept: tuple[str, int]
) -> None:
    first, second = node("n1", "T4"), node("n2", "T4")
    on(
        monkeypatch,
        {
            first: [News(first, state(5, "lost one")), News(first, lost="NodeDiedError")],
            second: [
                *(News(second, state(count + 1, "replacement")) for count in range(rounds)),
                News(second, done=True) if rounds > 5 else News(second, lost="NodeDiedError"),
            ],
        },
    )
    assert command(*CALL).returncode == (0 if rounds > 5 else 1)
    assert begun("T4") == [kept]


def test_a_cluster_without_a_usable_node_is_told_in_a_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, {})
    done = command(*CALL)
    assert done.returncode == 1
    assert "no machine alive" in sentence_of(done)
    assert not Path("bench").exists()


@pytest.mark.parametrize("rounds", [0, 2])
def test_an_interrupted_bench_writes_what_came(command: Command, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    t4 = node("n1", "T4")

    class Interrupted(Scripted):
        def wait(self, seconds: float) -> Iterator[News]:
            for count in range(rounds):
                yield News(t4, state(count + 1, "now"))
            raise KeyboardInterrupt

    monkeypatch.setattr("sdprof.bench.on_ray.RayCluster", lambda _address, _order: Interrupted({t4: []}))
    done = command(*CALL)
    assert done.returncode == 1
    assert "begins anew" in sentence_of(done)
    assert "--resume" not in sentence_of(done)
    written = {each.name for each in Path("bench").iterdir()}
    assert written == ({"t4.bench.json", "t4.html", "t4.md", "t4.csv", "merged.md"} if rounds else set())


def test_a_damaged_file_is_told_before_anything_runs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bench").mkdir()
    named_file("T4", Path("bench")).write_text("{")
    t4 = node("n1", "T4")
    on(monkeypatch, {t4: [News(t4, state(1, "now")), News(t4, done=True)]})
    done = command(*CALL)
    assert done.returncode == 2
    assert "is not a machine's bench file" in sentence_of(done)


def test_the_file_never_holds_fewer_rounds_than_before(tmp_path: Path) -> None:
    files = ClusterFiles(tmp_path, ["T4"])
    held = [
        files.take("T4", state(rounds, started)).rounds_done
        for rounds, started in ((5, "lost one"), *((count, "replacement") for count in range(1, 7)))
    ]
    assert held == [5, 5, 5, 5, 5, 5, 6]
    assert read_bench(named_file("T4", tmp_path)).rounds_done == 6
