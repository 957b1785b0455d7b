import csv
import io

import pytest

from sdprof.renderers import csv_table
from tests.renderers.samples import ROOT, SAMPLES, faster


def rows(sample: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_table.render(SAMPLES[sample](), root=ROOT), newline="")))


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_finding_is_a_row_and_no_cell_a_formula(sample: str) -> None:
    table = rows(sample)
    assert len(table) == len(SAMPLES[sample]().findings)
    for row in table:
        assert set(row) == set(csv_table.COLUMNS)
        assert not [cell for cell in row.values() if cell.startswith(csv_table.FORMULA)]
        assert "\n" not in "".join(row.values())


def test_numbers_are_those_of_the_audit() -> None:
    finding = faster().findings[0]
    (row,) = [row for row in rows("faster") if row["id"] == finding.id]
    assert finding.cost is not None
    assert float(row["predicted_ms_per_step"]) == finding.cost.predicted_ms_per_step
    assert (row["file"], int(row["line"]), int(row["column"])) == ("attention.py", 212, 19)
    assert int(row["places"]) == len(finding.locations)
