"""The choice of edits, with trials that are answered from a table."""

from collections.abc import Collection, Mapping

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sdprof.fixes.source.edit import Declined, Edit, Replacement
from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.registry import Proposals
from sdprof.model import Location, SeenFrame
from sdprof.stages.choose_edits import NO_TIME, Choice, Trial, choose_edits


def edit(line: int, alternative: int = 0, text: str = "", helpers: tuple[str, ...] = ()) -> Edit:
    return Edit(
        fix=f"fix-{alternative}",
        file="loop.py",
        where=Location(file="loop.py", line=line),
        replacements=(Replacement(start=10 * line, end=10 * line + 5, text=text or f"{line}.{alternative}"),),
        helpers=helpers,
        numerics="exact",
        proof="data",
        description="",
    )


def proposals(*sites: tuple[Edit, ...]) -> list[Proposals]:
    return [
        Proposals(
            site=SiteEvidence(kind="SYNC", op="x", stack=(SeenFrame(where=Location(file="loop.py", line=line)),)),
            edits=edits,
            declined=(),
        )
        for line, edits in enumerate(sites, 1)
    ]


class Loop:
    """A loop that breaks with some edits (each set of them together), and where others do nothing."""

    def __init__(
        self,
        breaking: Collection[frozenset[Edit]] = (),
        in_vain: Mapping[Edit, str] | None = None,
        cures: Mapping[int, Collection[Edit]] | None = None,
        rivals: tuple[Edit, ...] = (),
    ) -> None:
        """Take for each line whose events are followed the edits that make them go."""
        self.breaking = breaking
        self.in_vain = in_vain or {}
        self.cures = cures or {}
        self.rivals = rivals
        self.trials = 0

    def __call__(self, edits: tuple[Edit, ...]) -> Trial:
        self.trials += 1
        if any(harm <= set(edits) for harm in self.breaking):
            return Trial(fault="it broke")
        return Trial(
            in_vain={edit: self.in_vain[edit] for edit in edits if edit in self.in_vain},
            conflicts=dict.fromkeys([each for each in edits if each in self.rivals][1:], "another edit"),
            left=frozenset(
                Location(file="loop.py", line=line) for line, cures in self.cures.items() if not set(cures) & set(edits)
            ),
        )


def chosen(loop: Loop, *sites: tuple[Edit, ...]) -> Choice:
    return choose_edits(proposals(*sites), loop, lambda: True)


def test_what_holds_together_stays_after_one_trial() -> None:
    loop = Loop()
    assert chosen(loop, (edit(1), edit(1, 1)), (edit(2),)) == Choice((edit(1), edit(2)), ())
    assert loop.trials == 1


def test_where_an_event_stays_the_next_alternative_comes_in() -> None:
    loop = Loop(in_vain={edit(1): "it stays"})
    assert chosen(loop, (edit(1), edit(1, 1)), (edit(2),)).edits == (edit(1, 1), edit(2))


def test_where_no_alternative_helps_the_site_is_declined_with_every_reason() -> None:
    loop = Loop(in_vain={edit(1): "it stays", edit(1, 1): "it stays too"})
    choice = chosen(loop, (edit(1), edit(1, 1)), (edit(2),))
    assert choice.edits == (edit(2),)
    assert [(each.fix, each.reason) for each in choice.declined] == [("fix-0", "it stays"), ("fix-1", "it stays too")]


def test_the_edit_to_blame_is_found_among_many() -> None:
    edits = [edit(line) for line in range(1, 17)]
    loop = Loop(breaking=[frozenset({edits[11]})])
    choice = chosen(loop, *((each,) for each in edits))
    assert choice.edits == tuple(each for each in edits if each != edits[11])
    assert choice.declined == (Declined(fix="fix-0", where=edits[11].where, reason="it broke"),)
    assert loop.trials <= 7


def test_two_edits_that_harm_only_together_cost_one_of_them() -> None:
    edits = [edit(line) for line in range(1, 6)]
    choice = chosen(Loop(breaking=[frozenset({edits[1], edits[3]})]), *((each,) for each in edits))
    assert choice.edits == tuple(each for each in edits if each != edits[3])


def test_an_edit_that_cures_two_sites_is_made_once_and_declines_neither() -> None:
    shared, again = edit(1, text="same"), edit(1, text="same")
    choice = choose_edits(proposals((shared,), (again,)), Loop(), lambda: True)
    assert choice == Choice((shared,), ())


def test_a_change_that_does_nothing_for_one_site_stays_for_another() -> None:
    here, there, further = edit(1, text="same"), edit(2, text="same"), edit(1, 1)
    there = msgspec.structs.replace(there, replacements=here.replacements)
    loop = Loop(in_vain={here: "it stays"})
    assert chosen(loop, (here, further), (there,)) == Choice((further, there), ())


