import msgspec

from sdprof.renderers.fingerprint import fingerprint
from tests.renderers.samples import ROOT, faster

FINDING = faster().findings[0]


def test_it_survives_lines_above_it_and_another_machine() -> None:
    moved = msgspec.structs.replace(
        FINDING.locations[0], line=900, end_line=900, file="/ci/checkout/sd21_original/attention.py"
    )
    again = msgspec.structs.replace(FINDING, locations=(moved,), status="open", cost=None)
    assert fingerprint(again, ("/ci/checkout/sd21_original",)) == fingerprint(FINDING, (ROOT,))


def test_other_code_is_another_finding() -> None:
    other = msgspec.structs.replace(FINDING.locations[0], code="y.item()")
    assert fingerprint(msgspec.structs.replace(FINDING, locations=(other,))) != fingerprint(FINDING)


def test_a_finding_without_a_place_goes_by_rule_and_region() -> None:
    homeless = msgspec.structs.replace(FINDING, locations=())
    assert fingerprint(homeless) != fingerprint(msgspec.structs.replace(homeless, region="vae"))
