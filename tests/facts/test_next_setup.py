"""Sites before the loop are told how often the next run visits them."""

from sdprof.facts.next_setup import with_next_setup
from sdprof.facts.transfer_change import recurs_outside
from sdprof.model import Location, Scope, TransferProfile, TransferSite


def site(line: int, scope: Scope, count: int, kind: str = "H2D") -> TransferSite:
    where = Location(file="/home/loop.py", line=line)
    return TransferSite(
        kind=kind,  # type: ignore[arg-type]
        op="aten::copy_",
        where=where,
        count=count,
        bytes=4 * count,
        in_loop=scope == "in_loop",
        scope=scope,
    )


def profile(*sites: TransferSite) -> TransferProfile:
    return TransferProfile(device="simulated", steps=4, sites=sites)


def test_only_what_comes_before_the_loop_is_told_of_the_next_run() -> None:
    first = profile(site(1, "setup", 8), site(2, "setup", 3), site(3, "in_loop", 4), site(4, "results", 2))
    told = with_next_setup(first, profile(site(1, "setup", 8), site(1, "setup", 2, "D2H")))
    assert [each.count_in_next_run for each in told.sites] == [8, 0, None, None]
    assert [recurs_outside(each) for each in told.sites] == [True, False, False, True]


def test_without_a_second_run_nothing_is_told() -> None:
    first = profile(site(1, "setup", 8))
    assert with_next_setup(first, None) is first
    assert recurs_outside(first.sites[0])
