import re

import pytest

from sdprof.renderers import github_annotations
from tests.renderers.samples import ROOT, SAMPLES, faster

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.+)")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_line_is_one_command(sample: str) -> None:
    lines = github_annotations.render(SAMPLES[sample](), root=ROOT).splitlines()
    assert lines
    levels = []
    for line in lines:
        match = COMMAND.fullmatch(line)
        assert match is not None
        names = [part.partition("=")[0] for part in match[2].split(",")]
        assert names in (
            ["title"],
            ["title", "file", "line", "endLine"],
            ["title", "file", "line", "endLine", "col", "endColumn"],
        )
        levels.append(match[1])
    assert max(map(levels.count, levels)) <= github_annotations.MOST_ANNOTATIONS


def test_the_finding_stands_at_its_line() -> None:
    text = github_annotations.render(faster(), root=ROOT)
    assert (
        "::error title=sdprof%3A naive-attention,file=attention.py,line=212,endLine=212,col=19,endColumn=41::" in text
    )


def test_what_lies_outside_the_repository_has_no_line() -> None:
    assert "file=" not in github_annotations.render(faster(), root="/elsewhere")


def test_only_what_can_still_be_won_is_annotated() -> None:
    text = github_annotations.render(faster(), root=ROOT)
    assert "checkpoint-in-inference" not in text
    assert "redundant-casts" not in text


def test_a_verdict_that_is_bad_is_an_error() -> None:
    assert github_annotations.render(SAMPLES["slower"]()).startswith("::error ")
    assert github_annotations.render(faster()).startswith("::notice ")
