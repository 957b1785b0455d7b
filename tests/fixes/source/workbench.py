"""Record a loop on the simulated device, cure what it shows, run the rewritten text, and compare."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import torch

from sdprof.collectors import expression
from sdprof.collectors import loop as loop_collector
from sdprof.collectors.expression import locate
from sdprof.collectors.frame_values import seen_values
from sdprof.collectors.hot_calls import STACK_BASE
from sdprof.collectors.loop_watch import LoopWatch
from sdprof.collectors.visibility import FileVisibility, Visibility
from sdprof.collectors.watched_run import WatchedRun
from sdprof.device import Recorder, current, simulate, to_host
from sdprof.fixes.source.compose import Composed, compose_files
from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.evidence import SiteEvidence, odd_tables
from sdprof.fixes.source.inserted_helpers import HELPERS
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.registry import propose
from sdprof.model import Location, LoopMap, SeenFrame
from sdprof.stages.choose_edits import Trial, choose_edits

Build = Callable[[str, int], tuple[torch.nn.Module, Callable[[], Any]]]
"""``build(device, steps)`` gives the hot module and the loop to run."""


@dataclass
class Observed:
    """One run."""

    output: Any
    sites: list[SiteEvidence]
    counts: Counter[str] = field(default_factory=Counter)
    """Events inside the loop by kind."""
    outside: list[SiteEvidence] = field(default_factory=list)
    """What one expression repeats outside of the loop."""

    @property
    def late(self) -> int:
        """Copies and waits that happen in other steps than the first, too."""
        return sum(site.count for site in self.sites if set(site.steps) - {0})


class _SiteRecorder(Recorder):
    def __init__(self, watch: LoopWatch, watched: WatchedRun) -> None:
        super().__init__()
        self.seen: dict[tuple[Any, ...], list[Any]] = {}
        self._watch = watch
        self._visible = FileVisibility(watched.is_user_file)

    def add(self, *args: Any, **kwargs: Any) -> None:
        before = self.count
        super().add(*args, **kwargs)
        if self.count == before:
            return
        sight = self._watch.look()
        frames = self._frames(sys._getframe(1))
        if frames[0].f_code.co_qualname in HELPERS:
            frames = frames[1:]  # what a helper copies belongs to the expression that calls it
        innermost = frames[0]
        key = (args[0], args[1], innermost.f_code, innermost.f_lasti, sight.in_loop)
        if key not in self.seen:
            stack = tuple(
                SeenFrame(
                    where=locate(frame.f_code, frame.f_lasti),
                    library=self._visible(frame.f_code.co_filename) is not Visibility.USER,
                    values=seen_values(frame),
                )
                for frame in frames
            )
            self.seen[key] = [stack, [], sight.scope]
        self.seen[key][1].append((self.count - 1, sight.step))

    def _frames(self, frame: FrameType | None) -> list[FrameType]:
        frames = []
        while frame is not None and frame.f_code is not STACK_BASE:
            if self._visible(frame.f_code.co_filename):
                frames.append(frame)
            frame = frame.f_back
        return frames


def observe(build: Build, steps: int, roots: tuple[Path, ...], device: str = "cuda") -> Observed:
    """Run on the simulated device."""
    with simulate():
        found = loop_collector.collect(_to_watch(build, steps, roots, device, None))
        # Built anew, as in a worker that has not run yet: what a helper kept in another run must not look like no copy.
        watched = _to_watch(build, steps, roots, device, found)
        with LoopWatch(watched) as watch:
            recorder = _SiteRecorder(watch, watched)
            with current.redirected(recorder.add):
                output = watch.run()
        seen = _sites(recorder, found, watch.steps)
        sites = [site for site in seen if site.scope == "in_loop"]
        outside = [site for site in seen if site.scope != "in_loop" and site.count > 1]
        counts: Counter[str] = Counter()
        for site in sites:
            counts[site.kind] += site.count
        return Observed(to_host(output), sites, counts, outside)


def _to_watch(build: Build, steps: int, roots: tuple[Path, ...], device: str, loop: LoopMap | None) -> WatchedRun:
    torch.manual_seed(0)
    module, run = build(device, steps)

    def seeded() -> Any:
        torch.manual_seed(1)
        return run()

    return WatchedRun(
        run=seeded,
        hot_modules={"net": module},
        source_roots=roots,
        folder=roots[0],
        device=torch.device(device),
        dtype=None,
        compiled=False,
        loop=loop,
    )


def _sites(recorder: _SiteRecorder, loop: LoopMap, steps: int) -> list[SiteEvidence]:
    events = recorder.events
    sites = []
    for stack, visits, scope in recorder.seen.values():
        seen = [events[index] for index, _ in visits]
        compared = [event.same_content for event in seen if event.same_content is not None]
        sites.append(
            SiteEvidence(
                kind=seen[0].kind,
                op=seen[0].operator,
                stack=stack,
                count=len(seen),
                scope=scope,
                steps=tuple(sorted({step for _, step in visits if step is not None})),
                steps_in_run=steps,
                bytes=sum(event.bytes for event in seen),
                identical_content=bool(compared) and all(compared),
                dtype=seen[0].dtype,
                shape=seen[0].shape if seen[0].dtype else None,
                loop=loop,
            )
        )
    return sites


@dataclass
class Cured:
    """What became of a loop."""

    before: Observed
    after: Observed
    composed: dict[str, Composed]
    declined: list[Declined]
    stayed: list[str]

    @property
    def applied(self) -> list[Edit]:
        return list(dict.fromkeys(edit for composed in self.composed.values() for edit in composed.applied))

    @property
    def same_bits(self) -> bool:
        return same_bits(self.before.output, self.after.output)


def same_bits(one: Any, two: Any) -> bool:
    """Equal in type, shape, dtype and every bit; NaN equals NaN."""
    if isinstance(one, torch.Tensor):
        return (
            isinstance(two, torch.Tensor)
            and one.dtype == two.dtype
            and one.shape == two.shape
            and torch.equal(torch.nan_to_num(one, nan=12345.0), torch.nan_to_num(two, nan=12345.0))
        )
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same_bits(one[name], two[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same_bits, one, two))
    return bool(one == two)


def nearly_same(one: Any, two: Any) -> bool:
    """Whether two outputs differ by rounding alone, or by nothing: an audit asks the same of rewrites that round."""
    if isinstance(one, torch.Tensor):
        if not isinstance(two, torch.Tensor) or one.dtype != two.dtype or one.shape != two.shape:
            return False
        if not one.is_floating_point():
            return torch.equal(one, two)
        scale = one.abs().nan_to_num(0.0, 0.0, 0.0).max() if one.numel() else 0.0
        return torch.allclose(one, two, rtol=1e-3, atol=1e-3 * float(scale), equal_nan=True)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(nearly_same(one[name], two[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(nearly_same, one, two))
    return isinstance(one, float) or bool(one == two)


def cure(
    load: Callable[[Mapping[str, str]], Build], steps: int, roots: tuple[Path, ...], fix_ids: set[str] | None = None
) -> Cured:
    """Find the edits that hold together, as an audit does.

    :param load: takes rewritten texts by file, gives the loop that runs them.
    """
    before = observe(load({}), steps, roots)
    sources = Sources()
    everywhere = (*before.sites, *odd_tables(before.sites), *before.outside)
    proposals = [propose(site, sources, fix_ids) for site in everywhere]

    def composed(edits: tuple[Edit, ...]) -> dict[str, Composed]:
        return compose_files(sources.of, edits)

    def run(edits: tuple[Edit, ...]) -> tuple[dict[str, Composed], Observed]:
        made = composed(edits)
        return made, observe(load({file: each.text for file, each in made.items()}), steps, roots)

    def try_edits(edits: tuple[Edit, ...]) -> Trial:
        try:
            made, after = run(edits)
        except Exception as error:  # noqa: BLE001 - whatever a wrong edit makes of the loop
            return Trial(fault=f"{type(error).__name__}: {error}")
        if all(edit.numerics == "exact" for edit in edits) and not same_bits(before.output, after.output):
            return Trial(fault="the output changed")
        if not nearly_same(before.output, after.output):
            return Trial(fault="the output changed by more than rounding")
        if after.late > before.late:
            return Trial(fault="a copy or wait moved")
        spots = {spot for site in after.sites if recurs(site, spot := _origin(made, site))}
        spots_outside = {_origin(made, site) for site in after.outside}
        places = {proposal.site.where: _start(sources, proposal.site.where) for proposal in proposals}
        conflicts = {conflict.edit: conflict.reason for each in made.values() for conflict in each.conflicts}
        in_vain: dict[Edit, str] = {}
        for edit in edits:
            touched = {places[edit.where], *((edit.file, each.start) for each in edit.replacements)}
            stays = touched & (spots_outside if edit.where in outside else spots) and edit.where in counted
            if stays and edit not in conflicts:
                in_vain[edit] = "events stay"
        left = {where for where, place in places.items() if place in (spots_outside if where in outside else spots)}
        return Trial(in_vain=in_vain, conflicts=conflicts, left=frozenset(left), recurring=after.late)

    steps_at: dict[tuple[str, int], set[int]] = {}
    for site in before.sites:
        for line in range(site.where.line, (site.where.end_line or site.where.line) + 1):
            steps_at.setdefault((site.where.file, line), set()).update(site.steps)

    def recurs(site: SiteEvidence, spot: tuple[str, int]) -> bool:
        """As in an audit: not what a few steps do where many did it, as a table that is copied when it is first met."""
        file, offset = spot
        known = steps_at.get((file, sources.of(file).text.count("\n", 0, offset) + 1), set())
        again = bool(set(site.steps) - {0}) and (len(known) < 2 or 2 * len(site.steps) > len(known))
        return again or site.steps_in_run == 1

    outside = {site.where for site in before.outside} - {site.where for site in before.sites}
    counted = {site.where for site in (*before.sites, *before.outside)}
    choice = choose_edits(proposals, try_edits, lambda: True)
    made, after = run(choice.edits)
    stayed = [f"{each.where.line}: {each.fix}: {each.reason}" for each in choice.declined]
    return Cured(before, after, made, list(choice.declined), stayed)


def _start(sources: Sources, where: Location) -> tuple[str, int]:
    return where.file, sources.of(where.file).offset(where.line, where.column or 0)


def _origin(composed: Mapping[str, Composed], site: SiteEvidence) -> tuple[str, int]:
    file = composed.get(site.where.file)
    if file is None:
        return _start(Sources(), site.where)
    return site.where.file, file.origin(site.where.line, site.where.column or 0)


def module_of(path: Path, text: str | None = None, name: str = "loop_under_test") -> ModuleType:
    """A module from a file, or from another text in its place; positions name the file."""
    text = path.read_text() if text is None else text
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    expression._headers.cache_clear()
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    exec(compile(text, str(path), "exec"), vars(module))
    return module


def cure_file(path: Path, steps: int = 4, fix_ids: set[str] | None = None) -> Cured:
    """Cure a file with a function ``build(device, steps)``."""

    def load(texts: Mapping[str, str]) -> Build:
        return module_of(path, texts.get(str(path))).build

    return cure(load, steps, (path.parent,), fix_ids)


def cure_text(folder: Path, text: str) -> tuple[Cured, str]:
    """Cure a text like that in a folder; what became of it, with the same bits."""
    file = folder / "loop.py"
    file.write_text(text)
    found = cure_file(file)
    assert found.same_bits
    return found, "".join(each.text for each in found.composed.values())


class Texts(importlib.abc.MetaPathFinder):
    """Serves rewritten texts in place of the files of some modules."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin not in self.texts:
            return None
        loader = _TextLoader(name, spec.origin)
        loader.text = self.texts[spec.origin]
        spec.loader = loader
        return spec


_SERVED: set[str] = set()
"""Files whose rewritten text ``linecache`` may still hold."""


class _TextLoader(importlib.machinery.SourceFileLoader):
    text = ""

    def get_code(self, fullname: str) -> Any:
        linecache.cache[self.path] = (len(self.text), None, self.text.splitlines(keepends=True), self.path)
        return compile(self.text, self.path, "exec")


@contextlib.contextmanager
def served(texts: Mapping[str, str], prefixes: tuple[str, ...], folder: Path | None = None) -> Iterator[None]:
    """Import modules whose name begins with one of ``prefixes`` anew, from rewritten texts where there are some."""
    saved = {name: module for name, module in sys.modules.items() if name.startswith(prefixes)}
    for name in saved:
        del sys.modules[name]
    for file in _SERVED:
        linecache.cache.pop(file, None)
    _SERVED.update(texts)
    expression._headers.cache_clear()
    finder = Texts(texts)
    sys.meta_path.insert(0, finder)
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if folder is not None:
            sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(prefixes)]:
            del sys.modules[name]
        sys.modules.update(saved)
