"""``sdprof view`` from outside: it announces an address on the loopback, serves, and ends when it is told to."""

import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.command import SDPROF, Command, sentence_of


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


def test_one_viewer_at_a_time(command: Command, tmp_path: Path) -> None:
    assert command("view", tmp_path, "--perfetto", "--speedscope").returncode == 2
