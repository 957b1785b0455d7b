"""The audit of a loop on the simulated device: what it would copy, wait for, and cost on a GPU; nothing is timed."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import msgspec

import sdprof
from sdprof.comparison.plan_structs import BASELINE
from sdprof.model import SCHEMA_VERSION, AuditResult, CostProfile, Missing
from sdprof.run_folder import RunFolder
from sdprof.stages.assemble import UNKNOWN_ENVIRONMENT, transfers
from sdprof.stages.conclude import audited_target
from sdprof.stages.diagnose import diagnose
from sdprof.stages.measure import CHOSEN_BY_TARGET
from sdprof.stages.observe import TITLES, Observer
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress, stage
from sdprof.stages.request import AuditRequest
from sdprof.stages.variants import VariantStarter
from sdprof.worker.client import WorkerError
from sdprof.worker.protocol import SIMULATED, Built

WITH_VALUES = ("environment", "loop", "operators", "transfers", "next_setup")
WITHOUT_VALUES = ("environment", "loop", "transfers")
COSTS = "costs"
NOT_TIMED = Missing(
    section="Comparison",
    reason="A simulated device has no time of its own: nothing was timed, and no fix was tried.",
    remedy="Leave --device away to compare on this machine's CPU, or audit on a machine with a GPU.",
)


def audit_simulated(
    request: AuditRequest, folder: RunFolder, starter: VariantStarter, times: TimeSheet, progress: Progress
) -> AuditResult:
    """Watch the loop on the simulated device.

    Copies and waits are watched over a few steps, or over as many as were asked for; operations and memory, without
    values, over a whole run.

    :raises WorkerError: if the target cannot be built there.
    """
    observer = Observer(starter, folder, times, progress, on_cuda=False)
    with stage(progress, "Building the target"):
        if not request.without_values:
            _choose_the_size_of_a_host(starter)
        worker, built = starter.start(device=SIMULATED)
        worker.close()
    collectors = WITHOUT_VALUES if request.without_values else WITH_VALUES
    steps = built.settings.get("steps")
    whole_run = steps if isinstance(steps, int) else None
    asked_for = request.options.get("steps") is not None and not request.without_values
    with stage(progress, "Watching the loop on the simulated device", len(collectors)):
        missing = observer.observe(
            (),
            collectors,
            steps=whole_run if asked_for else None,
            warm=not request.without_values,
            device=SIMULATED,
        )
    if request.without_values:
        with stage(progress, "Counting operations and memory", 1):
            missing += observer.observe((), (COSTS,), steps=whole_run, warm=False, device=SIMULATED)
    return _result(request, built, folder, missing)


def _choose_the_size_of_a_host(starter: VariantStarter) -> None:
    """Have the target choose its size for the CPU that computes the values: on a GPU it may choose one of hours."""
    with contextlib.suppress(WorkerError):  # a target for GPUs alone
        worker, built = starter.start(device="cpu")
        worker.close()
        starter.chosen = {name: built.settings.get(name) for name in CHOSEN_BY_TARGET}


def _result(request: AuditRequest, built: Built, folder: RunFolder, missing: tuple[Missing, ...]) -> AuditResult:
    seen = diagnose(folder, BASELINE.id)
    return AuditResult(
        kind="shapes" if request.without_values else "simulation",
        schema_version=SCHEMA_VERSION,
        sdprof_version=sdprof.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        target=msgspec.structs.replace(audited_target(request, built), device="simulated cuda"),
        environment=msgspec.structs.replace(seen.facts.environment or UNKNOWN_ENVIRONMENT, gpu=None),
        variants=(),
        comparison=None,
        findings=seen.findings,
        fixes=(),
        transfers=transfers(seen.facts),
        costs=_costs(folder),
        missing=(NOT_TIMED, *missing, *seen.missing),
        command=request.command,
    )


def _costs(folder: RunFolder) -> CostProfile | None:
    content = folder.read(f"artifacts/{BASELINE.id}/costs.json")
    return msgspec.json.decode(content, type=CostProfile) if content is not None else None


def not_counted(result: AuditResult) -> str:
    """What to say where a simulated run did not give what it was asked for; empty where it did, or was told not to."""
    if result.kind == "shapes":
        section, counted = TITLES["costs"], result.costs is not None
    elif result.kind == "simulation":
        section, counted = TITLES["transfers"], result.transfers is not None and result.transfers.baseline is not None
    else:
        return ""
    gap = next((gap for gap in result.missing if gap.section.startswith(section)), None)
    return "" if counted or gap is None else f"{gap.reason} {gap.remedy}".strip()
