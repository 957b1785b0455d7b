"""report.html: the template filled from an audit."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sdprof import quantities
from sdprof.model import AuditResult, Location
from sdprof.renderers import short_path
from sdprof.renderers.excerpt import excerpt
from sdprof.renderers.finding_groups import STATES, cost_in_words, finding_groups, gain_is_shown, obtained_how
from sdprof.renderers.fix_order import in_reading_order, was_not_tried
from sdprof.renderers.gaps import gaps_about
from sdprof.renderers.headline import headline
from sdprof.renderers.html import before_and_after, content_security
from sdprof.renderers.html.breakable import breakable
from sdprof.renderers.html.evidence import evidence_rows
from sdprof.renderers.html.flame_graph import flame_graphs
from sdprof.renderers.html.line_heat import line_heat
from sdprof.renderers.html.measurement import measurement
from sdprof.renderers.html.memory_plot import memory_plot, step_memory_plot
from sdprof.renderers.html.module_tree import module_tree
from sdprof.renderers.html.output_pictures import output_pictures
from sdprof.renderers.html.roofline import roofline
from sdprof.renderers.html.sections import sections_of
from sdprof.renderers.html.share_bar import share_bar
from sdprof.renderers.html.step_strip import step_strip
from sdprof.renderers.html.step_timeline import step_timeline
from sdprof.renderers.html.waterfall import waterfall_rows
from sdprof.renderers.observed import idle_parts
from sdprof.renderers.operator_kinds import kind_times
from sdprof.renderers.patch_files import hunks_about, patch_files
from sdprof.renderers.printable import printable

HERE = Path(__file__).parent


def render(result: AuditResult) -> str:
    """The whole page as one text, to be written as UTF-8."""
    anchored = [(f"fix-{number}", fix) for number, fix in enumerate(in_reading_order(result.fixes), 1)]

    def place(where: Location) -> str:
        return short_path.place(where, result.target.source_roots)

    style, script = asset("report.css"), asset("report.js")
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            result=result,
            style=Markup(style),  # noqa: S704 - our own file, nothing is put into it
            script=Markup(script),  # noqa: S704
            policy=content_security.policy(style, script),
            head=headline(result),
            measured=measurement(result),
            waterfall=waterfall_rows(result),
            sections=sections_of(result),
            idle_parts=idle_parts,
            groups=finding_groups(result.findings),
            cost_of=lambda finding: cost_in_words(finding, result.fixes),
            gain_is_shown=lambda finding: gain_is_shown(finding, result.fixes),
            obtained_how=obtained_how,
            fixes=[each for each in anchored if not was_not_tried(each[1])],
            fixes_not_tried=[each for each in anchored if was_not_tried(each[1])],
            fix_anchors={fix.id: anchor for anchor, fix in reversed(anchored)},
            patch_files=patch_files(result.patch),
            hunks_about=lambda finding: hunks_about(finding, result),
            pictures=output_pictures(result),
            flames=flame_graphs(result),
            heat=line_heat(result),
            modules=module_tree(result.hot_modules),
            modules_after={module.name: module for module in result.hot_modules_after},
            roof=roofline(result),
            kinds=kind_times(result),
            operators=before_and_after.operators(result.hot_ops, result.hot_ops_after),
            kernel_tables=before_and_after.kernel_tables(result),
            regions=before_and_after.graph_regions(result.graphs),
            transfers=before_and_after.transfer_sites(result.transfers),
            timeline=step_timeline(result.transfers, place),
            memory=memory_plot(result),
            step_memory=step_memory_plot(result),
            gaps_about=lambda *words: gaps_about(result, *words),
            place=place,
        )
    )


@cache
def environment() -> Environment:
    """Templates with the filters that all pages share."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    for write in (
        quantities.number,
        quantities.count,
        quantities.counted,
        quantities.milliseconds,
        quantities.seconds,
        quantities.size,
        quantities.flops,
        quantities.share,
        quantities.percent,
        quantities.times,
        quantities.bounds,
        breakable,
        excerpt,
        evidence_rows,
        share_bar,
        step_strip,
    ):
        templates.filters[write.__name__] = write
    templates.globals["STATES"] = STATES
    return templates


def _finalize(value: Any) -> Any:
    """Spell out control and bidirectional characters in every text before it is escaped."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)


def asset(name: str) -> str:
    """A style sheet or script of ours as text."""
    return (HERE / "assets" / name).read_text(encoding="utf-8")
