from sdprof.fixes.registry import all_fixes
from sdprof.stages.timed_as_one import timed_as_one

FIXES = tuple(all_fixes())


def test_on_a_cpu_what_only_moves_data_is_one_variant():
    alone = {fix.id: fix for fix in FIXES}
    together = {fix.id: set(fix.requires) for fix in timed_as_one(FIXES, "cpu") if fix != alone[fix.id]}
    assert together["create-on-device"] == together.keys() - {"create-on-device"}
    assert {"keep-scalar-on-device", "one-kind-of-table", "print-out-of-loop"} <= together.keys()
    assert not {"fused-attention", "silu", "drop-zero-noise", "checkpoint-bypass", "sdpa"} & together.keys()


def test_on_cuda_each_is_timed_alone():
    assert timed_as_one(FIXES, "cuda") == FIXES
