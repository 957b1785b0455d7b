"""What the CUDA collector makes of copies and warnings, as far as that can be tried without a GPU."""

from __future__ import annotations

import warnings

import torch

from sdprof.collectors.cuda_transfers import (
    SYNC_WARNING,
    _cross_check,
    _lifting_host_tensors_only,
    _warnings_heard,
    _without_copies,
)
from sdprof.collectors.loop_watch import Sight
from sdprof.collectors.transfer_event import SeenTransfer
from sdprof.device import TransferKind
from sdprof.model import Location


def seen(kind: TransferKind, line: int, *, non_blocking: bool = False) -> SeenTransfer:
    where = Location(file="loop.py", line=line, function="sample")
    sight = Sight(where=where, library=(), callers=(), step=0)
    return SeenTransfer(kind=kind, operator=kind, bytes=8, sight=sight, non_blocking=non_blocking)


def test_each_copy_takes_one_wait_with_it() -> None:
    waits = [seen("SYNC", line) for line in (1, 1, 1, 2)]
    assert _without_copies(waits, [seen("D2H", 1), seen("H2D", 1)]) == waits[2:]
    assert _without_copies(waits, []) == waits
    assert _without_copies(waits[:1], [seen("D2H", 1), seen("D2H", 1)]) == []


def test_a_copy_that_does_not_block_is_not_what_waited() -> None:
    waits = [seen("SYNC", 1)]
    assert _without_copies(waits, [seen("H2D", 1, non_blocking=True)]) == waits


def test_copies_to_the_host_that_no_warning_tells_of_are_noted() -> None:
    waits = [seen("SYNC", 1)]
    quiet = [seen("D2H", 1), seen("H2D", 2), seen("D2H", 2, non_blocking=True)]
    assert _cross_check(waits, quiet) == ()
    (note,) = _cross_check(waits, [*quiet, seen("D2H", 3), seen("D2H", 4)])
    assert note.startswith("2 copies to the host were seen as operators")


def test_warnings_of_waits_are_heard_and_others_go_on() -> None:
    heard: list[bool] = []
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("default")
        with _warnings_heard(lambda: heard.append(True)):
            for _ in range(3):
                warnings.warn(f"{SYNC_WARNING} (Triggered internally at Copy.cu)", stacklevel=1)
            warnings.warn("the user's", stacklevel=1)
        warnings.warn("the user's, afterwards", stacklevel=1)
    assert len(heard) == 3
    assert [str(each.message) for each in others] == ["the user's", "the user's, afterwards"]


def test_lifting_is_put_back() -> None:
    before = torch._C._only_lift_cpu_tensors()
    with _lifting_host_tensors_only():
        assert torch._C._only_lift_cpu_tensors()
    assert torch._C._only_lift_cpu_tensors() == before
