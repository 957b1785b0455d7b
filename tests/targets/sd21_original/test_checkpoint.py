"""The published checkpoint's names and shapes, and one sentence for a file that does not fit."""

import pickle
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.targets.sd21_original.conftest import GOLDEN


@pytest.fixture(scope="module")
def tiny() -> dict[str, object]:
    """A tiny model, its text encoder, and its checkpoint under the published names."""
    from latent_diffusion.diffusion import LatentDiffusion
    from latent_diffusion.random_weights import fill_random
    from latent_diffusion.sizes import SIZES
    from latent_diffusion.text_encoder import TextEncoder, published_names

    size = SIZES["tiny"]
    with torch.device("meta"):
        model, text = LatentDiffusion(size, use_fp16=False), TextEncoder(size.text)
    for module in (model, text):
        module.to_empty(device="cpu")
        fill_random(module, 1)
    own = text.state_dict()
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for theirs, ours in published_names(size.text).items():
        tensors[theirs] = torch.cat([own[name] for name in ours])
    return {"size": size, "model": model, "text": text, "tensors": tensors}


def test_full_size_has_the_published_keys_and_shapes() -> None:
    from latent_diffusion.diffusion import LatentDiffusion
    from latent_diffusion.sizes import SIZES

    with torch.device("meta"):
        model = LatentDiffusion(SIZES["full"], use_fp16=False)
    lines = (GOLDEN / "checkpoint_keys.tsv").read_text().splitlines()[1:]
    published = dict(line.split("\t") for line in lines)
    ours = {name: "x".join(map(str, tensor.shape)) for name, tensor in model.state_dict().items()}
    assert ours == published
    unet = [parameter.numel() for parameter in model.model.parameters()]
    assert (len(unet), sum(unet)) == (686, 865_910_724)
    autoencoder = [parameter.numel() for parameter in model.first_stage_model.parameters()]
    assert (len(autoencoder), sum(autoencoder)) == (248, 83_653_863)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_checkpoint_goes_in_under_its_published_names(tiny: dict, tmp_path: Path, suffix: str) -> None:
    from latent_diffusion.checkpoint_file import load_checkpoint, read_checkpoint
    from latent_diffusion.diffusion import LatentDiffusion
    from latent_diffusion.text_encoder import TextEncoder

    unused = {
        "betas": torch.zeros(1000),
        "model_ema.decay": torch.zeros(()),
        "cond_stage_model.model.logit_scale": torch.zeros(()),
        "cond_stage_model.model.transformer.resblocks.1.ln_1.weight": torch.zeros(64),
    }
    file = tmp_path / f"weights{suffix}"
    if suffix == ".ckpt":
        torch.save({"state_dict": {**tiny["tensors"], **unused}, "global_step": 3}, file)
    else:
        save_file({**tiny["tensors"], **unused}, file)
    with torch.device("meta"):
        model, text = LatentDiffusion(tiny["size"], use_fp16=False), TextEncoder(tiny["size"].text)
    model.to_empty(device="cpu")
    text.to_empty(device="cpu")
    load_checkpoint(read_checkpoint(file), model, text, tiny["size"])
    for ours, original in ((model, tiny["model"]), (text, tiny["text"])):
        loaded = dict(ours.named_parameters())
        assert loaded
        for name, tensor in original.named_parameters():
            assert torch.equal(loaded[name], tensor), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda tensors: tensors.pop("model.diffusion_model.out.2.bias"),
            "lacks 1 key: model.diffusion_model.out.2.bias",
        ),
        (lambda tensors: [tensors.pop(key) for key in list(tensors)[:10]], "and 7 more"),
        (lambda tensors: tensors.update(odd=torch.zeros(1)), "has unknown 1 key: odd"),
        (lambda tensors: tensors.update({"odd.attn_mask": torch.zeros(1)}), "has unknown 1 key: odd.attn_mask"),
        (
            lambda tensors: tensors.update({"model.diffusion_model.out.2.bias": torch.zeros(4, dtype=torch.int64)}),
            "has non-floating 1 tensor: model.diffusion_model.out.2.bias",
        ),
        (
            lambda tensors: tensors.update({"model.diffusion_model.out.2.bias": torch.zeros(9)}),
            "model.diffusion_model.out.2.bias is 9 and should be 4",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_one_sentence(tiny: dict, change: object, words: str) -> None:
    from latent_diffusion.checkpoint_file import CheckpointError, load_checkpoint

    tensors = dict(tiny["tensors"])
    change(tensors)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tensors, tiny["model"], tiny["text"], tiny["size"])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def refusal(file: Path) -> str:
    from latent_diffusion.checkpoint_file import CheckpointError, read_checkpoint

    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"weights{suffix}"
    assert "There is no checkpoint file" in refusal(file)
    for content in (b"", b"this is no checkpoint", pickle.dumps({"state_dict": {}})):
        file.write_bytes(content)
        assert "cannot be read" in refusal(file)
    file.unlink()
    file.mkdir()
    assert "There is no checkpoint file" in refusal(file)


@pytest.mark.parametrize("content", [torch.zeros(3), {"state_dict": torch.zeros(3)}, {"state_dict": [1]}])
def test_a_file_of_something_else_is_one_sentence(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "weights.ckpt")
    assert "instead of tensors by name" in refusal(tmp_path / "weights.ckpt")


@given(suffix=st.sampled_from([".safetensors", ".ckpt"]), cut=st.floats(0, 1), flip=st.integers(0, 255), seed=st.data())
@settings(max_examples=80, deadline=None)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, cut: float, flip: int, seed: st.DataObject
) -> None:
    from latent_diffusion.checkpoint_file import CheckpointError, read_checkpoint

    file = tmp_path_factory.mktemp("damaged") / f"weights{suffix}"
    tensors = {"a.weight": torch.ones(5, 3), "a.bias": torch.zeros(5)}
    save_file(tensors, file) if suffix == ".safetensors" else torch.save({"state_dict": tensors}, file)
    content = bytearray(file.read_bytes())
    content[seed.draw(st.integers(0, len(content) - 1))] ^= flip
    file.write_bytes(content[: round(cut * len(content))] if cut < 0.5 else content)
    try:
        read = read_checkpoint(file)
    except CheckpointError as error:
        sentence = str(error)
    else:
        sentence = ""
        assert all(isinstance(tensor, torch.Tensor) for tensor in read.values())
    assert "\n" not in sentence


def test_a_pickle_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.ckpt")
    message = refusal(tmp_path / "evil.ckpt")
    assert "could run code" in message
    assert "weights_only" not in message
    assert not (tmp_path / "ran").exists()


def test_a_file_that_claims_to_be_one_of_several_disks_is_refused(tmp_path: Path) -> None:
    from latent_diffusion.checkpoint_file import CheckpointError, read_checkpoint

    file = tmp_path / "weights.ckpt"
    locator = b"PK\x06\x07" + struct.pack("<LQL", 1, 0, 2)
    file.write_bytes(b"\0" * 100 + locator + b"PK\x05\x06" + b"\0" * 18)
    with pytest.raises(CheckpointError, match="nor a complete file"):
        read_checkpoint(file)
