"""Lines with a twentieth of the run or more, the first ten of them."""

from sdprof.audits.hot_lines import MOST, audit
from sdprof.facts.facts import Facts
from sdprof.model import HotLine
from tests.audits.census import place


def lines(*shares: float) -> Facts:
    return Facts(
        hot_lines=tuple(
            HotLine(where=place(number), hits=8, seconds=share, share=share) for number, share in enumerate(shares, 1)
        )
    )


def test_names_the_hot_lines_and_no_others() -> None:
    (finding,) = audit(lines(0.6, 0.05, 0.049))
    assert [where.line for where in finding.locations] == [1, 2]
    assert finding.evidence["Attention.forward:1"] == "60.0 %, 8 hits"


def test_no_more_than_a_reader_takes_in() -> None:
    (finding,) = audit(lines(*[0.9] * (MOST + 3)))
    assert len(finding.locations) == MOST


def test_a_run_without_a_hot_line_passes() -> None:
    assert not list(audit(lines(0.04, 0.01)))
