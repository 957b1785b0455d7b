import json

import jsonschema
import msgspec

from sdprof.comparison.plan_structs import CONTROL
from sdprof.facts.facts import Facts
from sdprof.model import AuditResult, Missing, StackSamples, TransferProfile
from sdprof.renderers import json_schema
from sdprof.stages.assemble import assemble
from sdprof.stages.conclude import Measurements
from sdprof.stages.diagnose import Diagnosed
from sdprof.stages.offer import Offer
from sdprof.stages.rewrite import Rewritten
from sdprof.stages.soundness import why_unsound
from tests.stages.made import BUILT, DIFFERENT, REQUEST, finding, fix, fix_result, twice_as_fast

METAS = {"swap": fix("swap", removes=("slow",)), "broken": fix("broken")}
NO_GRAPHS = Missing(section="Graph breaks", reason="Skipped.")


def assembled(
    before: Facts, after: Facts | None = None, *, seen_again: bool = False, measured: Measurements | None = None
) -> AuditResult:
    slow = finding("slow", fixes=("swap",))
    return assemble(
        REQUEST,
        BUILT,
        before=Diagnosed(before, (slow,), (Missing(section="audit x", reason="It needs y."),)),
        after=None if after is None else Diagnosed(after, (slow,) if seen_again else (), ()),
        patched=None,
        rewritten=Rewritten(),
        offered=Offer(),
        measured=measured or twice_as_fast(),
        metas=METAS,
        left_out=(fix_result("tf32"),),
        missing=(NO_GRAPHS,),
        calls_per_run=4,
    )


def test_it_fits_the_schema_even_where_nothing_was_collected() -> None:
    raw = json.loads(msgspec.json.encode(assembled(Facts())))
    schema = json.loads(json_schema.render())
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(raw)] == []


def test_every_fix_has_a_place() -> None:
    assert [result.id for result in assembled(Facts()).fixes] == ["swap", "broken", "tf32"]


def test_findings_are_settled_against_milliseconds_a_step() -> None:
    (slow,) = assembled(Facts()).findings
    assert slow.status == "fixed"
    assert slow.cost is not None
    assert slow.cost.obtained_ms_per_step is not None
    assert abs(slow.cost.obtained_ms_per_step - 250) < 10


def test_what_is_missing_comes_from_everywhere() -> None:
    assert [gap.section for gap in assembled(Facts()).missing] == ["Graph breaks", "audit x"]


def test_sections_are_there_where_one_side_was_seen() -> None:
    transfers = TransferProfile(device="simulated", steps=4, sites=())
    stacks = StackSamples(rate_hz=100, samples=1, stacks=((("run",), 1),), speedscope="", collapsed="")
    result = assembled(Facts(transfers=transfers, stacks=stacks))
    assert result.transfers is not None
    assert result.transfers.baseline is not None
    assert result.transfers.baseline.device == "simulated"
    assert result.transfers.candidate is None
    assert result.graphs is None
    assert result.hot_stacks == stacks


def test_a_target_that_does_not_repeat_itself_is_unsound_and_the_first_thing_missing() -> None:
    sound = twice_as_fast()
    unsound = Measurements(
        plan=sound.plan, batches=sound.batches, records=sound.records, parity={**sound.parity, CONTROL.id: DIFFERENT}
    )
    result = assembled(Facts(), measured=unsound)
    assert result.missing[0].section == "Same output"
    assert result.missing[0].reason == "They differ."
    assert why_unsound(result).startswith("They differ. Return the final tensors")
    assert why_unsound(assembled(Facts())) == ""
