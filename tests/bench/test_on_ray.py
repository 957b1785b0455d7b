"""A real Ray cluster on this machine: nodes of different resources, and one that is killed while it measures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sdprof.bench.cluster import bench_everywhere
from sdprof.bench.configurations import ConfigurationSet
from sdprof.bench.on_ray import RayCluster
from sdprof.bench.order import BenchOrder
from sdprof.model.bench import Configuration
from tests.bench.made import SETTINGS

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'sdprof[ray]'")
pytestmark = pytest.mark.slow
ROUNDS = 8
LOOP = Path(__file__).parent.parent / "loops" / "benched.py"


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


def test_every_kind_is_measured_although_a_node_dies(cluster: Any) -> None:
    killable = [cluster.add_node(num_cpus=1, num_gpus=1, resources={"accelerator_type:ONE": 1}) for _ in range(2)]
    lonely = cluster.add_node(num_cpus=1, num_gpus=1, resources={"accelerator_type:TWO": 1})
    cluster.wait_for_nodes()
    order = BenchOrder(
        taking_part=ConfigurationSet(
            title="A loop",
            reference="A",
            extra={},
            configurations=(Configuration(id="A", label="as it is", target=str(LOOP)),),
        ),
        settings=(msgspec.structs.replace(SETTINGS, size="narrow"),),
        rounds=ROUNDS,
        timeout_seconds=120,
    )
    by_id = {node.node_id: node for node in (*killable, lonely)}
    on_ray = RayCluster(cluster.address, order)
    started: list[str] = []
    start = on_ray.start
    on_ray.start = lambda node: (started.append(node.id), start(node))[1]  # type: ignore[method-assign]
    results, killed = {}, set()
    for accelerator, machine in bench_everywhere(on_ray, silence_seconds=400):
        results[accelerator] = machine
        if accelerator not in killed and machine.series:  # each kind loses its first node, in the middle of its bench
            killed.add(accelerator)
            (first,) = [id for id in started if by_id[id] in ([lonely] if accelerator == "TWO" else killable)][:1]
            cluster.remove_node(by_id[first], allow_graceful=False)
    assert killed == {"ONE", "TWO"}
    assert results["ONE"].series[0].rounds_done == ROUNDS
    assert not results["ONE"].lost
    assert "was lost" in results["TWO"].lost
    assert results["TWO"].series[0].rounds_done < ROUNDS
