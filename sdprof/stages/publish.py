"""Write audit.json and what is rendered from it."""

from __future__ import annotations

import shutil

import msgspec

from sdprof.model import AuditResult
from sdprof.renderers import terminal
from sdprof.renderers.html import page
from sdprof.run_folder import RunFolder
from sdprof.stages.own_time import TimeSheet
from sdprof.stages.progress import Progress, stage

AUDIT_FILE = "audit.json"
REPORT_FILE = "report.html"


def publish(result: AuditResult, folder: RunFolder, times: TimeSheet, progress: Progress) -> AuditResult:
    """Render the result into the run folder.

    The page is rendered twice where its own rendering time is to stand on it: it is a fraction of a second.

    :return: the result with the rendering time in it.
    """
    with stage(progress, "Writing the report"):
        with times.spent_on("rendering", overhead=True):
            page.render(result)
        result = msgspec.structs.replace(result, own_time=times.entries())
        folder.write(AUDIT_FILE, msgspec.json.format(msgspec.json.encode(result), indent=1))
        folder.write(REPORT_FILE, page.render(result).encode())
        folder.finish()
    return result


def summary_of(result: AuditResult, folder: RunFolder) -> str:
    """The summary for the terminal."""
    return terminal.render(result, width=shutil.get_terminal_size().columns, report=str(folder.path / REPORT_FILE))
