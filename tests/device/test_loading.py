"""Files that were saved on a GPU."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from sdprof.device import Simulation, simulate


def saved_on_gpu(path: Path, content: Any, device: str = "cuda:0") -> Path:
    """A file like one that a GPU's run wrote: torch.save's archive with the storages' place written over."""
    torch.save(content, path)
    written = path.with_suffix(".gpu.pt")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("data.pkl"):
                host, place = (b"X" + len(text).to_bytes(4, "little") + text.encode() for text in ("cpu", device))
                assert host in data
                data = data.replace(host, place)
            target.writestr(name, data)
    return written


def test_what_was_saved_here_goes_back_to_where_it_was(device: Simulation, tmp_path: Path) -> None:
    on_device, on_host = torch.ones(3, device="cuda"), torch.zeros(2)
    for file in (tmp_path / "state.pt", str(tmp_path / "named.pt"), io.BytesIO()):
        torch.save({"a": on_host, "b": on_device, "again": on_device}, file)
        if isinstance(file, io.BytesIO):
            file.seek(0)
        loaded = torch.load(file)
        assert [loaded[name].device.type for name in ("a", "b", "again")] == ["cpu", "cuda", "cuda"]
    assert [event.kind for event in device.events] == ["D2H", "H2D"] * 3
    file.seek(0)
    assert torch.load(file, map_location="cpu")["b"].device.type == "cpu"
    torch.save(on_host, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt").device.type == "cpu"


def test_files_of_a_simulation_are_read_without_one(tmp_path: Path) -> None:
    with simulate():
        torch.save(torch.ones(3, device="cuda"), tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt").tolist() == [1.0] * 3


def test_tensors_go_back_to_the_gpu_that_they_were_saved_on(device: Simulation, tmp_path: Path) -> None:
    shared = torch.ones(3)
    content = {"a": shared, "again": shared, "parameter": torch.nn.Parameter(torch.ones(2)), "number": 3}
    path = saved_on_gpu(tmp_path / "model.pt", content)
    loaded = torch.load(path)
    assert loaded["a"].device == torch.device("cuda", 0)
    assert loaded["a"] is loaded["again"]
    assert isinstance(loaded["parameter"], torch.nn.Parameter)
    assert loaded["parameter"].is_cuda
    assert loaded["parameter"].is_leaf
    assert loaded["number"] == 3
    assert [event.kind for event in device.events] == ["H2D", "H2D"]


def test_map_location_rules_over_the_file(device: Simulation, tmp_path: Path) -> None:
    path = saved_on_gpu(tmp_path / "model.pt", [torch.ones(3)], "cuda:1")
    with pytest.raises(RuntimeError, match="deserialize object on CUDA device 1"):
        torch.load(path)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.load(path, map_location="cuda:1")
    assert torch.load(path, map_location="cpu")[0].device.type == "cpu"
    assert torch.load(path, map_location=lambda storage, location: storage)[0].device.type == "cpu"
    assert torch.load(path, map_location={"cuda:1": "cpu"})[0].device.type == "cpu"
    assert torch.load(path, map_location={"cuda:1": "cuda:0"})[0].is_cuda
    assert torch.load(path, map_location="cuda")[0].is_cuda


def test_a_whole_module(device: Simulation, tmp_path: Path) -> None:
    path = saved_on_gpu(tmp_path / "model.pt", torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)))
    model = torch.load(path, weights_only=False)
    assert {each.device.type for each in (*model.parameters(), *model.buffers())} == {"cuda"}
    assert model(torch.ones(3, 2, device="cuda")).is_cuda
