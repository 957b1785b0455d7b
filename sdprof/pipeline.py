"""The audit as a story: observe the loop, find what is wrong, try the cures, measure, prove, tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sdprof.comparison.plan_structs import BASELINE
from sdprof.model import AuditResult
from sdprof.run_folder import RunFolder
from sdprof.stages.assemble import assemble
from sdprof.stages.begin import begin
from sdprof.stages.compare import Comparer
from sdprof.stages.diagnose import diagnose
from sdprof.stages.fixes_to_try import fixes_to_try
from sdprof.stages.measure import Measurer
from sdprof.stages.observe import AFTER, BEFORE, Observer
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress, stage
from sdprof.stages.publish import publish
from sdprof.stages.request import AuditRequest
from sdprof.stages.variants import Diagnosis, VariantStarter
from sdprof.worker.client import WorkerError
from sdprof.worker.launcher import launcher

FAILURE_FILE = "failure.txt"


class AuditFailedError(Exception):
    """The audit could not be done: one sentence that says why. What was collected is kept."""


@dataclass(frozen=True)
class FinishedAudit:
    """A finished audit and the words for the terminal."""

    result: AuditResult
    folder: Path
    summary: str


def run_audit(request: AuditRequest | None, folder: Path, progress: Progress) -> FinishedAudit:
    """Audit a target.

    :param request: the order, or None to go on with the audit that the folder holds.
    :raises RunFolderError: if the folder cannot be used.
    :raises AuditFailedError: if the target itself does not run.
    """
    run_folder, request = begin(request, folder)
    times = TimeSheet()
    try:
        result = _audit(request, run_folder, times, progress)
    except WorkerError as error:
        run_folder.write(FAILURE_FILE, f"{error.sentence}\n\n{error.detail}\n".encode())
        sentence = error.sentence[:1].upper() + error.sentence[1:]
        raise AuditFailedError(f"{sentence}. The details are in {run_folder.path / FAILURE_FILE}.") from None
    result, summary = publish(result, run_folder, times, progress)
    return FinishedAudit(result, run_folder.path, summary)


def _audit(request: AuditRequest, folder: RunFolder, times: TimeSheet, progress: Progress) -> AuditResult:
    with folder.scratch() as scratch, launcher() as workers:
        starter = VariantStarter(request, scratch, times, workers)
        observer = Observer(starter, folder, times, progress)
        measurer = Measurer(starter, folder, times, progress)
        try:
            with stage(progress, "Building the target"):
                built = measurer.open_baseline()
                calls_per_run = observer.calls_per_run(measurer.baseline_worker)

            with stage(progress, "Observing the loop", len(BEFORE)):
                missing = observer.observe((), BEFORE)
            before = diagnose(folder, BASELINE.id)
            device = str(built.settings.get("device") or "cpu").partition(":")[0]
            to_try, left_out = fixes_to_try(request, before.findings, device)
            starter.diagnosis = Diagnosis(
                findings=before.findings, loop=before.facts.loop, modules=before.facts.modules
            )

            with stage(progress, "Trying the fixes"):
                measurer.open_control()
                comparer = Comparer(measurer, folder, fixes=to_try, request=request, built=built)
                measured = comparer.search()
        finally:
            measurer.close()

        after = None
        if measured.plan.variant is not None:
            with stage(progress, "Observing the loop after the fixes", len(AFTER)):
                missing += observer.observe(measured.plan.variant.fixes, AFTER)
            after = diagnose(folder, measured.plan.variant.id, peaks=before.facts.peaks)

    return assemble(
        request,
        built,
        before=before,
        after=after,
        measured=measured,
        metas={fix.id: fix for fix in to_try},
        left_out=left_out,
        missing=missing,
        calls_per_run=calls_per_run,
    )
