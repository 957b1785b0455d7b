"""Ask the rewrites what they would do about the baseline's evidence, and find the edits that hold together."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from sdprof.facts.added_breaks import added_breaks
from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.evidence import evidence_of
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.registry import Proposals, propose
from sdprof.model import FixMeta, FixRewrites, Missing, RewriteProof, RewrittenSite
from sdprof.run_folder import RunFolder
from sdprof.stages.choose_edits import Trial, choose_edits
from sdprof.stages.counted_run import CountedRun
from sdprof.stages.diagnose import Diagnosed
from sdprof.stages.edit_trials import EditTrials
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress
from sdprof.stages.rewrites import Rewrites, audited_file, keep_text
from sdprof.stages.unbroken_first import adds_reads, unbroken_first, without_reads
from sdprof.stages.variants import VariantStarter
from sdprof.worker.client import WorkerError

REWRITES_FILE = "rewrites.json"
SHARE_OF_BUDGET = 0.5
"""Of the comparison's time, that trying rewrites may take besides."""
LEAST_SECONDS = 30.0
"""A trial starts a process: below this not even a few would be had."""


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the source fixes; kept in the run folder."""

    rewrites: Rewrites = Rewrites()
    by_fix: dict[str, FixRewrites] = {}
    missing: tuple[Missing, ...] = ()


class Rewriter:
    """Makes edits and tries them."""

    def __init__(
        self,
        before: Diagnosed,
        starter: VariantStarter,
        folder: RunFolder,
        scratch: Path,
        times: TimeSheet,
        progress: Progress,
        *,
        device: str | None,
        precision: str | None,
        as_it_is: CountedRun | None,
    ) -> None:
        """Run nothing yet.

        :param device: where copies and waits were counted; None where that is the request's own device.
        """
        self._before = before
        self._starter = starter
        self._folder = folder
        self._scratch = scratch
        self._times = times
        self._progress = progress
        self._device = device
        self._precision = precision
        self._as_it_is = as_it_is
        self._sources = Sources()
        self._started_trials: EditTrials | None = None
        self._numbers = itertools.count(1)

    def rewrite(self, fixes: Sequence[FixMeta]) -> Rewritten:
        """The edits of the source fixes among ``fixes`` that hold together, and what each fix shows alone."""
        kept = kept_rewrites(self._folder)
        if kept is None:
            kept = self._rewrite([fix.id for fix in fixes if fix.kind == "source"])
            for audited in kept.rewrites.files:
                keep_text(self._folder, audited, self._sources.of(audited.file).text)
            self._folder.write(REWRITES_FILE, msgspec.json.format(msgspec.json.encode(kept), indent=1))
        return kept

    def fault(self, edits: tuple[Edit, ...]) -> str:
        """Why these edits do not hold together, in one sentence; empty where they do.

        They are run at both lengths that their proof will want.
        """
        try:
            self._trials.run_ahead([edits], lambda: True, twice_as_long=edits)
            return self._try(edits).fault
        except WorkerError as error:
            return error.sentence

    def proof(self, edits: tuple[Edit, ...]) -> RewriteProof | None:
        """What the loop shows with edits that hold together, at two run lengths; None where no copies are counted."""
        return self._trials.proof(edits, two_lengths=True)

    def _rewrite(self, wanted: list[str]) -> Rewritten:
        proposals = self._proposals(wanted) if wanted else []
        if not any(proposal.edits for proposal in proposals):
            return _told(Rewrites(declined=_reasons(proposals)), {})
        time_left = _clock(max(LEAST_SECONDS, self._starter.request.budget_seconds * SHARE_OF_BUDGET))
        try:
            choice = choose_edits(proposals, self._try, time_left)
            if self._ends_graphs(choice.edits):
                choice = choose_edits(without_reads(proposals, self._sources), self._try, time_left)
        except WorkerError as error:
            reason = f"The loop as it is cannot be run for comparison: {error.sentence}."
            return Rewritten(missing=(Missing(section="Source rewrites", reason=reason),))
        edits, declined = choice.edits, choice.declined
        proofs: dict[str, RewriteProof] = {}
        alone = {fix: tuple(edit for edit in edits if edit.fix == fix) for fix in sorted({edit.fix for edit in edits})}
        if not self._starter.request.quick:
            self._progress.advance("each fix alone")
            self._trials.run_ahead(alone.values(), time_left)
        for fix, own in alone.items():
            if not self._trials.has_run(own):
                continue
            changed = self._trials.changes_output(own)
            if changed:
                reason = f"Alone it changed the output: {changed}"
                declined += tuple(Declined(fix=fix, where=edit.where, reason=reason) for edit in own)
                edits = tuple(edit for edit in edits if edit.fix != fix)
                continue
            proof = self._trials.proof(own)
            if proof is not None:
                proofs[fix] = proof
        files = sorted({file for edit in edits for file in edit.files})
        audited = tuple(audited_file(self._sources.of(file)) for file in files)
        return _told(Rewrites(edits=edits, declined=declined, files=audited), proofs)

    def _ends_graphs(self, edits: tuple[Edit, ...]) -> bool:
        """Whether TorchDynamo would leave its graph where an edit reads a number out of a tensor, and did not before.

        The fix that does so would be rolled back whole when the patch is proven, with all that it cures elsewhere.
        """
        before = self._before.facts.graphs
        if before is None or not any(adds_reads(edit, self._sources) for edit in edits):
            return False
        self._progress.advance("graphs of the rewritten loop")
        added = added_breaks(before, self._trials.graphs(edits))
        return any(".item()" in each.sentence or ".tolist()" in each.sentence for each in added)

    def _proposals(self, wanted: list[str]) -> list[Proposals]:
        facts = self._before.facts
        with self._times.spent_on("rewriting the source", overhead=True):
            sites = evidence_of(facts.transfers, facts.operators, facts.loop, facts.graphs)
            proposals = [propose(site, self._sources, wanted) for site in sites]
            return unbroken_first(proposals, facts.graphs, self._sources)

    def _try(self, edits: tuple[Edit, ...]) -> Trial:
        self._progress.advance(f"trial {next(self._numbers)}: {len(edits)} edits")
        return self._trials(edits)

    @property
    def _trials(self) -> EditTrials:
        if self._started_trials is None:
            counted = self._before.facts.transfers
            self._started_trials = EditTrials(
                self._starter,
                self._sources,
                self._scratch,
                self._times,
                device=self._device if counted is not None else None,
                before=counted,
                loop=self._before.facts.loop,
                precision=self._precision,
                as_it_is=self._as_it_is if counted is not None else None,
            )
        return self._started_trials


def kept_rewrites(folder: RunFolder) -> Rewritten | None:
    """What became of the source fixes in an audit; None where the folder does not say so in a way that can be read."""
    content = folder.read(REWRITES_FILE)
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.json.decode(content, type=Rewritten) if content is not None else None
    return None


def _reasons(proposals: Sequence[Proposals]) -> tuple[Declined, ...]:
    return tuple(each for proposal in proposals for each in proposal.declined)


def _told(rewrites: Rewrites, proofs: Mapping[str, RewriteProof]) -> Rewritten:
    done = [
        RewrittenSite(fix=edit.fix, where=edit.where, file=edit.file, description=edit.description, proof=edit.proof)
        for edit in rewrites.edits
    ]
    refused = [RewrittenSite(fix=each.fix, where=each.where, declined=each.reason) for each in rewrites.declined]
    return Rewritten(
        rewrites=rewrites,
        by_fix={
            fix: FixRewrites(sites=tuple(site for site in (*done, *refused) if site.fix == fix), proof=proofs.get(fix))
            for fix in dict.fromkeys(site.fix for site in (*done, *refused))
        },
    )


def _clock(seconds: float) -> Callable[[], bool]:
    """Whether there is time left, from now on."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end
