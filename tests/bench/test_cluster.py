"""Every distinct accelerator once; a lost node is replaced or marked; silence ends."""

from collections.abc import Iterator, Sequence

import pytest

from sdprof.bench.cluster import MOST_ATTEMPTS, News, Node, accelerator_of, bench_everywhere
from sdprof.model.bench import BenchFile
from tests.bench.made import machine, series


def after(rounds: int) -> BenchFile:
    return machine(series({"A": [1.0] * rounds}))


class Scripted:
    """A cluster whose nodes say what they were given to say; a node without a line left says nothing."""

    def __init__(self, lines: dict[Node, list[News]]) -> None:
        self._lines = {node.id: list(news) for node, news in lines.items()}
        self._alive = {node.id: node for node in lines}
        self.started: list[str] = []
        self.ended: list[str] = []
        self._running: set[str] = set()

    def nodes(self) -> Sequence[Node]:
        return tuple(self._alive.values())

    def start(self, node: Node) -> None:
        self.started.append(node.id)
        self._running.add(node.id)

    def wait(self, seconds: float) -> Iterator[News]:
        for id in sorted(self._running):
            if self._lines[id]:
                news = self._lines[id].pop(0)
                if news.lost == "NodeDiedError":
                    del self._alive[id]
                yield news

    def end(self, node: Node) -> None:
        self.ended.append(node.id)
        self._running.discard(node.id)


def node(id: str, accelerator: str) -> Node:
    return Node(id=id, address=f"10.0.0.{id[-1]}", accelerator=accelerator, gpu=accelerator != "cpu")


def run(cluster: Scripted, silence_seconds: float = 60) -> dict[str, BenchFile]:
    return dict(bench_everywhere(cluster, silence_seconds=silence_seconds, look_seconds=0))


def test_one_machine_of_each_kind() -> None:
    t4, another, cpu = node("n1", "T4"), node("n2", "T4"), node("n3", "cpu")
    whole = {each: [News(each, after(1)), News(each, after(2)), News(each, done=True)] for each in (t4, another, cpu)}
    cluster = Scripted(whole)
    results = run(cluster)
    assert cluster.started == ["n1", "n3"]
    assert {name: each.series[0].rounds_done for name, each in results.items()} == {"T4": 2, "cpu": 2}
    assert not any(each.lost for each in results.values())


def test_a_lost_node_is_replaced_by_another_of_its_kind() -> None:
    first, second = node("n1", "T4"), node("n2", "T4")
    cluster = Scripted(
        {
            first: [News(first, after(1)), News(first, lost="NodeDiedError")],
            second: [News(second, after(3)), News(second, done=True)],
        }
    )
    results = run(cluster)
    assert cluster.started == ["n1", "n2"]
    assert results["T4"].series[0].rounds_done == 3
    assert not results["T4"].lost


def test_the_last_of_its_kind_is_marked_with_what_there_is() -> None:
    only, cpu = node("n1", "T4"), node("n2", "cpu")
    cluster = Scripted(
        {
            only: [News(only, after(2)), News(only, lost="NodeDiedError")],
            cpu: [News(cpu, after(4)), News(cpu, done=True)],
        }
    )
    results = run(cluster)
    assert "10.0.0.1 was lost (NodeDiedError); no other node of this kind is left." in results["T4"].lost
    assert results["T4"].series[0].rounds_done == 2
    assert not results["cpu"].lost


def test_a_crash_is_retried_where_it_was_so_many_times() -> None:
    only = node("n1", "T4")
    cluster = Scripted({only: [News(only, lost="WorkerCrashedError")] * 9})
    results = run(cluster)
    assert cluster.started == ["n1"] * MOST_ATTEMPTS
    assert results["T4"].lost.count("was lost (WorkerCrashedError)") == MOST_ATTEMPTS
    assert results["T4"].device_name == "T4"


def test_a_bench_that_fails_would_fail_on_the_next_node_too() -> None:
    first, second = node("n1", "T4"), node("n2", "T4")
    cluster = Scripted({first: [News(first, failed="No configuration could be had here.")], second: []})
    assert "No configuration could be had" in run(cluster)["T4"].lost
    assert cluster.started == ["n1"]


def test_silence_is_not_awaited_for_ever() -> None:
    silent = node("n1", "T4")
    cluster = Scripted({silent: []})
    assert "said nothing" in run(cluster, silence_seconds=0)["T4"].lost
    assert cluster.ended == ["n1"] * MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("resources", "accelerator"),
    [
        ({"CPU": 8.0, "GPU": 1.0, "accelerator_type:T4": 1.0, "node:10.0.0.1": 1.0}, "T4"),
        ({"CPU": 8.0, "GPU": 1.0}, "gpu"),
        ({"CPU": 8.0}, "cpu"),
    ],
)
def test_what_makes_a_node_distinct(resources: dict[str, float], accelerator: str) -> None:
    assert accelerator_of(resources) == accelerator
