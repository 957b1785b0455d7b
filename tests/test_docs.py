"""The documentation does what it says: its example is audited, its lists are whole, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from sdprof.audits.registry import Audit, all_audits
from sdprof.fixes.registry import all_fixes
from sdprof.renderers.read_audit import read_audit
from tests.command import Command, all_but

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_the_example_of_a_target_is_audited(command: Command, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "targets.md").read_text(), flags=re.DOTALL)
    (tmp_path / "my_loop.py").write_text(example)
    skip = all_but("loop", "modules", "operators", "transfers")
    done = command(
        "audit", "--target", "my_loop.py", "--size", "wide", "--out", "out", "--quick", "--budget", "1", *skip
    )
    assert done.returncode == 0, done.stderr
    audit = read_audit(tmp_path / "out")
    assert (audit.target.name, audit.target.size) == ("my-loop", "wide")
    assert audit.comparison is not None
    assert audit.comparison.parity is not None
    assert audit.comparison.parity.passed
    assert audit.target.parameters == {"schedule": "linear"}
    assert "Copies and synchronisations" not in {gap.section for gap in audit.missing}
    convolutions = next(finding for finding in audit.findings if finding.id == "layout-conversion")
    assert {location.file for location in convolutions.locations} == {str(tmp_path / "my_loop.py")}


def test_every_audit_has_its_section_and_every_section_its_audit() -> None:
    titles = re.findall(r"^## (.+)$", (ROOT / "docs" / "audits.md").read_text(), flags=re.MULTILINE)
    assert [title for title in titles if title != "How to write an audit"] == [audit.meta.id for audit in all_audits()]


def test_cures_in_the_audits_page_are_fixes() -> None:
    known = {fix.id for fix in all_fixes()}
    for cure in re.findall(r"^\*Cure\*: (.+)$", (ROOT / "docs" / "audits.md").read_text(), flags=re.MULTILINE):
        assert set(re.findall(r"`([a-z0-9-]+)`", cure.partition("by hand")[0])) <= known


@pytest.mark.parametrize("audit", all_audits(), ids=lambda audit: audit.meta.id)
def test_every_fix_that_an_audit_names_stands_in_its_section(audit: Audit) -> None:
    section = (ROOT / "docs" / "audits.md").read_text().partition(f"## {audit.meta.id}\n")[2].partition("\n## ")[0]
    cures = section.partition("*Cure*: ")[2].partition("by hand")[0]
    for fix in {*audit.meta.fixes, *(fix.id for fix in all_fixes() if audit.meta.id in fix.removes)}:
        assert f"`{fix}`" in cures


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_the_newcomers_commands_come_first() -> None:
    commands = [line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    ")][:2]
    assert commands == [
        "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt . "
        "&& .venv/bin/sdprof audit --target sd21-original",
        "python3 -m venv .venv-tests && .venv-tests/bin/pip install tox && .venv-tests/bin/tox",
    ]
