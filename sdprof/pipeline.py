"""The audit as a story: observe the loop, find what is wrong, try the cures, measure, prove, tell."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sdprof.comparison.plan_structs import BASELINE
from sdprof.facts.added_breaks import added_breaks
from sdprof.model import AuditResult, Missing
from sdprof.renderers.read_audit import read_audit
from sdprof.run_folder import RunFolder, RunFolderError
from sdprof.stages.assemble import assemble
from sdprof.stages.begin import begin
from sdprof.stages.compare import Comparer, precision_of
from sdprof.stages.diagnose import Diagnosed, diagnose
from sdprof.stages.failure import FAILURE_FILE, failed, unexpected
from sdprof.stages.fixes_to_try import fixes_to_try, with_edits
from sdprof.stages.measure import Measurer
from sdprof.stages.observe import AFTER, BEFORE, REWRITTEN, Observer
from sdprof.stages.offer import Offer, PatchMaker
from sdprof.stages.output_pictures import read_output_pictures
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress, stage
from sdprof.stages.publish import publish, summary_of
from sdprof.stages.request import AuditRequest
from sdprof.stages.rewrite import Rewriter
from sdprof.stages.simulate import audit_simulated, not_counted
from sdprof.stages.soundness import why_unsound
from sdprof.stages.timed_as_one import timed_as_one
from sdprof.stages.variant_overlays import VariantOverlays
from sdprof.stages.variants import Diagnosis, VariantStarter, variant_id
from sdprof.worker.client import WorkerError
from sdprof.worker.launcher import launcher
from sdprof.worker.protocol import SIMULATED, Built

WATCHED_AND_PROVEN = 6
"""Workers alive at once where a patch is proven, at two run lengths, while the loop with it is watched; and one more
that was timed."""


@dataclass(frozen=True)
class FinishedAudit:
    """A finished audit and the words for the terminal."""

    result: AuditResult
    folder: Path
    summary: str
    trouble: str
    """Why the target's own output cannot vouch for anything, or what was asked for was not found; else empty."""


def run_audit(request: AuditRequest | None, folder: Path, progress: Progress) -> FinishedAudit:
    """Audit a target.

    :param request: the order, or None to go on with the audit that the folder holds.
    :raises RunFolderError: if the folder cannot be used.
    :raises UnreadableAuditError: if the folder holds a finished audit whose result is damaged.
    :raises AuditFailedError: if the target itself does not run, or the disk is full, or sdprof is at fault.
    """
    run_folder, request = begin(request, folder)
    with run_folder.at_work():
        if run_folder.manifest.finished:
            result = read_audit(run_folder.path)
            return FinishedAudit(result, run_folder.path, summary_of(result, run_folder), _trouble(result))
        times = TimeSheet()
        try:
            result = publish(_audit(request, run_folder, times, progress), run_folder, times, progress)
        except WorkerError as error:
            raise failed(run_folder, error.sentence, error.detail) from None
        except RunFolderError as error:
            raise failed(run_folder, str(error), traceback.format_exc()) from None
        except Exception as error:  # noqa: BLE001  a fault of sdprof itself must not end in a traceback
            raise failed(run_folder, unexpected(error), traceback.format_exc()) from None
        run_folder.remove(FAILURE_FILE)
        return FinishedAudit(result, run_folder.path, summary_of(result, run_folder), _trouble(result))


def _trouble(result: AuditResult) -> str:
    return why_unsound(result) or not_counted(result)