def test_a_change_that_does_harm_goes_for_all_its_sites() -> None:
    here, there = edit(1, text="same"), edit(2, text="same")
    there = msgspec.structs.replace(there, replacements=here.replacements)
    choice = chosen(Loop(breaking=[frozenset({here})]), (here,), (there,), (edit(3),))
    assert choice.edits == (edit(3),)
    assert [each.reason for each in choice.declined] == ["it broke", "it broke"]


def test_without_time_nothing_is_kept_that_was_not_tried() -> None:
    loop = Loop()
    choice = choose_edits(proposals((edit(1),)), loop, lambda: False)
    assert choice.edits == ()
    assert [each.reason for each in choice.declined] == [NO_TIME]
    assert loop.trials == 0


def test_a_helper_is_left_out_where_a_plainer_edit_of_another_site_removes_its_event() -> None:
    plain, helper = edit(1), edit(2, helpers=("_on_host",))
    loop = Loop(cures={1: [plain], 2: [plain, helper]})
    assert chosen(loop, (plain,), (helper,)) == Choice((plain,), ())
    assert loop.trials == 1


def test_a_helper_comes_in_where_its_event_is_left() -> None:
    plain, helper = edit(1), edit(2, helpers=("_on_host",))
    loop = Loop(cures={1: [plain], 2: [helper]})
    assert chosen(loop, (plain,), (helper,)) == Choice((plain, helper), ())
    assert chosen(Loop(cures={2: [helper]}), (helper,)).edits == (helper,)


def test_a_helper_comes_in_where_the_plainer_edit_of_its_site_is_in_vain() -> None:
    plain, helper = edit(1), edit(1, 1, helpers=("_on_host",))
    loop = Loop(in_vain={plain: "it stays"}, cures={1: [helper]})
    assert chosen(loop, (plain, helper)) == Choice((helper,), ())


def test_a_helper_that_another_one_makes_needless_goes_again() -> None:
    first, second, third = (edit(line, helpers=("_on_host",)) for line in (1, 2, 3))
    loop = Loop(cures={1: [first, third], 2: [second], 3: [third]})
    assert chosen(loop, (first,), (second,), (third,)) == Choice((second, third), ())


def test_one_helper_alone_is_not_tried_again() -> None:
    plain, helper = edit(1), edit(2, helpers=("_on_host",))
    loop = Loop(cures={2: [helper]})
    assert chosen(loop, (plain,), (helper,)).edits == (plain, helper)
    assert loop.trials == 2


def test_when_time_is_up_what_was_sound_without_helpers_stays() -> None:
    plain, helper = edit(1), edit(2, helpers=("_on_host",))
    loop = Loop(cures={2: [helper]})
    choice = choose_edits(proposals((plain,), (helper,)), loop, lambda: loop.trials == 0)
    assert choice == Choice((plain,), (Declined(fix="fix-0", where=helper.where, reason=NO_TIME),))


@given(st.data())
def test_whatever_breaks_the_chosen_edits_hold_together(data: st.DataObject) -> None:
    sites = [
        tuple(edit(line, alternative) for alternative in range(data.draw(st.integers(1, 2))))
        for line in range(1, data.draw(st.integers(2, 7)))
    ]
    every = [each for alternatives in sites for each in alternatives]
    sets = data.draw(st.lists(st.frozensets(st.sampled_from(every), min_size=1, max_size=2), max_size=4))
    vain = data.draw(st.dictionaries(st.sampled_from(every), st.just("it stays"), max_size=3))
    loop = Loop(sets, vain)
    choice = chosen(loop, *sites)
    last = loop(choice.edits)
    assert not last.fault
    assert not last.in_vain
    left = [edits for edits in sites if not set(edits) & set(choice.edits)]
    assert len(choice.declined) == sum(len(edits) for edits in left)


def test_what_lost_to_an_edit_that_is_rejected_gets_another_chance() -> None:
    inner, outer = edit(1), edit(2)
    loop = Loop(rivals=(inner, outer), in_vain={inner: "it stays"}, cures={1: (outer,), 2: (outer,)})
    choice = chosen(loop, (inner,), (outer,))
    assert choice.edits == (outer,)
    assert [each.reason for each in choice.declined] == ["it stays"]


def test_what_lost_to_an_edit_that_cures_it_as_well_is_not_declined() -> None:
    inner, outer = edit(1), edit(2)
    loop = Loop(rivals=(inner, outer), cures={1: (inner,), 2: (inner,)})
    assert chosen(loop, (inner,), (outer,)) == Choice((inner,), ())


def test_what_lost_and_still_copies_is_declined() -> None:
    inner, outer = edit(1), edit(2)
    loop = Loop(rivals=(inner, outer), cures={1: (inner,), 2: (outer,)})
    choice = chosen(loop, (inner,), (outer,))
    assert choice.edits == (inner,)
    assert [each.reason for each in choice.declined] == ["another edit"]


