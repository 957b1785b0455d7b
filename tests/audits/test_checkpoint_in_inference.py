"""An autograd function that runs without grad is found at the expression that calls it."""

from sdprof.audits.checkpoint_in_inference import audit
from tests.audits.census import facts, site


def test_names_the_function_and_the_module() -> None:
    (finding,) = audit(facts(site("autograd::CheckpointFunction", module_class="ResBlock"), site("aten::mm")))
    assert finding.evidence == {"autograd_function": "CheckpointFunction", "module_class": "ResBlock"}
    assert finding.locations[0].line == 10


def test_an_expression_that_calls_blocks_of_several_classes_is_told_once() -> None:
    sites = [site("autograd::CheckpointFunction", module_class=name) for name in ("ResBlock", "TransformerBlock")]
    (finding,) = audit(facts(*sites))
    assert finding.evidence["module_class"] == "ResBlock, TransformerBlock"
    assert finding.count_per_step == sum(each.calls_per_step for each in sites)


def test_plain_operators_pass() -> None:
    assert not list(audit(facts(site("aten::mm"))))
