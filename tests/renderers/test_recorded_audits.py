"""What every rendering says of a recorded audit, read back and laid beside the audit's own numbers."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from functools import cache

import pytest

from sdprof import quantities
from sdprof.model import AuditResult, Interval
from sdprof.renderers import csv_table, github_annotations, html, json_schema, junit, markdown, sarif, step_time
from sdprof.renderers.finding_groups import finding_groups
from sdprof.renderers.fix_order import in_reading_order, was_not_tried
from sdprof.renderers.headline import headline
from sdprof.renderers.html.before_and_after import graph_regions, operators, transfer_sites
from sdprof.renderers.html.module_tree import module_tree
from sdprof.renderers.html.roofline import roof_at, roofline
from sdprof.renderers.html.waterfall import waterfall_rows
from sdprof.renderers.operator_kinds import kind_times
from sdprof.renderers.text_region import text_region
from tests.renderers.read_page import Page, words
from tests.renderers.recorded_audits import AUDITS, NAMES, recorded

COMPARED = [name for name in AUDITS if recorded(name).kind == "audit"]


@cache
def page(name: str) -> Page:
    return Page(html.render(recorded(name)))


def shown(interval: Interval | None) -> str:
    return "not measured" if interval is None else f"{quantities.times(interval)} ({quantities.bounds(interval)})"


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_the_first_screen_is_the_headline(name: str) -> None:
    result, head = recorded(name), headline(recorded(name))
    first = page(name).result
    assert [words(heading) for heading in first.iter("h1")] == [flat(head.title)]
    assert f"tone-{head.tone}" in (first.get("class") or "")
    if head.observations:
        for seen in head.observations:
            assert page(name).answer(seen.question) == flat(f"{seen.figure} {seen.sentence}")
        return
    assert page(name).answer("How sure").startswith(flat(f"{head.sure.word} {head.sure.sentence}"))
    assert page(name).answer("Still the same output").startswith(flat(f"{head.same.word} {head.same.sentence}"))
    assert result.comparison is not None
    if result.comparison.speedup is not None:
        assert quantities.bounds(result.comparison.speedup) in page(name).answer("How much faster")
    assert all(flat(fix.title) in page(name).answer("Why") for fix in head.reasons[:3])


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_stands_in_its_state_with_its_expression(name: str) -> None:
    result = recorded(name)
    on_the_page = page(name).findings
    in_order = [finding for group in finding_groups(result.findings) for finding in group.findings]
    assert [(one.id, one.status) for one in on_the_page] == [(one.id, one.status) for one in in_order]
    for one, finding in zip(on_the_page, in_order, strict=True):
        assert flat(finding.title) in one.title
        if finding.status == "passed":
            continue
        assert one.severity == finding.severity
        assert flat(finding.reason) in one.words
        for where in finding.locations[:4]:
            if where.column is not None and where.end_line == where.line and where.code.isascii():
                assert where.code[where.column : where.end_column][:60] in "".join(one.marked)
        if finding.count_per_step is not None:
            assert one.facts["count per step"] == quantities.count(finding.count_per_step)
        cost = finding.cost
        if cost is not None and cost.predicted_ms_per_step is not None:
            assert one.facts["cost, predicted"].startswith(quantities.milliseconds(cost.predicted_ms_per_step))


@pytest.mark.parametrize("name", COMPARED)
def test_the_waterfall_goes_down_bar_by_bar_to_the_chosen_set(name: str) -> None:
    result = recorded(name)
    rows = waterfall_rows(result)
    assert [row.ms for row in rows] == [bar.ms_per_step for bar in result.waterfall]
    assert sum(row.saved_ms or 0 for row in rows) == pytest.approx(rows[0].ms - rows[-1].ms if rows else 0)
    if len(rows) < 2:
        assert "Waterfall of fixes" not in page(name).tables
        return
    table = page(name).tables["Waterfall of fixes"]
    assert table.column(step_time.step_times(result).unit) == [quantities.number(row.ms) for row in rows]
    assert table.column("Gain in this place (95%)")[1:] == [shown(row.gain) for row in rows[1:]]
    if result.comparison is not None and result.comparison.candidate is not None:
        (chosen,) = [row for row in rows if row.chosen]
        assert chosen.ms == headline(result).after_ms


@pytest.mark.parametrize("name", COMPARED)
def test_each_fix_has_its_state_gain_and_reason(name: str) -> None:
    fixes = in_reading_order(recorded(name).fixes)
    tried = [fix for fix in fixes if not was_not_tried(fix)]
    if tried:
        table = page(name).tables["Each fix alone"]
        assert table.column("State") == ["applied" if fix.applied else "not applied" for fix in tried]
        assert table.column("Gain alone (95%)") == [shown(fix.gain) for fix in tried]
        for cell, fix in zip(table.column("Why, and what it did"), tried, strict=True):
            assert cell.startswith(flat(fix.reason))
    told = words(page(name).section("fixes"))
    assert all(fix.id in told and flat(fix.reason) in told for fix in fixes)


@pytest.mark.parametrize("name", COMPARED)
def test_kinds_of_operators_add_up_to_the_step(name: str) -> None:
    result = recorded(name)
    kinds = kind_times(result)
    before_ms, after_ms = step_time.before_and_after(result)
    if not kinds:
        assert not result.hot_ops or before_ms is None
        return
    assert sum(kind.before_ms or 0 for kind in kinds) == pytest.approx(before_ms)
    if result.hot_ops_after:
        assert sum(kind.after_ms or 0 for kind in kinds) == pytest.approx(after_ms)
    table = page(name).tables["Step time by kind of operator"]
    assert table.column("Before") == [quantities.milliseconds(kind.before_ms) for kind in kinds]
    assert table.column("After") == [quantities.milliseconds(kind.after_ms) for kind in kinds]


@pytest.mark.parametrize("name", NAMES)
def test_operators_show_their_time_on_both_sides(name: str) -> None:
    result = recorded(name)
    pairs = operators(result.hot_ops, result.hot_ops_after)[:25]
    if not pairs:
        assert "Hot operators" not in page(name).tables
        return
    table = page(name).tables["Hot operators"]
    before = table.column("Time before" if result.hot_ops_after else "Time")
    assert before == [quantities.seconds(pair.before.seconds if pair.before else None) for pair in pairs]
    for cell, pair in zip(table.column("Operator"), pairs, strict=True):
        assert cell.startswith(pair.either.name)
        one_sided = bool(result.hot_ops_after) and (pair.before is None or pair.after is None)
        assert bool(re.search(r" (came|went)\b", cell.removeprefix(pair.either.name))) == one_sided


@pytest.mark.parametrize("name", NAMES)
def test_modules_show_time_flops_and_share_of_the_peak_on_both_sides(name: str) -> None:
    result = recorded(name)
    rows = module_tree(result.hot_modules).rows
    if not rows or result.kind in ("simulation", "shapes"):
        assert "Hot modules" not in page(name).tables
        return
    table = page(name).tables["Hot modules"]
    assert table.column("Time") == [quantities.seconds(row.module.seconds) for row in rows]
    assert table.column("FLOPs") == [quantities.flops(row.module.flops or None) for row in rows]
    assert table.column("Of peak") == [quantities.percent(row.module.percent_of_peak) for row in rows]
    later = {module.name: module for module in result.hot_modules_after}
    places = [place for place, heading in enumerate(table.headings) if heading == "After"]
    assert len(places) == (2 if later else 0)
    for line, row in zip(table.rows, rows, strict=True):
        one = later.get(row.module.name)
        written = (quantities.seconds(one and one.seconds), quantities.percent(one and one.percent_of_peak))
        assert tuple(line[place] for place in places) == (written if later else ())


@pytest.mark.parametrize("name", NAMES)
def test_no_dot_of_the_roofline_is_only_in_the_picture(name: str) -> None:
    drawn = roofline(recorded(name))
    if drawn is None:
        assert "Roofline" not in page(name).tables
        return
    table = page(name).tables["Roofline"]
    assert len(table.rows) == min(len(drawn.points), 40) > 0
    for line, point in zip(table.rows, drawn.points, strict=False):
        roof = roof_at(point.intensity, drawn.peaks)
        assert line[1] == point.side
        assert line[3:] == (
            quantities.number(point.intensity),
            f"{quantities.flops(point.reached)}/s",
            quantities.share(point.reached / roof),
        )


@pytest.mark.parametrize("name", COMPARED)
def test_every_round_is_there_in_figures(name: str) -> None:
    result = recorded(name)
    if "Time by round" not in page(name).tables:
        assert result.comparison is None or not result.comparison.rounds
        return
    table = page(name).tables["Time by round"]
    of_run = step_time.step_times(result).of_run
    taken = {variant.label or variant.id: variant.timing for variant in result.variants}
    assert len(table.rows) > 1
    for label, *cells in table.rows:
        timing = taken[label]
        assert timing is not None
        measured = Counter(quantities.number(of_run(seconds)) for seconds in timing.seconds)
        assert not Counter(cell for cell in cells if cell != quantities.UNKNOWN) - measured


@pytest.mark.parametrize("name", NAMES)
def test_copies_and_syncs_are_counted_as_recorded(name: str) -> None:
    result = recorded(name)
    pairs = transfer_sites(result.transfers)[:60]
    table = page(name).tables.get("Copies and syncs")
    assert (table is not None) == bool(pairs)
    if table is None:
        return
    assert table.column("Before") == [quantities.count(pair.before.count if pair.before else 0) for pair in pairs]
    assert table.column("Operator") == [pair.either.op for pair in pairs]
    kinds = {"H2D": "host → device", "D2H": "device → host", "SYNC": "sync"}
    assert table.column("Kind") == [kinds[pair.either.kind] for pair in pairs]


@pytest.mark.parametrize("name", COMPARED)
def test_regions_show_their_graphs_and_breaks(name: str) -> None:
    regions = graph_regions(recorded(name).graphs)
    table = page(name).tables.get("Graph breaks by region")
    assert (table is not None) == bool(regions)
    if table is None:
        return
    for line, pair in zip(table.rows, regions, strict=True):
        assert line[0].startswith(pair.either.name)
        region = pair.before
        if region is None or (region.error and not region.graphs):
            continue
        assert quantities.counted(region.graphs, "graph") in line[2]
        assert quantities.counted(region.breaks, "break").replace("0 breaks", "no break") in line[2]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_says_why(name: str) -> None:
    told = words(page(name).section("missing"))
    gaps = recorded(name).missing
    assert all(flat(gap.reason) in told and flat(gap.remedy) in told for gap in gaps)
    assert ("every section was collected" in told) == (not gaps)


@pytest.mark.parametrize("name", NAMES)
def test_csv_holds_the_numbers_of_every_finding(name: str) -> None:
    result = recorded(name)
    rows = list(csv.DictReader(io.StringIO(csv_table.render(result), newline="")))
    in_order = [finding for group in finding_groups(result.findings) for finding in group.findings]
    assert len(rows) == len(in_order)
    for row, finding in zip(rows, in_order, strict=True):
        assert (row["id"], row["status"], row["severity"]) == (finding.id, finding.status, finding.severity)
        assert int(row["places"]) == len(finding.locations)
        for column, value in (
            ("count_per_step", finding.count_per_step),
            ("predicted_ms_per_step", finding.cost.predicted_ms_per_step if finding.cost else None),
            ("obtained_ms_per_step", finding.cost.obtained_ms_per_step if finding.cost else None),
        ):
            assert (float(row[column]) if row[column] else None) == value
        if finding.locations:
            assert int(row["line"]) == text_region(finding.locations[0]).line


@pytest.mark.parametrize("name", NAMES)
def test_sarif_has_a_result_at_the_place_of_every_finding_and_a_word_on_the_others(name: str) -> None:
    result = recorded(name)
    (run,) = json.loads(sarif.render(result))["runs"]
    standing = [finding for finding in result.findings if finding.status != "passed"]
    placed = [finding for finding in standing if finding.locations]
    regions = [one["locations"][0]["physicalLocation"]["region"] for one in run["results"]]
    written = [
        (one["ruleId"], at["startLine"], at.get("startColumn")) for one, at in zip(run["results"], regions, strict=True)
    ]
    places = [text_region(finding.locations[0]) for finding in placed]
    assert Counter(written) == Counter(
        (finding.id, at.line, at.column) for finding, at in zip(placed, places, strict=True)
    )
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {finding.id for finding in placed}
    (invocation,) = run["invocations"]
    others = len(standing) - len(placed)
    assert len(invocation["toolExecutionNotifications"]) == others + len(result.missing)


@pytest.mark.parametrize("name", NAMES)
def test_junit_has_a_case_for_every_finding_proof_and_gap(name: str) -> None:
    result = recorded(name)
    cases = list(ET.fromstring(junit.render(result)).iter("testcase"))
    by_class = Counter(case.get("classname") for case in cases)
    assert by_class["sdprof.findings"] == len(result.findings)
    assert by_class["sdprof.missing"] == len(result.missing)
    failing = sum(case.find("failure") is not None for case in cases if case.get("classname") == "sdprof.findings")
    assert failing == sum(
        finding.status in ("open", "fixed") and finding.severity != "info" for finding in result.findings
    )
    speed = next(case for case in cases if case.get("name") == "speed-up")
    verdict = result.comparison.verdict if result.comparison is not None else "not-shown"
    ends = {child.tag for child in speed}
    assert ("failure" in ends, "skipped" in ends) == (verdict == "slower", verdict == "not-shown")


@pytest.mark.parametrize("name", NAMES)
def test_annotations_count_what_can_be_won(name: str) -> None:
    result = recorded(name)
    lines = github_annotations.render(result).splitlines()
    titles = Counter(re.findall(r"title=sdprof%3A ([\w-]+)", "\n".join(lines[1:])))
    won = Counter(finding.id for finding in result.findings if finding.status in ("fixed", "open"))
    assert not titles - won
    assert sum(titles.values()) >= min(sum(won.values()), github_annotations.MOST_ANNOTATIONS - 1)


@pytest.mark.parametrize("name", COMPARED)
def test_markdown_has_the_speed_up_and_every_tried_fix(name: str) -> None:
    result, head = recorded(name), headline(recorded(name))
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in markdown.render(result).splitlines()
        if line.startswith("|")
    ]
    told = {row[0]: row[1] for row in rows if len(row) == 2}
    assert result.comparison is not None
    if result.comparison.speedup is not None:
        numbers = re.findall(r"\d+\.\d+", told["speed-up"])
        interval = result.comparison.speedup
        for number, value in zip(numbers, (interval.median, interval.low, interval.high), strict=True):
            assert float(number) == pytest.approx(value, abs=0.006)
    if head.before_ms is not None:
        assert told[head.unit.removeprefix("ms ")].startswith(quantities.milliseconds(head.before_ms))
    tried = [fix for fix in in_reading_order(result.fixes) if not was_not_tried(fix)]
    fixes = [row for row in rows if len(row) == 5 and row[0].startswith("`")]
    assert [(row[0].strip("`"), row[1] == "applied", row[3]) for row in fixes] == [
        (fix.id, fix.applied, fix.numerics) for fix in tried
    ]


@pytest.mark.parametrize("name", NAMES)
def test_json_is_the_audit_itself_and_fits_the_schema(name: str) -> None:
    import jsonschema

    from sdprof.renderers.formats import FORMATS, Surroundings
    from sdprof.renderers.read_audit import parse_audit

    text = FORMATS["json"].render(recorded(name), Surroundings())
    assert parse_audit(text.encode()) == recorded(name)
    jsonschema.validate(json.loads(text), json_schema.schema())


def test_the_recordings_are_of_every_kind() -> None:
    results: list[AuditResult] = [recorded(name) for name in NAMES]
    assert {result.kind for result in results} == {"audit", "trace", "simulation", "shapes"}
    verdicts = {result.comparison.verdict for result in results if result.comparison is not None}
    assert verdicts >= {"faster", "not-shown"}
    states = {finding.status for result in results for finding in result.findings}
    assert states == {"fixed", "open", "hidden", "declined", "passed"}
