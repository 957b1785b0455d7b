"""Copies and waits before and after a rewrite: what stays, what moved, over the whole loop."""

import msgspec

from sdprof.facts.transfer_change import loop_transfers, moved, staying
from sdprof.model import Location, TransferProfile, TransferSite


def where(line: int, column: int | None = 4) -> Location:
    return Location(file="/home/loop.py", line=line, column=column, end_line=line)


def site(line: int, *, kind: str = "SYNC", count: int = 4, steps: int = 4, column: int | None = 4) -> TransferSite:
    return TransferSite(
        kind=kind,  # type: ignore[arg-type]
        op="aten::item",
        where=where(line, column),
        count=count,
        bytes=4,
        in_loop=steps > 0,
        steps=tuple(range(steps)),
    )


def profile(*sites: TransferSite) -> TransferProfile:
    return TransferProfile(device="simulated", steps=4, sites=sites)


def test_only_the_loop_is_counted() -> None:
    counts = loop_transfers(profile(site(1), site(2, kind="H2D", count=1, steps=1), site(3, steps=0)))
    assert (counts.sync, counts.h2d, counts.d2h, counts.total, counts.after_first_step) == (4, 1, 0, 5, 4)


def test_a_site_whose_events_are_gone_or_left_in_the_first_step_alone_does_not_stay() -> None:
    before = profile(site(5))
    assert staying([where(5)], before, profile()) == ()
    assert staying([where(5)], before, profile(site(5, count=1, steps=1, column=None))) == ()
    assert staying([where(5)], before, profile(site(5, column=None))) == (where(5),)


def test_a_table_that_is_copied_once_in_a_later_step_does_not_stay() -> None:
    """One of several step functions in turn: its first step is not the first one of the loop."""
    once = msgspec.structs.replace(site(5, count=1, column=None), steps=(1,))
    assert staying([where(5)], profile(site(5)), profile(once)) == ()
    twice = msgspec.structs.replace(site(5, count=2, column=None), steps=(1, 2))
    assert staying([where(5)], profile(site(5)), profile(twice)) == ()  # a file loaded under two names keeps two
    assert staying([where(5)], profile(msgspec.structs.replace(once, where=where(5))), profile(once)) == (where(5),)


def test_another_site_on_the_same_line_is_not_taken_for_it() -> None:
    before = profile(site(5, column=4), site(5, column=30))
    assert staying([where(5, 4)], before, profile(site(5, column=None))) == ()
    assert staying([where(5, 4)], before, profile(site(5, column=None, count=8))) == (where(5, 4),)


def test_a_copy_that_appears_elsewhere_is_named() -> None:
    before = profile(site(5), site(9, kind="H2D"))
    assert moved(before, profile(site(9, kind="H2D"))) == ""
    assert moved(before, profile(site(9, kind="H2D"), site(11, kind="H2D"))) == (
        "8 H2D in the loop where 4 were before, at /home/loop.py:11"
    )


def test_one_copy_in_the_first_step_may_take_the_place_of_more() -> None:
    first = site(5, kind="D2H", count=1, steps=1)
    assert moved(profile(site(5)), profile(first)) == ""
    assert "1 D2H in the loop where 0 were" in moved(profile(), profile(first))
    assert "4 D2H in the loop where 0 were" in moved(profile(site(5, count=8)), profile(site(5, kind="D2H")))
    single = msgspec.structs.replace(profile(site(5)), steps=1)
    assert "1 D2H in the loop where 0 were" in moved(single, msgspec.structs.replace(profile(first), steps=1))


def test_a_copy_in_inserted_code_is_said_to_be_there() -> None:
    assert "in what was added to /home/loop.py" in moved(profile(), profile(site(0)))


def outside(line: int, *, count: int = 4) -> TransferSite:
    return msgspec.structs.replace(site(line, kind="D2H", count=count, steps=0), scope="results")


def test_what_repeats_behind_the_loop_stays_until_it_is_done_once() -> None:
    before = profile(outside(5))
    assert staying([where(5)], before, profile(outside(5, count=1))) == ()
    assert staying([where(5)], before, profile(outside(5))) == (where(5),)


def test_what_left_the_loop_may_repeat_behind_it() -> None:
    assert staying([where(5)], profile(site(5, kind="D2H")), profile(outside(5))) == ()
