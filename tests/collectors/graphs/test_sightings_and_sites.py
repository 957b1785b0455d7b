"""From a recorded trace to the sites of a region."""

from pathlib import Path

import pytest

from sdprof.collectors.graphs.break_reason import BreakReason
from sdprof.collectors.graphs.recompile_reason import GuardFailure
from sdprof.collectors.graphs.sightings import Break, Recompile, sightings_in
from sdprof.collectors.graphs.sites import NOT_RESUMED, join_breaks, join_recompiles
from sdprof.collectors.graphs.trace_log import CALLERS, TraceRecord, read_records
from sdprof.collectors.graphs.traceback_text import TextFrame
from sdprof.collectors.visibility import Visibility

GOLDEN = Path(__file__).parents[2] / "golden" / "torch_trace" / "sampler.log"
USER, LIBRARY, TORCH = "/home/user/sampler.py", "/opt/site-packages/tqdm/std.py", "/opt/site-packages/torch/nn.py"


def see(file: str) -> Visibility:
    if file.startswith("/home/user/sampler"):
        return Visibility.USER
    return Visibility.LIBRARY if "tqdm" in file else Visibility.HIDDEN


@pytest.fixture(scope="module")
def recorded():
    with GOLDEN.open(encoding="utf-8") as lines:
        return sightings_in(read_records(lines))


def reason(*lines: tuple[str, int], **fields) -> BreakReason:
    frames = tuple(TextFrame(file, line, "f") for file, line in lines)
    return BreakReason(**({"kind": "kind", "explanation": "why", "frames": frames} | fields))


def test_a_recorded_pass(recorded):
    assert (recorded.frames, recorded.graphs) == (12, 6)

    breaks = join_breaks((), recorded.breaks, see)
    assert [(site.where.line, site.count) for site in breaks] == [(34, 2), (35, 1), (37, 2), (25, 3), (12, 1), (23, 3)]
    assert {site.where.file for site in breaks} == {USER}
    assert [NOT_RESUMED in site.hint for site in breaks] == [False, False, True, False, True, False]

    recompiles = join_recompiles(recorded.recompiles, see)
    assert [(site.where.line, site.count, site.reason) for site in recompiles] == [
        (21, 1, "i == 0"),
        (22, 2, "len(old) == 1; len(old) == 2"),
        (24, 1, "i == 1"),
    ]
    assert not any(recompile.refused for recompile in recorded.recompiles)


def test_both_sources_are_joined_by_their_innermost_frame():
    traced = [Break("structured trace", reason((USER, 3), (USER, 7), (TORCH, 1)))] * 2
    explained = [Break("explain", reason((TORCH, 1), kind="short", explanation=""))]

    (site,) = join_breaks(explained, traced, see)
    assert (site.where.line, site.count, site.seen_by) == (7, 2, ("explain", "structured trace"))
    assert site.reason == "kind: why"


def test_each_source_may_see_what_the_other_does_not():
    traced = [Break("structured trace", reason((USER, 7)))]
    explained = [Break("explain", reason((USER, 9)))]

    assert [(site.where.line, site.seen_by) for site in join_breaks(explained, traced, see)] == [
        (7, ("structured trace",)),
        (9, ("explain",)),
    ]


def test_inside_a_library_the_users_line_is_blamed_and_the_library_is_named():
    (site,) = join_breaks((), [Break("structured trace", reason((USER, 7), (LIBRARY, 1181), (TORCH, 4)))], see)
    assert site.where.line == 7
    assert site.reason == "kind: why [in tqdm/std.py:1181 f]"


def test_two_lines_of_a_library_are_two_sites():
    traced = [Break("structured trace", reason((USER, 7), (LIBRARY, line))) for line in (10, 20, 10)]
    assert [site.count for site in join_breaks((), traced, see)] == [2, 1]


def test_without_a_line_of_the_users_the_library_is_blamed():
    (site,) = join_breaks((), [Break("structured trace", reason((LIBRARY, 10), (TORCH, 4)))], see)
    assert (site.where.file, site.where.line, site.reason) == (LIBRARY, 10, "kind: why")


def test_many_reasons_are_cut_short():
    traced = [
        Break("structured trace", reason((USER, 7), kind=f"kind {number}", explanation="")) for number in range(6)
    ]
    (site,) = join_breaks((), traced, see)
    assert site.reason == "kind 0; kind 1; kind 2; kind 3; and 2 more"
    assert site.count == 6


def start(number: int, compilation: int) -> TraceRecord:
    stack = [
        {"line": 2, "name": "run", "filename": 0},
        {"line": 5, "name": "torch_dynamo_resume_in_step_at_9", "filename": 0},
    ]
    return TraceRecord({"dynamo_start": {"stack": stack}, "frame_id": number, "frame_compile_id": compilation})


def again(number: int, compilation: int, told: str = "0/0: i == 0") -> TraceRecord:
    return TraceRecord(
        {"artifact": {"name": "recompile_reasons"}, "frame_id": number, "frame_compile_id": compilation}, told
    )


def test_a_recompilation_that_never_starts_was_refused():
    records = [start(0, 0), again(0, 1), start(0, 1), again(0, 2, "0/1: i == 1")]
    seen = sightings_in(records, {0: USER})

    assert [recompile.refused for recompile in seen.recompiles] == [False, True]
    (site,) = join_recompiles(seen.recompiles, see)
    assert site.reason == "i == 0; i == 1 (recompile limit reached)"
    assert (site.where.line, site.where.function) == (5, "step")


def test_the_callers_that_were_noted_are_believed():
    noted = again(0, 1)
    noted.metadata[CALLERS] = [[USER, 30, "torch_dynamo_resume_in_run_at_12"], [TORCH, 1, "compile"]]
    (recompile,) = sightings_in([start(0, 0), noted], {0: USER}).recompiles
    assert recompile.function == (
        TextFrame(USER, 30, "run"),
        TextFrame(TORCH, 1, "compile"),
        TextFrame(USER, 5, "step"),
    )

    noted.metadata[CALLERS] = [["odd"]]
    assert sightings_in([start(0, 0), noted], {0: USER}).recompiles[0].function[0].line == 2


def test_file_names_may_be_told_in_the_trace_or_before():
    told = TraceRecord({"str": [USER, 0]})
    assert sightings_in([told, start(0, 0), again(0, 1)]) == sightings_in([start(0, 0), again(0, 1)], {0: USER})
    assert sightings_in([start(0, 0), again(0, 1)]).recompiles[0].function == ()


@pytest.mark.parametrize(
    "metadata", [{"str": 3}, {"str": ["a"]}, {"dynamo_start": 1}, {"dynamo_start": {"stack": [1, {}]}}]
)
def test_odd_records_are_passed_over(metadata):
    assert sightings_in([TraceRecord(metadata)]).breaks == ()


def test_a_comment_tells_the_line_where_no_stack_does():
    function = (TextFrame(USER, 2, "run"), TextFrame(USER, 5, "step"))
    failure = GuardFailure(guard="i == 0", file_name="sampler.py", line=8, function="step")
    elsewhere = GuardFailure(guard="i == 0", file_name="other.py", line=8, function="step")

    assert [
        join_recompiles([Recompile(failure=told, function=function)], see)[0].where.line
        for told in (failure, elsewhere)
    ] == [8, 5]
