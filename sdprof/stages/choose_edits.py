"""Which of the edits that the rewrites propose stay: each is tried with the others, and what does harm goes.

1. The first alternative of every site, all together, run on the device whose copies and waits are counted.
2. Where that run fails, its output differs or an event moved elsewhere, the edit to blame is found by halving: it is
   the last one of the shortest run of edits that shows the fault. It goes, and its site's next alternative comes in.
3. Where an event stays although its expression was rewritten, the next alternative comes in.
4. Edits that add a helper function wait until an event is left that no plainer edit removes, its own or another's: what
   was made a host value at its origin needs no helper further on.
5. Until nothing is amiss, or time is up: then what was not shown to be sound is left out.

What a trial is, the caller says: nothing is run or read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sdprof.fixes.source.edit import Declined, Edit, Replacement
from sdprof.fixes.source.registry import Proposals
from sdprof.model import Location


@dataclass(frozen=True)
class Trial:
    """What a run with some edits showed."""

    fault: str = ""
    """Why these edits cannot stay together, in one sentence; empty where the run is sound."""
    in_vain: Mapping[Edit, str] = field(default_factory=dict)
    """Edits that did nothing for their site, with the reason: the event stays, or another edit has changed the text."""
    left: frozenset[Location] = frozenset()
    """Places of the evidence that still copy or wait as the loop goes on, rewritten or not."""


@dataclass(frozen=True)
class Choice:
    """The edits that stay, and why the others do not."""

    edits: tuple[Edit, ...]
    declined: tuple[Declined, ...]


TryEdits = Callable[[tuple[Edit, ...]], Trial]
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
        self.rejected: dict[Edit, str] = {}
        self.helped: set[Location] = set()
        """Sites that only a helper function may cure."""

    def run(self) -> Choice:
        sound: tuple[Edit, ...] = ()
        chosen = self.preferred()
        while chosen or self.waiting():
            if not self.time_left():
                untried = {edit for edit in (*chosen, *self.waiting().values()) if edit not in sound}
                self.rejected.update(dict.fromkeys(untried, NO_TIME))
                break
            trial = self.try_edits(chosen) if chosen else Trial(left=frozenset(self.waiting()))
            if trial.fault:
                culprit, fault = self.blame(chosen, trial.fault)
                self.rejected[culprit] = fault
            elif trial.in_vain:
                self.rejected.update(trial.in_vain)
            else:
                sound = chosen
                if not trial.left & self.waiting().keys():
                    break
                self.helped |= trial.left & self.waiting().keys()
            chosen = self.preferred()
        return Choice(sound, self.declined(sound))

    def preferred(self) -> tuple[Edit, ...]:
        """The first alternative of each site that was not rejected; an edit that several sites share comes once."""
        distinct: dict[tuple[str, tuple[Replacement, ...]], Edit] = {}
        for proposal in self.proposals:
            edit = self.first_of(proposal)
            if edit is not None and (not edit.helpers or proposal.site.where in self.helped):
                distinct.setdefault(_change(edit), edit)
        return tuple(distinct.values())

    def waiting(self) -> dict[Location, Edit]:
        """Edits with a helper function that nobody has needed yet."""
        first = {proposal.site.where: self.first_of(proposal) for proposal in self.proposals}
        return {where: edit for where, edit in first.items() if edit and edit.helpers and where not in self.helped}

    def first_of(self, proposal: Proposals) -> Edit | None:
        return next((edit for edit in proposal.edits if not self.is_rejected(edit)), None)

    def is_rejected(self, edit: Edit) -> bool:
        """The same change of text proposed for another site is rejected with it."""
        return any(_change(edit) == _change(other) for other in self.rejected)

    def blame(self, chosen: tuple[Edit, ...], fault: str) -> tuple[Edit, str]:
        """The last edit of the shortest faulty run of edits, and its fault."""
        sound, faulty = 0, len(chosen)
        while faulty - sound > 1 and self.time_left():
            middle = (sound + faulty) // 2
            trial = self.try_edits(chosen[:middle])
            if trial.fault:
                faulty, fault = middle, trial.fault
            else:
                sound = middle
        return chosen[faulty - 1], fault

    def declined(self, edits: tuple[Edit, ...]) -> tuple[Declined, ...]:
        """Every site that no edit stayed for: what its rewrites said, and what became of their edits."""
        kept = {_change(edit) for edit in edits}
        rejected = {_change(edit): reason for edit, reason in self.rejected.items()}
        reasons: list[Declined] = []
        waiting = self.waiting()
        for proposal in self.proposals:
            if proposal.site.where in waiting or any(_change(edit) in kept for edit in proposal.edits):
                continue
            reasons += proposal.declined
            reasons += [
                Declined(fix=edit.fix, where=edit.where, reason=rejected[_change(edit)])
                for edit in proposal.edits
                if _change(edit) in rejected
            ]
        return tuple(dict.fromkeys(reasons))


def _change(edit: Edit) -> tuple[str, tuple[Replacement, ...]]:
    """What an edit does to the text, whatever site it was proposed for."""
    return edit.file, edit.replacements
