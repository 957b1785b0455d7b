"""An autograd function that runs without grad is found at the expression that calls it."""

from sdprof.audits.checkpoint_in_inference import audit
from tests.audits.census import facts, site


def test_names_the_function_and_the_module() -> None:
    (finding,) = audit(facts(site("autograd::CheckpointFunction", module_class="ResBlock"), site("aten::mm")))
    assert finding.evidence == {"autograd_function": "CheckpointFunction", "module_class": "ResBlock"}
    assert finding.locations[0].line == 10


def test_plain_operators_pass() -> None:
    assert not list(audit(facts(site("aten::mm"))))
