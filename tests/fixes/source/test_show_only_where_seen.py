"""Numbers for a log or a progress bar are read where they are shown, and nothing else is left out."""

from __future__ import annotations

import pytest

from tests.fixes.source.by_hand import rewritten, site_at

HEAD = "import logging\nfrom tqdm import tqdm\n\nlogger = logging.getLogger(__name__)\n\n"


HEAD += 'def told(n):\n    """As text."""\n    return f"{n:.3f}"\n\n'


def after(body: str, head: str = HEAD) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    text = f"{head}def f(x, n, other):\n    bar = tqdm(range(n))\n    for i in bar:\n{lines}    return x\n"
    site, sources = site_at(
        text, "x.mean().item()", kind="SYNC", op="aten::_local_scalar_dense", shape=(), function="f"
    )
    return rewritten("show-only-where-seen", site, sources)


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        ('logger.info(f"{i}: {x.mean().item():.3f}")', "logger.isEnabledFor(logging.INFO)"),
        ('logger.debug("%d: %s", i, x.mean().item())', "logger.isEnabledFor(logging.DEBUG)"),
        ('logging.info(f"{x.mean().item()}")', "logging.getLogger().isEnabledFor(logging.INFO)"),
        ("logger.info(told(x.mean().item()))", "logger.isEnabledFor(logging.INFO)"),
        ("bar.set_postfix(mean=x.mean().item())", "not bar.disable"),
        ('bar.set_description(f"{x.mean().item():.2f}")', "not bar.disable"),
    ],
)
def test_what_nobody_sees_is_not_read(body: str, condition: str) -> None:
    assert f"        if {condition}:\n            {body}\n" in after(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("other.set_postfix(mean=x.mean().item())", "more than a log"),
        ("other.info(x.mean().item())", "more than a log"),
        ("y = x.mean().item()", "more than a log"),
        ("logger.info(count(x.mean().item()))", "effect"),
        ("logger.info([i := 3, x.mean().item()])", "effect"),
        ("logger.info(x.mean().item()); i = 3", "lines of its own"),
        ('logger.info("""of\n%s""", x.mean().item())', "lines of its own"),
    ],
)
def test_what_may_matter_elsewhere_is_done_as_before(body: str, reason: str) -> None:
    said = after(body)
    assert said.startswith("declined: ")
    assert reason in said


def test_a_call_over_several_lines_is_indented() -> None:
    body = "logging.info(\n    told(x.mean().item()),\n    x.numel(),\n)"
    indented = "".join(f"            {line}\n" for line in body.splitlines())
    assert f"        if logging.getLogger().isEnabledFor(logging.INFO):\n{indented}" in after(body)


def test_what_is_made_for_the_log_alone_goes_with_it() -> None:
    body = "said = dict(\n    step=i, mean=x.mean().item(),\n)\nlogger.debug(told(said))"
    expected = (
        "        if logger.isEnabledFor(logging.DEBUG):\n"
        "            said = dict(\n                step=i, mean=x.mean().item(),\n            )\n"
        "            logger.debug(told(said))\n"
    )
    assert expected in after(body)
    for more in ("print(said)", "logger.info(said)"):
        assert "more than a log" in after(f"{body}\n{more}")
    assert "more than a log" in after("said = x.mean().item()\ni = 3\nlogger.debug(said)")


def test_the_logging_of_absl() -> None:
    head = HEAD.replace("import logging\n", "from absl import logging\n").replace("logging.getLogger(__name__)", "None")
    expected = "if logging.get_absl_logger().isEnabledFor(logging.converter.STANDARD_DEBUG):"
    assert expected in after("logging.debug(x.mean().item())", head)


def test_a_name_that_is_no_logger_of_the_standard_library_is_left_alone() -> None:
    said = after("logger.info(x.mean().item())", HEAD.replace("logging.getLogger(__name__)", "Recorder()"))
    assert "more than a log" in said
