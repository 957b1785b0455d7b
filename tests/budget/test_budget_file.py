import re
from pathlib import Path

import pytest

from sdprof.budget.budget_file import BudgetError, Limits, read_budget


def written(folder: Path, text: str) -> Path:
    file = folder / "budget.toml"
    file.write_text(text)
    return file


def test_a_targets_own_limits_go_first(tmp_path: Path) -> None:
    budget = read_budget(
        written(tmp_path, "[limits]\ngraph_breaks = 0\nms_per_step = 50\n[targets.small]\ngraph_breaks = 3\n")
    )
    assert budget.limits_of("other") == Limits(graph_breaks=0, ms_per_step=50)
    assert budget.limits_of("small") == Limits(graph_breaks=3, ms_per_step=50)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limits]\ngraph_brakes = 0", "graph_brakes"),
        ("[limits]\ngraph_breaks = -1", "-1|>= 0"),
        ("[limits]\nsyncs_per_step = 'none'", "Expected `float"),
        ("[limits]\nms_per_step = nan", r"limits\.ms_per_step"),
        ("[targets.small]\ngraph_breaks = inf", "graph_breaks in .targets.small. is inf"),
        ("[limit]\nx = 1", "limit"),
        ("not toml", "is not TOML"),
        ("", "sets no limit"),
        ("[limits]\n", "sets no limit"),
    ],
)
def test_what_is_no_budget_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BudgetError, match=words) as caught:
        read_budget(written(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("my-lop", (), ("my-lop", "my-loop")),
        ("my-loops", ("my-loops",), None),
        ("something-else", (), None),
        ("my-loop", (), None),
    ],
)
def test_a_slip_in_a_targets_name_is_told_from_a_target_that_is_checked_elsewhere(
    tmp_path: Path, name: str, known: tuple[str, ...], meant: tuple[str, str] | None
) -> None:
    budget = read_budget(written(tmp_path, f"[targets.{name}]\nms_per_step = 1\n"))
    assert budget.mistyped(["my-loop"], known) == meant


def test_a_budget_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="cannot be read"):
        read_budget(tmp_path / "none.toml")


def test_the_documented_budget_names_every_limit(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "check.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    budget = read_budget(written(tmp_path, example))
    unset = {name for name in Limits.__struct_fields__ if getattr(budget.limits, name) is None}
    assert unset == {"side", "unmeasured"}
    assert all(f'{name} = "' in page for name in unset)