def test_a_place_that_waits_before_the_loop_as_well_gets_its_helper() -> None:
    helped = edit(1, helpers=("_on_device",))
    in_loop, before = proposals((helped,), ())
    before = msgspec.structs.replace(before, site=in_loop.site)
    choice = choose_edits([in_loop, before], Loop(cures={1: [helped]}), lambda: True)
    assert choice.edits == (helped,)


def test_a_helper_for_an_operator_waits_for_nothing() -> None:
    """No trial tells whether an operator is left. Beside it, at the same place, a helper for a copy waits on."""
    where = Location(file="loop.py", line=1)
    sites = [SiteEvidence(kind=kind, op="x", stack=(SeenFrame(where=where),)) for kind in ("H2D", "operator")]
    copied, made = edit(1, helpers=("_on_device",)), edit(1, alternative=1, helpers=("_made_once",))
    given = [Proposals(site=site, edits=(each,), declined=()) for site, each in zip(sites, (copied, made), strict=True)]
    assert choose_edits(given, Loop(), lambda: True).edits == (made,)
    stays = choose_edits(given, Loop(cures={1: [copied]}), lambda: True)
    assert set(stays.edits) == {copied, made}


def test_of_two_sites_on_a_line_the_one_that_did_its_part_stays() -> None:
    """An event that stays there speaks against both, until each is left out."""
    good, poor, better = (edit(1, alternative) for alternative in range(3))
    good = msgspec.structs.replace(good, where=Location(file="loop.py", line=1, column=0))
    other = Location(file="loop.py", line=1, column=4)
    poor, better = (
        msgspec.structs.replace(each, where=other, replacements=(Replacement(start=20, end=21, text=each.fix),))
        for each in (poor, better)
    )

    def trial(edits: tuple[Edit, ...]) -> Trial:
        left = 2 * (good not in edits) + 2 * (better not in edits)
        in_vain = dict.fromkeys(edits, "it stays") if left else {}
        return Trial(in_vain=in_vain, recurring=left)

    sites = proposals((good,), (poor, better))
    choice = choose_edits(sites, trial, lambda: True)
    assert choice.edits == (good, better)


def test_helpers_that_share_what_one_of_them_reads_stay_together() -> None:
    """The first of them reads the number for all: its own event stays, whichever of them is the first."""
    shared = [edit(line, helpers=("_on_host",)) for line in (1, 2, 3)]
    alone = edit(4, helpers=("_on_host",))

    def trial(edits: tuple[Edit, ...]) -> Trial:
        readers = [each for each in shared if each in edits]
        waits = [each for each in shared if each not in edits] + readers[:1]
        return Trial(
            in_vain=dict.fromkeys([*readers[:1], *([alone] if alone in edits else [])], "it stays"),
            left=frozenset(each.where for each in (*waits, alone)),
            recurring=len(waits) + 1,
        )

    choice = choose_edits(proposals(*((each,) for each in (*shared, alone))), trial, lambda: True)
    assert choice.edits == tuple(shared)
    assert [each.where.line for each in choice.declined] == [4]


def test_of_helpers_that_break_the_run_together_the_sound_ones_stay() -> None:
    shared = [edit(line, helpers=("_on_host",)) for line in (1, 2, 3)]

    def trial(edits: tuple[Edit, ...]) -> Trial:
        if shared[1] in edits and shared[2] in edits:
            return Trial(fault="it broke")
        readers = [each for each in (*shared[:1], *shared[2:]) if each in edits]
        waits = 3 - len(readers) + bool(readers)
        vain = [each for each in shared if each in edits and (each in readers[:1] or each is shared[1])]
        return Trial(in_vain=dict.fromkeys(vain, "it stays"), left=frozenset(e.where for e in shared), recurring=waits)

    assert choose_edits(proposals(*((each,) for each in shared)), trial, lambda: True).edits == (shared[0], shared[2])


def test_what_spares_a_part_stays_where_nothing_else_was_sound() -> None:
    """Two selections by one mask: either rewrite leaves one wait of the two."""
    first = edit(1)
    second = msgspec.structs.replace(edit(2), replacements=first.replacements)

    def trial(edits: tuple[Edit, ...]) -> Trial:
        return Trial(in_vain=dict.fromkeys(edits, "it stays"), recurring=1 if edits else 2)

    choice = choose_edits(proposals((first,), (second,)), trial, lambda: True)
    assert [each.replacements for each in choice.edits] == [first.replacements]


def test_what_lost_to_a_rival_that_spares_nothing_is_tried_by_itself() -> None:
    """The condition's own read by a helper, and the selections that make it needless, change the same name."""
    useless, better = edit(1, text="read by a helper"), edit(2, text="found once")

    def trial(edits: tuple[Edit, ...]) -> Trial:
        both = set(edits) == {useless, better}
        return Trial(
            in_vain={} if both else dict.fromkeys(edits, "it stays"),
            conflicts={better: "another edit"} if both else {},
            recurring=1 if better in edits and not both else 3,
        )

    assert choose_edits(proposals((useless,), (better,)), trial, lambda: True).edits == (better,)
