"""Write what people read, beside the machine's file."""

from __future__ import annotations

from pathlib import Path

from sdprof.bench.machine_file import SUFFIX
from sdprof.model.bench import BenchFile
from sdprof.renderers.bench import csv_table, markdown, page
from sdprof.run_folder import write_whole

RENDERERS = {".html": page.render, ".md": markdown.render, ".csv": csv_table.render}


def publish(machine: BenchFile, file: Path) -> tuple[Path, ...]:
    """The page, the Markdown table and the runs as CSV.

    :raises RunFolderError: if one cannot be written.
    """
    stem = file.name.removesuffix(SUFFIX)
    return tuple(
        write_whole(file.with_name(f"{stem}{ending}"), render(machine).encode()) for ending, render in RENDERERS.items()
    )
