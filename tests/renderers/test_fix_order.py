from sdprof.renderers.fix_order import in_reading_order, not_tried, was_not_tried
from tests.renderers.samples import faster


def test_applied_fixes_come_first_and_untried_ones_last() -> None:
    shown = in_reading_order(reversed(faster().fixes))
    places = [0 if fix.applied else 2 if was_not_tried(fix) else 1 for fix in shown]
    assert places == sorted(places)
    assert {fix.id for fix in shown} == {fix.id for fix in faster().fixes}


def test_untried_fixes_are_named_by_reason() -> None:
    assert not_tried(faster().fixes) == {
        "Cures CUDA only: it is in the patch.": ("scalar-on-device",),
        "Acts on CUDA only; this ran on the CPU.": ("tf32",),
    }
