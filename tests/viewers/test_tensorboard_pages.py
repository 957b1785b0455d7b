"""What the event files hold, read back by TensorBoard's own reader."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from sdprof.renderers.step_time import step_times
from sdprof.viewers.profiler_plugin import PAGES, STAND_INS
from sdprof.viewers.tensorboard_pages import write_pages
from tests.renderers.samples import SAMPLES, faster


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def text_of(folder: Path, tag: str) -> str:
    (event,) = read(folder).Tensors(tag)
    (text,) = event.tensor_proto.string_val
    return str(text.decode())


def test_texts_tell_verdict_findings_and_fixes(tmp_path: Path) -> None:
    write_pages(faster(), tmp_path)
    assert "1.70 times as fast" in text_of(tmp_path / "before", "1 result")
    assert "Attention writes its score matrices to memory" in text_of(tmp_path / "before", "2 findings")
    assert "`sdpa`" in text_of(tmp_path / "after", "3 fixes")


def test_each_measured_variant_is_a_session_with_its_numbers(tmp_path: Path) -> None:
    write_pages(faster(), tmp_path)
    measured = [variant for variant in faster().variants if variant.timing is not None]
    sessions = sorted(folder for folder in (tmp_path / "variants").iterdir() if folder.is_dir())
    assert len(sessions) == len(measured)
    for folder, variant in zip(sessions, measured, strict=True):
        events = read(folder)
        (content,) = [events.SummaryMetadata(tag).plugin_data.content for tag in events.PluginTagToContent("hparams")]
        start = HParamsPluginData.FromString(content).session_start_info
        assert {name for name, value in start.hparams.items() if value.bool_value} == set(variant.fixes)
        assert start.group_name == f"{folder.name} {variant.label}"
        (step,) = events.Tensors("ms_per_step")
        assert step.tensor_proto.float_val[0] == pytest.approx(step_times(faster()).of(variant), rel=1e-5)


@pytest.mark.parametrize("sample", [name for name in SAMPLES if name != "huge"])
def test_every_audit_has_its_pages(tmp_path: Path, sample: str) -> None:
    write_pages(SAMPLES[sample](), tmp_path)
    assert SAMPLES[sample]().target.name[:3] in text_of(tmp_path / "before", "1 result")


@pytest.mark.parametrize("page", STAND_INS)
def test_the_plugin_still_asks_for_what_we_stand_in_for(page: str) -> None:
    assert (PAGES / page).read_bytes().count(STAND_INS[page][0]) == 1
