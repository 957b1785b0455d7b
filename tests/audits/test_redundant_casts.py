"""A cast of size inside the loop is found with its bytes; a small one, or a copy, is not."""

import pytest

from sdprof.audits.redundant_casts import audit
from tests.audits.census import facts, site


def cast(**fields: object) -> object:
    values = {"input_dtypes": ("float16",), "output_dtype": "float32", "output_bytes": 4 * 2**20}
    return site("aten::_to_copy", **{**values, **fields})


def test_finds_the_cast() -> None:
    (finding,) = audit(facts(cast()))
    assert finding.evidence["from_dtype"] == "float16"
    assert finding.evidence["to_dtype"] == "float32"
    assert finding.evidence["mib_per_step"] == 1.0
    assert finding.cost is not None
    assert finding.cost.predicted_ms_per_step == pytest.approx(1e3 * 2 * 2**20 / 1e10)


def test_without_known_peaks_there_is_no_prediction() -> None:
    (finding,) = audit(facts(cast(), peaks=None))
    assert finding.cost is None


@pytest.mark.parametrize("fields", [{"output_bytes": 1024}, {"output_dtype": "float16"}])
def test_small_casts_and_plain_copies_are_left_alone(fields: dict[str, object]) -> None:
    assert not list(audit(facts(cast(**fields))))
