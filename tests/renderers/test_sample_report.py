"""The sample that is kept is an audit.json of a real run, and its page is what this version renders of it."""

import json
from pathlib import Path

import jsonschema
import pytest

from sdprof.model import AuditResult
from sdprof.renderers import json_schema
from sdprof.renderers.format_names import FormatName
from sdprof.renderers.formats import FORMATS, Surroundings
from sdprof.renderers.headline import headline
from sdprof.renderers.html import render
from sdprof.renderers.html.before_and_after import graph_regions, transfer_sites
from sdprof.renderers.html.roofline import roofline
from sdprof.renderers.html.waterfall import waterfall_rows
from sdprof.renderers.operator_kinds import kind_times
from sdprof.renderers.read_audit import read_audit

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"


@pytest.fixture(scope="module")
def sample() -> AuditResult:
    return read_audit(SAMPLE)


def test_its_page_is_the_one_that_this_version_renders(sample: AuditResult) -> None:
    """Otherwise: sdprof report reports/sample"""
    assert (SAMPLE / "report.html").read_text() == render(sample)


def test_it_fits_the_schema() -> None:
    recorded = json.loads((SAMPLE / "audit.json").read_text())
    jsonschema.validate(recorded, json_schema.schema())


def test_the_headline_says_what_was_measured(sample: AuditResult) -> None:
    comparison, head = sample.comparison, headline(sample)
    assert comparison is not None
    assert comparison.speedup is not None
    assert head.verdict == {"faster": "Faster", "slower": "Slower", "not-shown": "Not shown"}[comparison.verdict]
    if comparison.candidate is not None:
        assert head.before_ms is not None
        assert head.after_ms is not None
        assert head.before_ms / head.after_ms == pytest.approx(comparison.speedup.median, rel=0.25)
        assert {fix.id for fix in sample.fixes if fix.applied} >= {fix.id for fix in head.reasons}


def test_what_it_holds_is_shown(sample: AuditResult) -> None:
    assert waterfall_rows(sample)
    assert roofline(sample) is not None
    assert sum(kind.before_ms or 0 for kind in kind_times(sample)) > 0
    assert {pair.either.name for pair in graph_regions(sample.graphs)} >= {"unet"}
    sites = [pair for pair in transfer_sites(sample.transfers) if pair.before is not None and pair.before.in_loop]
    assert {site.before.kind for site in sites if site.before is not None} == {"H2D", "SYNC"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_it(sample: AuditResult, name: FormatName) -> None:
    text = FORMATS[name].render(sample, Surroundings())
    assert any(finding.title in text for finding in sample.findings if finding.status != "passed")
