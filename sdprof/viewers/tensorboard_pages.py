"""What an audit found, as TensorBoard's own pages show it: Text for findings and fixes, HParams for the variants."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from sdprof import quantities
from sdprof.model import AuditResult, Variant
from sdprof.renderers.finding_groups import STATES, cost_in_words, finding_groups
from sdprof.renderers.fix_order import in_reading_order
from sdprof.renderers.headline import headline
from sdprof.renderers.markdown import code, text
from sdprof.renderers.printable import one_line
from sdprof.renderers.short_path import place
from sdprof.renderers.step_time import step_times

METRICS = ("ms_per_step", "speed_up", "speed_up_low", "speed_up_high", "peak_memory_mib", "same_output")
MOST_CHARACTERS = 60
"""Of a variant's label in the column of trials."""


def write_pages(result: AuditResult, logdir: Path) -> None:
    """Event files: texts beside the traces of ``before`` and ``after``, a run for each measured variant."""
    _write(logdir / "before", [text_pb("1 result", _result(result)), text_pb("2 findings", _findings(result))])
    if result.fixes:
        _write(logdir / "after", [text_pb("3 fixes", _fixes(result))])
    measured = [variant for variant in result.variants if variant.timing is not None]
    tried = sorted({fix for variant in measured for fix in variant.fixes})
    if not tried:
        return
    config = hparams.hparams_config_pb(
        hparams=[hparams.HParam(fix, hparams.Discrete([False, True])) for fix in tried],
        metrics=[hparams.Metric(metric) for metric in METRICS],
    )
    _write(logdir / "variants", [config])
    for number, variant in enumerate(measured):
        # TensorBoard sorts trials as texts.
        trial = f"{number:02d} {one_line(variant.label or variant.id, MOST_CHARACTERS)}"
        session = hparams.hparams_pb({fix: fix in variant.fixes for fix in tried}, trial_id=trial)
        # Ids of variants hold every fix and would be too long for a folder's name.
        scalars = [scalar_pb(name, value) for name, value in _metrics(result, variant).items()]
        _write(logdir / "variants" / f"{number:02d}", [session, *scalars])


def _metrics(result: AuditResult, variant: Variant) -> dict[str, float]:
    values = {
        "ms_per_step": step_times(result).of(variant),
        "speed_up": None if variant.speedup is None else variant.speedup.median,
        "speed_up_low": None if variant.speedup is None else variant.speedup.low,
        "speed_up_high": None if variant.speedup is None else variant.speedup.high,
        "peak_memory_mib": None if variant.peak_memory_bytes is None else variant.peak_memory_bytes / 2**20,
        "same_output": None if variant.parity is None else float(variant.parity.passed),
    }
    return {name: value for name, value in values.items() if value is not None}


def _write(folder: Path, summaries: Iterable[Summary]) -> None:
    writer: Any = EventFileWriter(str(folder))
    for summary in summaries:
        writer.add_event(Event(wall_time=time.time(), step=0, summary=summary))
    writer.close()


def _result(result: AuditResult) -> str:
    head = headline(result)
    rows = [("verdict", text(head.title)), ("how sure", f"{text(head.sure.word)}. {text(head.sure.sentence)}")]
    rows.append(("same output", f"{text(head.same.word)}. {text(head.same.sentence)}"))
    if head.before_ms is not None:
        after = "" if head.after_ms is None else f" → {quantities.milliseconds(head.after_ms)}"
        rows.insert(1, (head.unit.removeprefix("ms "), f"{quantities.milliseconds(head.before_ms)}{after}"))
    gaps = [(f"missing: {text(gap.section)}", text(f"{gap.reason} {gap.remedy}")) for gap in result.missing]
    return _table((text(result.target.name), ""), [*rows, *gaps])


def _findings(result: AuditResult) -> str:
    rows = [
        (
            STATES[finding.status][0],
            finding.severity,
            text(finding.title),
            code(place(finding.locations[0], result.target.source_roots)) if finding.locations else "",
            cost_in_words(finding, result.fixes),
        )
        for group in finding_groups(result.findings)
        for finding in group.findings
    ]
    return _table(("state", "severity", "finding", "where", "cost"), rows)


def _fixes(result: AuditResult) -> str:
    rows = [
        (
            code(fix.id),
            "applied" if fix.applied else "",
            f"{quantities.times(fix.gain)} ({quantities.bounds(fix.gain)})" if fix.gain else "not measured",
            fix.numerics,
            text(fix.reason),
        )
        for fix in in_reading_order(result.fixes)
    ]
    return _table(("fix", "", "gain alone (95%)", "numbers", "why"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
