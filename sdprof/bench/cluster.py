"""A bench on every distinct accelerator of a cluster: one machine of each kind at a time, none awaited for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from sdprof.model.bench import BENCH_SCHEMA_VERSION, BenchFile

MOST_ATTEMPTS = 3
"""On machines of one kind, before it is marked."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    address: str
    accelerator: str
    """What makes it distinct: the GPU's type, or ``cpu`` where it has none."""
    gpu: bool
    cores: int = 1
    """For one bench: all of the machine's, shared among its GPUs."""


@dataclass(frozen=True)
class News:
    """What came from a node: the state after a round, its end, or why it will not come to one."""

    node: Node
    machine: BenchFile | None = None
    done: bool = False
    lost: str = ""
    """Why nothing more will come; another node may do better."""
    failed: str = ""
    """Why the bench itself failed: another node of the kind would fail alike."""


class Cluster(Protocol):
    """What is asked of Ray."""

    def nodes(self) -> Sequence[Node]:
        """The machines that are alive."""

    def start(self, node: Node) -> None:
        """Begin the bench on a machine."""

    def wait(self, seconds: float) -> Iterator[News]:
        """What came within that time."""

    def end(self, node: Node) -> None:
        """Give a machine up."""


@dataclass
class _Attempt:
    node: Node
    heard: float
    latest: BenchFile | None = None


@dataclass
class _Kind:
    """How far the machines of one accelerator have come."""

    accelerator: str
    tried: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    best: BenchFile | None = None
    """The state with most rounds of any attempt that was lost."""


def bench_everywhere(
    cluster: Cluster, *, silence_seconds: float, look_seconds: float = 2.0
) -> Iterator[tuple[str, BenchFile]]:
    """(accelerator, its machine's file) after every round of every kind; the last of each kind is final.

    :param silence_seconds: a machine that says nothing for so long is given up.
    """
    kinds = {node.accelerator: _Kind(node.accelerator) for node in cluster.nodes()}
    running: dict[str, _Attempt] = {}
    for kind in kinds.values():
        _start(cluster, kind, running)
    while running:
        for news in cluster.wait(look_seconds):
            attempt = running.get(news.node.accelerator)
            if attempt is None or attempt.node.id != news.node.id:
                continue
            kind = kinds[news.node.accelerator]
            attempt.heard = time.monotonic()
            if news.machine is not None:
                attempt.latest = named_after(news.machine, news.node)
                yield kind.accelerator, attempt.latest
            if news.done:
                del running[kind.accelerator]
            elif news.failed:
                del running[kind.accelerator]
                yield kind.accelerator, _marked(kind, attempt, f"{news.node.address}: {news.failed}")
            elif news.lost:
                yield from _again(cluster, kind, attempt, news.lost, running)
        for accelerator, attempt in list(running.items()):
            if time.monotonic() - attempt.heard > silence_seconds:
                cluster.end(attempt.node)
                reason = f"it said nothing for {silence_seconds:.0f} s and was given up"
                yield from _again(cluster, kinds[accelerator], attempt, reason, running)


def named_after(machine: BenchFile, node: Node) -> BenchFile:
    """The machine's file under the node's name; where CUDA named the device, that name stays."""
    return msgspec.structs.replace(machine, machine=f"{node.accelerator}, {machine.machine}, node {node.address}")


def _start(cluster: Cluster, kind: _Kind, running: dict[str, _Attempt]) -> bool:
    """Begin on a node of this kind, one that was not tried before anything else."""
    alive = [node for node in cluster.nodes() if node.accelerator == kind.accelerator]
    if not alive or len(kind.tried) >= MOST_ATTEMPTS:
        return False
    node = min(alive, key=lambda each: (kind.tried.count(each.id), each.id))
    kind.tried.append(node.id)
    cluster.start(node)
    running[kind.accelerator] = _Attempt(node, time.monotonic())
    return True


def _again(
    cluster: Cluster, kind: _Kind, attempt: _Attempt, reason: str, running: dict[str, _Attempt]
) -> Iterator[tuple[str, BenchFile]]:
    """After a node was lost: another one, or the same where it is back, or a mark."""
    del running[kind.accelerator]
    kind.lost.append(f"{attempt.node.address} was lost ({reason})")
    if attempt.latest is not None and (kind.best is None or attempt.latest.rounds_done > kind.best.rounds_done):
        kind.best = attempt.latest
    if not _start(cluster, kind, running):
        yield kind.accelerator, _marked(kind, attempt, f"{'; '.join(kind.lost)}; no other node of this kind is left.")


def _marked(kind: _Kind, attempt: _Attempt, reason: str) -> BenchFile:
    """What there is of this kind, with why there is no more."""
    machine = kind.best or attempt.latest
    if machine is None:
        machine = BenchFile(
            schema_version=BENCH_SCHEMA_VERSION,
            machine=f"{kind.accelerator}, node {attempt.node.address}",
            device_name=kind.accelerator,
        )
    return msgspec.structs.replace(machine, lost=reason)


def accelerator_of(resources: Mapping[str, float]) -> str:
    """Ray names a GPU's type as a resource, ``accelerator_type:A100``; a node without one computes on its processor."""
    for name in sorted(resources):
        if name.startswith("accelerator_type:"):
            return name.partition(":")[2]
    return "gpu" if resources.get("GPU", 0) > 0 else "cpu"
