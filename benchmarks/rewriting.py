"""What rewriting takes by itself, without a run: reading the evidence, asking the rewrites, composing, checking.

python benchmarks/rewriting.py RUN        the folder of an audit with source fixes in its patch
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sdprof.fixes.source.compose import compose
from sdprof.fixes.source.evidence import evidence_of
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.registry import propose
from sdprof.run_folder import RunFolder
from sdprof.stages.diagnose import diagnose
from sdprof.stages.patch import patches
from sdprof.stages.rewrite import kept_rewrites
from sdprof.stages.rewrites import audited_texts

Result = TypeVar("Result")


def main() -> None:
    """Time each part once, in a process that has done nothing before."""
    folder = RunFolder.open(Path(sys.argv[1]).resolve())
    seconds: dict[str, float] = {}

    def timed(part: str, work: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        result = work()
        seconds[part] = time.perf_counter() - started
        return result

    kept = kept_rewrites(folder)
    assert kept is not None, "The audit kept no rewrites"
    edits, files = kept.rewrites.edits, kept.rewrites.files
    texts = audited_texts(folder, files)
    folders = sorted({Path(each.root) for each in files})
    code = [file for root in folders for file in root.rglob("*.py")]
    facts = timed("reading artifacts, audits", lambda: diagnose(folder, "baseline").facts)
    timed("parsing every file of the package", lambda: [ModuleSource.load(str(file)) for file in code])
    sites = evidence_of(facts.transfers, facts.operators, facts.loop, facts.graphs)
    sources = Sources()
    proposals = timed("asking every rewrite about every site", lambda: [propose(site, sources) for site in sites])
    composed = timed(
        "putting the edits together",
        lambda: {
            each.file: compose(ModuleSource(each.file, texts[each.file]), [e for e in edits if e.file == each.file])
            for each in files
        },
    )
    pairs = {file: (texts[file], each.text) for file, each in composed.items()}
    patch = timed("writing the patch", lambda: patches(pairs, files))
    timed("checking that git applies it", lambda: [_apply(Path(root), text) for root, text in patch.items()])
    offered = sum(len(proposal.edits) for proposal in proposals)
    print(
        f"{len(code)} files, {len(sites)} sites, {offered} edits offered, {len(edits)} kept\n\n| part | s |\n|---|---|"
    )
    for part, taken in seconds.items():
        print(f"| {part} | {taken:.2f} |")
    print(f"| in all | {sum(seconds.values()):.2f} |")


def _apply(root: Path, patch: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "patch.diff")
        file.write_text(patch)
        subprocess.run(["git", "apply", "--check", str(file)], cwd=root, check=True)


if __name__ == "__main__":
    main()
