"""Run up to the second call of the hot module and keep what the analysis needs to know of the first."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sdprof.collectors.graphs.enough_seen import EnoughSeen
from sdprof.collectors.graphs.stand_in import RecordedCall, record_call, tensors_in
from sdprof.collectors.hot_calls import run_from_here
from sdprof.collectors.watched_run import WatchedRun
from sdprof.model import FunctionSite


@dataclass
class Rehearsal:
    """What was seen."""

    calls: dict[str, RecordedCall] = field(default_factory=dict)
    """The first call of each hot module that was called."""
    handed_on: set[int] = field(default_factory=set)
    """Indices of the watched functions that returned the very tensors of the first hot module's first call."""


def rehearse(watched: WatchedRun, above: tuple[FunctionSite, ...]) -> Rehearsal:
    """Run once, as far as needed.

    :param above: the functions between the loop and the hot module, outermost first.
    """
    first = next(iter(watched.hot_modules))
    seen = Rehearsal()
    results: set[int] = set()
    kept: list[Any] = []
    positions = {(site.file, site.qualname, site.first_line): index for index, site in enumerate(above)}

    def before(name: str) -> None:
        if name == first and first in seen.calls:
            raise EnoughSeen

    def after(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        if name not in seen.calls:
            seen.calls[name] = record_call(args, dict(kwargs), output)
            if name == first:
                kept.append(output)  # so that no other tensor gets its address
                results.update(id(tensor) for tensor in tensors_in(output))

    def on_return(frame: FrameType, event: str, value: Any) -> None:
        if event == "return" and results:
            code = frame.f_code
            index = positions.get((code.co_filename, code.co_qualname, code.co_firstlineno))
            if index is not None and any(id(tensor) in results for tensor in tensors_in(value)):
                seen.handed_on.add(index)

    handles = []
    for name, module in watched.hot_modules.items():
        handles.append(module.register_forward_pre_hook(lambda _module, _args, name=name: before(name)))
        handles.append(
            module.register_forward_hook(
                lambda _module, args, kwargs, output, name=name: after(name, args, kwargs, output), with_kwargs=True
            )
        )
    profile = sys.getprofile()
    sys.setprofile(on_return)
    try:
        run_from_here(watched.run)
    except EnoughSeen:
        pass
    finally:
        sys.setprofile(profile if callable(profile) else None)
        for handle in handles:
            handle.remove()
    return seen
