"""Ray as the cluster: a task on each machine, bound to its node, that sends the state after every round."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sdprof.bench.cluster import News, Node, accelerator_of
from sdprof.bench.order import BenchOrder
from sdprof.bench.run import BenchFailedError, bench_rounds
from sdprof.model.bench import BenchFile
from sdprof.stages.progress import Silent


class RayUnavailableError(Exception):
    """There is no Ray, or no cluster: one sentence that says what to do."""


class RayCluster:
    """A running Ray cluster. sdprof must be installed on all of its machines."""

    def __init__(self, address: str, order: BenchOrder) -> None:
        try:
            import ray
            import ray.exceptions
        except ImportError:
            raise RayUnavailableError("Ray is not installed: pip install 'sdprof[ray]'.") from None
        self._ray: Any = ray
        self._order = msgspec.json.encode(order)
        self._tasks: dict[str, tuple[Node, Any]] = {}
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise RayUnavailableError(
                    f"There is no Ray cluster at {address} ({_first_line(error)}); `ray status` on its head says "
                    "whether it runs."
                ) from None

    def nodes(self) -> Sequence[Node]:
        """The machines that are alive and have a processor to compute with."""
        return tuple(
            Node(
                id=node["NodeID"],
                address=node["NodeManagerAddress"],
                accelerator=accelerator_of(node["Resources"]),
                gpu=node["Resources"].get("GPU", 0) > 0,
                cores=max(1, int(node["Resources"]["CPU"] / max(1, node["Resources"].get("GPU", 0)))),
            )
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) > 0
        )

    def start(self, node: Node) -> None:
        """A task on this node and no other, with a GPU of its own where it has one."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = self._ray.remote(
            num_cpus=node.cores,  # Ray gives a task as many threads
            num_gpus=1 if node.gpu else 0,
            num_returns="streaming",
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        )(bench_here)
        self._tasks[node.id] = (node, task.remote(self._order))

    def wait(self, seconds: float) -> Iterator[News]:
        """The next thing from every task that has one."""
        waiting = {stream: node for node, stream in self._tasks.values()}
        if not waiting:
            return
        ready, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=seconds)
        for stream in ready:
            news = self._next(waiting[stream], stream)
            if news.done or news.lost or news.failed:
                self._tasks.pop(news.node.id, None)
            yield news

    def end(self, node: Node) -> None:
        """Cancel the task, by force."""
        task = self._tasks.pop(node.id, None)
        if task is not None:
            self._ray.cancel(task[1], force=True)

    def _next(self, node: Node, stream: Any) -> News:
        exceptions = self._ray.exceptions
        try:
            said = self._ray.get(next(stream))
        except StopIteration:
            return News(node, done=True)
        except exceptions.RayTaskError as error:
            return News(node, failed=f"sdprof failed there ({_first_line(error.cause or error)}).")
        except exceptions.RayError as error:
            return News(node, lost=f"{type(error).__name__}")
        if isinstance(said, str):
            return News(node, failed=said)
        return News(node, machine=msgspec.json.decode(said, type=BenchFile))


def bench_here(order: bytes) -> Iterator[bytes | str]:
    """What runs on a node: the machine's file after every round, or one sentence where it fails."""
    with tempfile.TemporaryDirectory(prefix="sdprof-bench-") as folder:
        try:
            for machine, _ in bench_rounds(msgspec.json.decode(order, type=BenchOrder), Path(folder), Silent()):
                yield msgspec.json.encode(machine)
        except BenchFailedError as error:
            yield str(error)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
