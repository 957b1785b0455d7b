"""What is looked at again after the fixes."""

from sdprof.stages.variants import uncompiled


def test_what_only_compiles_leaves_nothing_to_look_at_again():
    assert uncompiled(("keep-scalar-on-device", "sdpa", "compile-regional")) == ("keep-scalar-on-device", "sdpa")
    assert uncompiled(("openvino",)) == ()
