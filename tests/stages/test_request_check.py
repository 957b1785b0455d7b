from pathlib import Path

import msgspec
import pytest

from sdprof.stages.request_check import WrongCallError, checked_request
from sdprof.target import TargetDeclaration
from tests.stages.made import REQUEST

TARGET = TargetDeclaration("loop", "A loop", ("tiny", "full"))


def check(declaration: TargetDeclaration = TARGET, settings: tuple[str, ...] = (), **given: object) -> dict[str, str]:
    options = {
        **REQUEST.options,
        **{name: given.pop(name) for name in ("size", "dtype", "device", "weights") if name in given},
    }
    request = msgspec.structs.replace(REQUEST, options=options, **given)
    return checked_request(request, declaration, settings).extra


def test_settings_become_names_and_values() -> None:
    assert check(settings=("sampler=ddim", "prompt=a=b", "empty=")) == {"sampler": "ddim", "prompt": "a=b", "empty": ""}


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:3"])
def test_devices_there_may_be(device: str) -> None:
    assert check(device=device) == {}


def test_a_checkpoint_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    assert check(weights=str(tmp_path / "model.safetensors")) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": "ful"}, "There is no size 'ful': choose from full, tiny; did you mean full?"),
        ({"dtype": "fp32"}, "There is no dtype 'fp32'"),
        ({"device": "mps"}, "There is no device 'mps'"),
        ({"device": "cuda:"}, "There is no device 'cuda:'"),
        ({"weights": "/nowhere"}, "The checkpoint /nowhere is not there."),
        ({"only_fixes": ("sdpa", "spda")}, "There is no fix 'spda'"),
        ({"lossy_fixes": ("sdpa",)}, "The fix sdpa is not lossy"),
        ({"without_collectors": ("stack",)}, "did you mean stacks?"),
        ({"settings": ("sampler",)}, "--set takes NAME=VALUE, not 'sampler'."),
        ({"settings": ("=ddim",)}, "--set takes NAME=VALUE, not '=ddim'."),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(WrongCallError) as refused:
        check(**given)
    assert words in str(refused.value)


def test_a_target_of_one_size_takes_none() -> None:
    with pytest.raises(WrongCallError, match="has but one size; leave --size away"):
        check(TargetDeclaration("loop", ""), size="tiny")
