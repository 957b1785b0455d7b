"""Graph breaks and recompilations that come with recording gradients: apart from the others, for they take as long."""

from __future__ import annotations

from dataclasses import replace

from sdprof.collectors import graphs
from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import CollectorMeta, GraphProfile

META = CollectorMeta(id="graphs_with_grad", title="Graph breaks with grad", artifact="graphs-with-grad.json")


def collect(watched: WatchedRun) -> GraphProfile:
    """Analyse every region with grad on; ``graphs.seconds`` sets the budget here, too.

    :raises CannotCollectError: as :func:`sdprof.collectors.graphs.collect`.
    """
    return graphs.collect(replace(watched, options={**watched.options, "graphs.grad": "only"}))
