"""Which of the edits that the rewrites propose stay: each is tried with the others, and what does harm goes.

1. The first alternative of every site, all together, run on the device whose copies and waits are counted.
2. Where that run fails, its output differs or an event moved elsewhere, the edit to blame is found by halving: it is
   the last one of the shortest run of edits that shows the fault, or, where that one is sound by itself, of the two
   that show it together the one that spares less. It goes, and its site's next alternative comes in.
3. Where an event stays although its expression was rewritten, the next alternative comes in; so it does where another
   edit changes the same text, until that one is rejected. Where several sites on a line were rewritten, each is left
   out once, to see which of them did its part.
4. Edits that add a helper function wait until an event is left that no plainer edit removes, its own or another's: what
   was made a host value at its origin needs no helper further on.
5. Until nothing is amiss, or time is up: then what was not shown to be sound is left out.
6. Helpers come in for all events that are left at once. Those without which nothing more is left go again.
7. Where one number is read several times in a step, the first reader waits for it and the others need not: each alone
   looks as if it were in vain; and of what one expression does in each step, an edit may spare a part. So edits that
   were rejected for an event that stays come in once more, all together, and those stay without which the loop would
   copy or wait more often.

What a trial is, the caller says: nothing is run or read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sdprof.fixes.source.edit import Declined, Edit, FileChange, Replacement
from sdprof.fixes.source.registry import Proposals
from sdprof.model import Location


@dataclass(frozen=True)
class Trial:
    """What a run with some edits showed."""

    fault: str = ""
    """Why these edits cannot stay together, in one sentence; empty where the run is sound."""
    in_vain: Mapping[Edit, str] = field(default_factory=dict)
    """Edits that did nothing for their site, with the reason: the event stays."""
    conflicts: Mapping[Edit, str] = field(default_factory=dict)
    """Edits that were left out, for another one has changed the same text."""
    left: frozenset[Location] = frozenset()
    """Places of the evidence that still copy or wait as the loop goes on, rewritten or not."""
    recurring: int = 0
    """Copies and waits that the loop repeats."""


@dataclass(frozen=True)
class Choice:
    """The edits that stay, and why the others do not."""

    edits: tuple[Edit, ...]
    declined: tuple[Declined, ...]


_Change = tuple[str, tuple[Replacement, ...], tuple[FileChange, ...]]
TryEdits = Callable[[tuple[Edit, ...]], Trial]
NEEDLESS = "Another edit cures it as well"
NO_TIME = "It was not tried, for want of time: give it more with --budget"


def choose_edits(proposals: Sequence[Proposals], try_edits: TryEdits, time_left: Callable[[], bool]) -> Choice:
    """Find the edits that hold together.

    :param proposals: what the rewrites say to each site.
    :param try_edits: runs the loop with some edits in it; the edits of one file are composed in the order given.
    :param time_left: False when no further trial may be begun.
    """
    return _Search(proposals, try_edits, time_left).run()


class _Search:
    def __init__(self, proposals: Sequence[Proposals], try_edits: TryEdits, time_left: Callable[[], bool]) -> None:
        self.proposals = proposals
        self.try_edits = try_edits
        self.time_left = time_left
        self.in_vain: dict[Edit, str] = {}
        self.harmful: dict[_Change, str] = {}
        self.lost: dict[Edit, str] = {}
        """To another edit of the same text, as long as that one is in."""
        self.left: frozenset[Location] = frozenset()
        """Places that still copy or wait with the edits that were found sound."""
        self.helped: set[Location] = set()
        """Sites that only a helper function may cure."""

    def run(self) -> Choice:
        sound: tuple[Edit, ...] = ()
        chosen = self.preferred()
        while chosen or self.waiting():
            if not self.time_left():
                untried = {edit for edit in (*chosen, *self.waiting().values()) if edit not in sound}
                self.in_vain.update(dict.fromkeys(untried, NO_TIME))
                break
            trial = self.try_edits(chosen) if chosen else Trial(left=frozenset(self.waiting()))
            if trial.fault:
                culprit, fault = self.blame(chosen, trial.fault)
                self.harmful[_change(culprit)] = fault
                self.lost.clear()
            elif trial.in_vain:
                self.in_vain.update(self.really_in_vain(chosen, trial))
                self.lost.clear()
            elif trial.conflicts:
                self.lost.update(trial.conflicts)
            else:
                sound, self.left = chosen, trial.left
                if not trial.left & self.waiting().keys():
                    break
                self.helped |= trial.left & self.waiting().keys()
            chosen = self.preferred()
        sound = self.without_needless_helpers(sound)
        sound = self.with_what_helps_in_part(sound)
        return Choice(sound, self.declined(sound))

    def really_in_vain(self, chosen: tuple[Edit, ...], trial: Trial) -> Mapping[Edit, str]:
        """The edits that did nothing for their sites.

        An event that stays speaks against all that was rewritten on its line. Where the loop copies or waits more often
        without one of them, that one did its part, unless all did: then more is wanted of each.
        """
        suspects: dict[tuple[str, int], set[Edit]] = {}
        for edit in trial.in_vain:
            suspects.setdefault((edit.where.file, edit.where.line), set()).add(edit)
        spared: set[Edit] = set()
        for group in suspects.values():
            effective = {edit for edit in group if len(group) > 1 and self.does_something(edit, chosen, trial)}
            spared |= effective if effective != group else set()
        return {edit: reason for edit, reason in trial.in_vain.items() if edit not in spared}

    def does_something(self, edit: Edit, chosen: tuple[Edit, ...], trial: Trial) -> bool:
        """Whether the loop copies or waits more often without an edit."""
        others = tuple(each for each in chosen if _change(each) != _change(edit))
        without = self.try_edits(others) if self.time_left() else trial
        return not without.fault and without.recurring > trial.recurring

    def without_needless_helpers(self, sound: tuple[Edit, ...]) -> tuple[Edit, ...]:
        """What one helper keeps may be all that another one would have copied."""
        in_loop = [each for each in self.proposals if each.site.scope == "in_loop" and self.counted(each)]
        told = {edit for proposal in in_loop for edit in proposal.edits}
        helping = [edit for edit in sound if edit.helpers and edit in told]
        for edit in helping if len(helping) > 1 else ():
            others = tuple(each for each in sound if each != edit)
            if not self.time_left():
                break
            trial = self.try_edits(others)
            if not (trial.fault or trial.in_vain or trial.conflicts) and trial.left <= self.left:
                sound = others
                self.lost[edit] = NEEDLESS
        return sound

    def with_what_helps_in_part(self, sound: tuple[Edit, ...]) -> tuple[Edit, ...]:
        """Rejected edits whose events stay and become fewer, each without harm to those that were found sound."""
        left = self.left if sound else {proposal.site.where for proposal in self.proposals}
        in_vain = [
            [edit for edit in proposal.edits if self.is_in_vain(edit)]
            for proposal in self.proposals
            if proposal.site.where in left and not set(proposal.edits) & set(sound)
        ]
        first = tuple(dict.fromkeys(edits[0] for edits in in_vain if edits))
        if not first or not self.time_left():
            return sound
        chosen, fewest = sound, self.try_edits(sound).recurring
        group = first
        while group and self.time_left():
            more, trial = self.without_faulty(sound, group)
            if trial.fault or set(trial.conflicts) & set(sound):
                break
            if trial.recurring < fewest:
                chosen, fewest = tuple(edit for edit in more if edit not in trial.conflicts), trial.recurring
            lost = tuple(edit for edit in group if edit in trial.conflicts)
            group = lost if len(lost) < len(group) else ()  # what lost to another edit of the same text may do better
        if chosen == sound:
            return sound
        added = tuple(edit for edit in chosen if edit not in sound)
        chosen = self.without_needless(chosen, added, fewest)
        for edits in in_vain:
            others = [edit for edit in edits[1:] if self.time_left()] if not set(edits) & set(chosen) else []
            for edit in others:
                more = self.with_more(chosen, (edit,))
                trial = self.try_edits(more)
                if not trial.fault and not trial.conflicts and trial.recurring < fewest:
                    chosen, fewest = more, trial.recurring
                    break
        return chosen

    def without_faulty(self, sound: tuple[Edit, ...], group: tuple[Edit, ...]) -> tuple[tuple[Edit, ...], Trial]:
        """Edits beside the sound ones, less those that do harm; with a fault where a sound one would be to blame."""
        chosen = self.with_more(sound, group)
        trial = self.try_edits(chosen)
        while trial.fault and self.time_left():
            culprit, _ = self.blame(chosen, trial.fault)
            if culprit in sound:
                break
            chosen = tuple(edit for edit in chosen if edit != culprit)
            trial = self.try_edits(chosen)
        return chosen, trial

    def without_needless(self, chosen: tuple[Edit, ...], group: tuple[Edit, ...], fewest: int) -> tuple[Edit, ...]:
        """Leave out those of a group without which the loop copies and waits no more often; by halving."""
        if not group or not self.time_left():
            return chosen
        without = tuple(edit for edit in chosen if edit not in group)
        trial = self.try_edits(without)
        if not trial.fault and trial.recurring <= fewest:
            return without
        if len(group) == 1:
            return chosen
        middle = len(group) // 2
        return self.without_needless(self.without_needless(chosen, group[:middle], fewest), group[middle:], fewest)

    def is_in_vain(self, edit: Edit) -> bool:
        """Whether an edit was tried and its event stayed, which is all that speaks against it."""
        reason = self.in_vain.get(edit)
        return reason not in (None, NO_TIME) and _change(edit) not in self.harmful

    def with_more(self, chosen: tuple[Edit, ...], more: tuple[Edit, ...]) -> tuple[Edit, ...]:
        """Edits in the order of the proposals, in which they are composed."""
        wanted = {*chosen, *more}
        return tuple(dict.fromkeys(edit for proposal in self.proposals for edit in proposal.edits if edit in wanted))

    def counted(self, proposal: Proposals) -> bool:
        """Whether a trial tells if the event is left."""
        return proposal.site.kind != "operator"

    def preferred(self) -> tuple[Edit, ...]:
        """The first alternative of each site that was not rejected; several sites may share a change of the text."""
        first = ((proposal, self.first_of(proposal)) for proposal in self.proposals)
        return tuple(
            dict.fromkeys(edit for proposal, edit in first if edit and not (edit.helpers and self.may_wait(proposal)))
        )

    def may_wait(self, proposal: Proposals) -> bool:
        """Whether a helper is to wait; no trial tells whether an operator is left, so those for operators do not."""
        return self.counted(proposal) and proposal.site.where not in self.helped

    def waiting(self) -> dict[Location, Edit]:
        """Edits with a helper function that nobody has needed yet."""
        first = [(proposal, self.first_of(proposal)) for proposal in self.proposals]
        # One place may be two sites, in the loop and before it: the one without an edit takes nothing from the other.
        return {
            proposal.site.where: edit for proposal, edit in first if edit and edit.helpers and self.may_wait(proposal)
        }

    def first_of(self, proposal: Proposals) -> Edit | None:
        return next((edit for edit in proposal.edits if not self.reason_against(edit)), None)

    def reason_against(self, edit: Edit) -> str:
        """A change that does harm is rejected for every site; one that does nothing for a site may cure another."""
        return self.harmful.get(_change(edit)) or self.in_vain.get(edit) or self.lost.get(edit, "")

    def blame(self, chosen: tuple[Edit, ...], fault: str) -> tuple[Edit, str]:
        """The edit that goes, and its fault."""
        sound, faulty = 0, len(chosen)
        recurring: int | None = None
        while faulty - sound > 1 and self.time_left():
            middle = (sound + faulty) // 2
            trial = self.try_edits(chosen[:middle])
            if trial.fault:
                faulty, fault = middle, trial.fault
            else:
                sound, recurring = middle, trial.recurring
        last = chosen[faulty - 1]
        if recurring is None or not self.time_left() or self.try_edits((last,)).fault:
            return last, fault
        partner = self.partner(chosen[:faulty])
        without = self.try_edits(tuple(each for each in chosen[:faulty] if each != partner))
        spares_less = not without.fault and without.recurring < recurring
        return (partner if spares_less else last), fault

    def partner(self, faulty: tuple[Edit, ...]) -> Edit:
        """The last of the edits without which the last one would do no harm."""
        first, last = 0, len(faulty) - 1
        while last - first > 1 and self.time_left():
            middle = (first + last) // 2
            if self.try_edits(faulty[middle:]).fault:
                first = middle
            else:
                last = middle
        return faulty[first]

    def declined(self, edits: tuple[Edit, ...]) -> tuple[Declined, ...]:
        """Every site that no edit stayed for: what its rewrites said, and what became of their edits."""
        kept = {_change(edit) for edit in edits}
        reasons: list[Declined] = []
        waiting = self.waiting()
        for proposal in self.proposals:
            where = proposal.site.where
            if where in waiting or any(_change(edit) in kept for edit in proposal.edits):
                continue
            if where not in self.left and any(edit in self.lost for edit in proposal.edits):
                continue  # the edit that it lost to cures it as well
            reasons += proposal.declined
            reasons += [
                Declined(fix=edit.fix, where=edit.where, reason=reason)
                for edit in proposal.edits
                if (reason := self.reason_against(edit))
            ]
        return tuple(dict.fromkeys(reasons))


def _change(edit: Edit) -> _Change:
    """What an edit does to the text, whatever site it was proposed for."""
    return edit.file, edit.replacements, edit.elsewhere
