import subprocess
import sys

import pytest

from sdprof.fixes.registry import FixSelectionError, all_fixes, fix_module, in_order


def test_listing_fixes_imports_no_torch():
    code = (
        "import sys, sdprof.fixes.registry as r; names = [m.id for m in r.all_fixes()]; "
        "assert 'torch' not in sys.modules and 'openvino' not in sys.modules; print(len(names))"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(listed.stdout) == len(all_fixes()) > 10


def test_every_fix_is_named_after_its_file_and_can_be_applied():
    for meta in all_fixes():
        if meta.kind == "source":
            continue  # tests/fixes/source/test_registry.py
        module = fix_module(meta.id)
        assert module.__name__ == f"sdprof.fixes.{meta.id.replace('-', '_')}"
        assert callable(module.apply)
        assert meta.title
        assert set(meta.devices) <= {"cpu", "cuda"}


def test_an_unknown_fix_is_answered_with_near_names():
    with pytest.raises(FixSelectionError, match="no fix 'chanels-last': did you mean channels-last"):
        fix_module("chanels-last")
    with pytest.raises(FixSelectionError, match="sdprof fixes"):
        fix_module("zzzz")


def test_modules_are_swapped_before_they_are_compiled():
    ids = [meta.id for meta in in_order(["compile", "channels-last", "sdpa", "inference-mode", "checkpoint-bypass"])]
    assert ids == ["checkpoint-bypass", "inference-mode", "sdpa", "channels-last", "compile"]


def test_fixes_of_one_group_exclude_each_other():
    with pytest.raises(FixSelectionError, match="exclude each other"):
        in_order(["compile", "prepacked-weights"])
    with pytest.raises(FixSelectionError, match="exclude each other"):
        in_order(["sdpa", "sdpa-math"])


def test_what_does_nothing_in_compiled_code_excludes_compiling():
    known = {meta.id for meta in all_fixes()}
    assert all(set(meta.excludes) <= known for meta in all_fixes())
    with pytest.raises(FixSelectionError, match="exclude each other"):
        in_order(["compile-regional", "cached-invariant-calls"])
