"""``sdprof view`` from outside: it announces an address on the loopback, serves, and ends when it is told to."""

import builtins
import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sdprof.viewers.cannot_view import CannotViewError
from sdprof.viewers.tensorboard_view import tensorboard
from tests.command import SDPROF, Command, sentence_of
from tests.renderers.samples import SAMPLES


@pytest.mark.parametrize("options", [[], ["--perfetto"]], ids=["tensorboard", "perfetto"])
def test_it_serves_until_it_is_told_to_end(viewed_run: Path, options: list[str]) -> None:
    before = sorted(file.relative_to(viewed_run) for file in viewed_run.rglob("*"))
    with subprocess.Popen(
        [SDPROF, "view", viewed_run, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", running.stdout.readline())
        assert address is not None
        with urllib.request.urlopen(address.group(), timeout=30) as page:
            assert b"<html" in page.read().lower()
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)
    assert running.returncode == 0, said
    assert sorted(file.relative_to(viewed_run) for file in viewed_run.rglob("*")) == before


@pytest.mark.parametrize("options", [[], ["--perfetto"]], ids=["tensorboard", "perfetto"])
def test_a_port_in_use_is_one_sentence(command: Command, viewed_run: Path, options: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = command("view", viewed_run, *options, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "--port" in sentence_of(done)


def test_a_folder_without_traces_is_one_sentence(command: Command, tmp_path: Path) -> None:
    done = command("view", tmp_path)
    assert done.returncode == 1
    assert "no recorded trace" in sentence_of(done)


@pytest.mark.parametrize(
    ("sample", "words"), [("host_trace", "a run of `sdprof trace`"), ("simulation", "a run on the simulated device")]
)
def test_a_run_of_another_kind_is_called_that(command: Command, tmp_path: Path, sample: str, words: str) -> None:
    (tmp_path / "audit.json").write_bytes(msgspec.json.encode(SAMPLES[sample]()))
    for option in ([], ["--perfetto"], ["--speedscope"]):
        done = command("view", tmp_path, *option)
        assert done.returncode == 1
        assert words in sentence_of(done)


@pytest.mark.parametrize(
    ("missing", "words"),
    [("tensorboard", "pip install tensorboard torch-tb-profiler"), ("google", "cannot be used here: No module named")],
)
def test_what_tensorboard_lacks_is_named(
    viewed_run: Path, monkeypatch: pytest.MonkeyPatch, missing: str, words: str
) -> None:
    def lacking(name: str, *arguments: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "tensorboard":
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return imported(name, *arguments, **named)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(CannotViewError, match=words), tensorboard(viewed_run):
        pass


def test_without_a_browser_the_address_is_still_given(viewed_run: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")}
    with subprocess.Popen(
        [SDPROF, "view", viewed_run, "--perfetto", "--open"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**bare, "PATH": ""},
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert "http://127.0.0.1:" in running.stdout.readline()
        assert running.stderr.readline() == "sdprof: No browser was found here; open the address in one.\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0


def test_one_viewer_at_a_time(command: Command, tmp_path: Path) -> None:
    assert command("view", tmp_path, "--perfetto", "--speedscope").returncode == 2