def _audit(request: AuditRequest, folder: RunFolder, times: TimeSheet, progress: Progress) -> AuditResult:
    with folder.scratch() as scratch, launcher() as workers, VariantOverlays(folder) as overlays:
        starter = VariantStarter(request, scratch, times, workers, overlays)
        if request.options.get("device") == SIMULATED:
            return audit_simulated(request, folder, starter, times, progress)
        measurer = Measurer(starter, folder, times, progress)
        try:
            with stage(progress, "Building the target"):
                built = measurer.open_baseline()
                device = str(built.settings.get("device") or "cpu").partition(":")[0]
                observer = Observer(starter, folder, times, progress, on_cuda=device == "cuda")
                calls_per_run = observer.calls_per_run(measurer.baseline_worker)

            with stage(progress, "Observing the loop", len(BEFORE)):
                missing = observer.observe((), BEFORE)
            before = diagnose(folder, BASELINE.id)
            fixes, left_out = fixes_to_try(request, before.findings, device)
            starter.diagnosis = Diagnosis(
                findings=before.findings, loop=before.facts.loop, modules=before.facts.modules
            )

            with stage(progress, "Rewriting the source"):
                rewriter = Rewriter(
                    before,
                    starter,
                    folder,
                    scratch,
                    times,
                    progress,
                    device=observer.transfer_device,
                    precision=precision_of(built),
                    as_it_is=observer.counted_run(),
                )
                rewritten = rewriter.rewrite(fixes)
                overlays.rewrites = rewritten.rewrites
                missing += rewritten.missing
            to_try, not_rewriting = with_edits(fixes, rewritten, request.only_fixes)
            left_out += not_rewriting
            to_try = timed_as_one(to_try, device)

            with stage(progress, "Trying the fixes"):
                comparer = Comparer(measurer, folder, fixes=to_try, request=request, built=built)
                measured = comparer.search()
            chosen = measured.plan.variant
            measurer.close_but({chosen.id} if chosen is not None and _timed_as_watched(request, built) else ())

            metas = {fix.id: fix for fix in to_try}
            with stage(progress, "Proving the patch", len(REWRITTEN)):
                maker = PatchMaker(
                    rewritten=rewritten,
                    measured=measured,
                    metas=metas,
                    rewriter=rewriter,
                    starter=starter,
                    folder=folder,
                    precision=precision_of(built),
                )
                offered, patched, missing_there = _offered(
                    maker, device, observer, measurer.spare_copies(), times, before
                )
            missing += missing_there

            after = None
            if chosen is not None:
                watched = tuple(name for name in AFTER if patched is None or name not in ("graphs", "transfers"))
                with stage(progress, "Observing the loop after the fixes", len(watched)):
                    missing += observer.observe(chosen.fixes, watched, warmed=measurer.hand_over(chosen.id))
                after = diagnose(folder, chosen.id, peaks=before.facts.peaks)
        finally:
            measurer.close()

    return assemble(
        request,
        built,
        before=before,
        after=after,
        patched=patched,
        measured=measured,
        rewritten=rewritten,
        offered=offered,
        metas=metas,
        left_out=left_out,
        missing=missing,
        calls_per_run=calls_per_run,
        pictures=read_output_pictures(folder, BASELINE.id, chosen.id if chosen is not None else None),
    )


def _offered(
    maker: PatchMaker,
    device: str,
    observer: Observer,
    spare_copies: int | None,
    times: TimeSheet,
    before: Diagnosed,
) -> tuple[Offer, Diagnosed | None, tuple[Missing, ...]]:
    """The patch, what the loop with it shows, and what could not be observed of it.

    A fix whose rewrites break a graph that did not break before is rolled back, and the rest is proven anew.
    """
    fixes, reasons = maker.worth_offering(device)
    while True:
        offered, missing = _proven(maker, fixes, reasons, observer, spare_copies, times)
        if offered.patch is None:
            return offered, None, missing
        patched = diagnose(maker.folder, variant_id(offered.fixes), peaks=before.facts.peaks)
        added = added_breaks(before.facts.graphs, patched.facts.graphs)
        if not added:
            return offered, patched, missing
        maker.withdraw()
        culprit = maker.to_blame(offered.fixes, added[0])
        reasons = {**offered.reasons, culprit: f"Rolled back: with it there is {added[0].sentence}"}
        fixes = tuple(fix for fix in offered.fixes if fix != culprit)


def _proven(
    maker: PatchMaker,
    fixes: tuple[str, ...],
    reasons: Mapping[str, str],
    observer: Observer,
    spare_copies: int | None,
    times: TimeSheet,
) -> tuple[Offer, tuple[Missing, ...]]:
    """The patch, and what could not be observed of the loop with it.

    Nothing is timed here: where there is memory for it, the rewritten loop is watched while it is proven.
    """
    if fixes and (spare_copies is None or spare_copies >= WATCHED_AND_PROVEN):
        with ThreadPoolExecutor(max_workers=1) as beside:
            watched = beside.submit(observer.aside().observe, fixes, REWRITTEN, timed=False)
            offered = maker.offer(fixes, reasons)
            with times.spent_on("observing: the rewritten loop", overhead=False):
                missing = watched.result()
        if offered.fixes == fixes:
            return offered, missing
    else:
        offered = maker.offer(fixes, reasons)
    return offered, observer.observe(offered.fixes, REWRITTEN, timed=False) if offered.patch is not None else ()


def _timed_as_watched(request: AuditRequest, built: Built) -> bool:
    """Whether a timed run has as many steps as one that is watched: then a worker can serve for both."""
    return built.settings.get("steps") == request.profile_steps
