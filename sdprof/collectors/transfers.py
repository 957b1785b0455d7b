"""Copies between host and device, and waits of the host for the device, by the expression that causes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sdprof.collectors.cuda_transfers import watch_cuda
from sdprof.collectors.loop_watch import LoopWatch, Sight
from sdprof.collectors.operator_clock import OperatorClock
from sdprof.collectors.simulated_transfers import watch_simulated
from sdprof.collectors.transfer_event import SeenTransfer, SiteKey, site_of
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.device import current
from sdprof.model import CollectorMeta, Location, TransferProfile, TransferSite

META = CollectorMeta(id="transfers", title="Copies and synchronisations", artifact="transfers.json", eager_only=True)
UNKNOWN = Location(file="", line=0)


def collect(watched: WatchedRun) -> TransferProfile:
    """Watch the copies and waits of one run, on the simulated device or on CUDA.

    :raises CannotCollectError: if the loop does not run on such a device.
    """
    require_device(watched)
    profile, watch = watch_one_run(watched)
    if watched.loop is not None and (watch.astray or profile.steps != watched.loop.steps):
        return collect(replace(watched, loop=None))
    return profile


def require_device(watched: WatchedRun) -> None:
    """Refuse a loop that has nowhere to copy to.

    :raises CannotCollectError: if it runs on the host, or its hot modules do.
    """
    if watched.device.type != "cuda":
        raise CannotCollectError(
            f"The loop ran on {watched.device.type}: there is no device to copy to or to wait for.",
            "Leave --device away: this section then runs on the simulated device.",
        )
    on_host = [name for name, module in watched.hot_modules.items() if not _is_on_device(module)]
    if on_host:
        raise CannotCollectError(
            f"The target was asked to build on cuda, and left {', '.join(on_host)} on the host.",
            "Build on BuildOptions.device, so that copies can be seen.",
        )


def watch_one_run(watched: WatchedRun) -> tuple[TransferProfile, LoopWatch]:
    """Every copy and wait of one run, and who has watched it."""
    simulated = current.running
    with LoopWatch(watched) as watch:
        clock = OperatorClock(watch)
        seen, notes = watch_simulated(watch, clock) if simulated else watch_cuda(watch, clock)
        steps = watch.steps
    profile = TransferProfile(
        device="simulated" if simulated else "cuda",
        steps=steps,
        sites=tuple(sites_of(seen, clock.moment)),
        notes=notes,
        contents_known=simulated,
        origins_known=True,
        memory_known=True,
    )
    return profile, watch


def sites_of(
    seen: Iterable[SeenTransfer], moment: Callable[[int], float | None] = lambda _at: None
) -> list[TransferSite]:
    """Merge events of one expression; those in the loop apart from those before and after it.

    :param moment: from a reading of the operator clock to the share of a step.
    """
    groups: dict[SiteKey, list[SeenTransfer]] = {}
    for event in seen:
        groups.setdefault(site_of(event.kind, event.operator, event.sight), []).append(event)
    return [_site(events, moment) for events in groups.values()]


def _site(events: list[SeenTransfer], moment: Callable[[int], float | None]) -> TransferSite:
    first = events[0]
    moments = [moment(event.at) for event in events if event.sight.step is not None]
    # The first visit on each way to the expression has nothing to be compared with.
    compared = [event.same_content for event in events if event.same_content is not None]
    origin = first.origin if all(event.origin is not None for event in events) else None
    return TransferSite(
        kind=first.kind,
        op=first.operator,
        where=first.sight.where or UNKNOWN,
        count=len(events),
        bytes=sum(event.bytes for event in events),
        in_loop=first.sight.in_loop,
        scope=first.sight.scope,
        identical_content=bool(compared) and all(compared),
        steps=tuple(sorted({event.sight.step for event in events if event.sight.step is not None})),
        moments=tuple(sorted({round(share, 2) for share in moments if share is not None})),
        pinned=all(event.pinned for event in events),
        non_blocking=all(event.non_blocking for event in events),
        callers=_callers(first.sight),
        stack=first.stack,
        dtype=first.dtype,
        shape=first.shape,
        made_at=origin.where if origin is not None else None,
        made_by=origin.operator if origin is not None else "",
    )


def _callers(sight: Sight) -> tuple[Location, ...]:
    return (*sight.library, *sight.callers)


def _is_on_device(module: object) -> bool:
    parameters = getattr(module, "parameters", None)
    first = next(iter(parameters()), None) if parameters is not None else None
    return first is None or first.device.type == "cuda"
