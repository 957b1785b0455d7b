"""What a run copies before its loop although the run before it copied the same."""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as with_fields

from sdprof.collectors import loop as loop_collector
from sdprof.collectors.hot_calls import on_each_call
from sdprof.collectors.run_stopped import RunStopped
from sdprof.collectors.transfers import require_device, watch_one_run
from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import CollectorMeta, TransferProfile

META = CollectorMeta(
    id="next_setup",
    title="Copies before the loop of a second run",
    artifact="next_setup.json",
    eager_only=True,
)


def collect(watched: WatchedRun) -> TransferProfile:
    """Run to the first step twice, and watch the second time.

    What the code keeps from one run to the next is kept by then, so what is seen is done in every run.

    :return: the sites before the first step, of one run.
    :raises CannotCollectError: if the loop does not run on a device that it could copy to.
    """
    require_device(watched)
    known = replace(watched, loop=watched.loop or loop_collector.collect(watched))
    to_first_step = replace(known, run=lambda: _run_to_first_step(known))
    to_first_step.run()
    profile, _ = watch_one_run(to_first_step)
    return with_fields(profile, sites=tuple(site for site in profile.sites if site.scope == "setup"))


def _run_to_first_step(watched: WatchedRun) -> None:
    module = next(iter(watched.hot_modules.values()))
    try:
        with on_each_call(module, _stop):
            watched.run()
    except RunStopped:
        return


def _stop() -> None:
    raise RunStopped
