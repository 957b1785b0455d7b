import json
import os

import psutil
import pytest

from sdprof.collectors import py_spy, stacks
from sdprof.collectors.watched_run import CannotCollectError

SPIN = """
import time

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

def denoise(y, t):
    spin(0.1)  # work
    return net(y, t)

@torch.no_grad()
def sample(y):
    spin(0.05)  # set-up
    for t in range(4):
        y = denoise(y, t)  # loop
    spin(0.05)  # aftermath
    return y

def run():
    return sample(x)
"""


@pytest.fixture
def fake_py_spy(tmp_path, monkeypatch):
    """Have a shell script in the place of py-spy."""

    def install(script):
        program = tmp_path / "py-spy"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        monkeypatch.setattr(stacks, "find_py_spy", lambda: program)

    return install


def test_the_loop_is_sampled_and_nothing_else(watch, line_of):
    watched = watch(SPIN)
    profile = stacks.collect(watched)
    file = watched.source_roots[0]
    text = "\n".join(";".join(frames) for frames, _ in profile.stacks)
    loop_lines = {line_of(watched, "for t in"), line_of(watched, "# loop")}

    assert profile.rate_hz == 200
    assert profile.samples > 50
    assert profile.samples == sum(count for _, count in profile.stacks)
    for frames, _ in profile.stacks:
        assert frames[0].startswith(f"run ({file}:")
        assert frames[1] in {f"sample ({file}:{line})" for line in loop_lines}
    assert f"denoise ({file}:{line_of(watched, '# work')});spin ({file}:" in text
    assert "py_spy.py" not in text
    assert "_call_impl" not in text
    assert "decorate_context" not in text


def test_side_files(watch):
    watched = watch(SPIN)
    profile = stacks.collect(watched)
    speedscope = json.loads((watched.folder / profile.speedscope).read_text())
    collapsed = (watched.folder / profile.collapsed).read_text().splitlines()

    assert len(speedscope["profiles"][0]["samples"]) == profile.samples
    assert len(collapsed) == len(profile.stacks)
    assert sum(int(line.rpartition(" ")[2]) for line in collapsed) == profile.samples


def test_a_waiting_thread_is_sampled(watch):
    watched = watch(SPIN.replace("while time.perf_counter() < end:\n        pass", "time.sleep(seconds)"))

    assert stacks.collect(watched).samples > 50


def test_the_rate_is_a_setting(watch):
    watched = watch(SPIN, options={"stacks.rate_hz": "50"})
    profile = stacks.collect(watched)

    assert profile.rate_hz == 50
    speedscope = json.loads((watched.folder / profile.speedscope).read_text())
    assert set(speedscope["profiles"][0]["weights"]) == {0.02}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "Permission Denied: Try running again with elevated permissions by going 'sudo env'",
            "py-spy may not look at this process",
        ),
        (
            "Error: Failed to get process executable name. Check that the process is running.\n"
            "Reason: Permission denied (os error 13)",
            "CAP_SYS_PTRACE",
        ),
        ("Error: Failed to suspend process\nReason: EPERM: Operation not permitted", "seccomp"),
        ("Error: something new", "py-spy failed: Error: something new"),
        ("", "py-spy failed: no word"),
    ],
)
def test_refusals_become_sentences(watch, fake_py_spy, said, reason):
    watched = watch(SPIN)
    fake_py_spy(f"cat >&2 <<'END'\n{said}\nEND\nexit 1\n")

    with pytest.raises(CannotCollectError) as caught:
        stacks.collect(watched)
    assert reason in caught.value.reason
    assert caught.value.remedy
    assert list(watched.folder.iterdir()) == []


def test_a_py_spy_that_hangs_is_ended(watch, fake_py_spy, monkeypatch):
    watched = watch(SPIN)
    monkeypatch.setattr(py_spy, "ATTACH_SECONDS", 0.3)
    fake_py_spy("exec sleep 60\n")

    with pytest.raises(CannotCollectError, match="did not begin to sample"):
        stacks.collect(watched)
    assert not [child for child in psutil.Process().children() if "sleep" in child.name()]


def test_a_py_spy_that_does_not_stop_is_ended(watch, fake_py_spy, monkeypatch):
    watched = watch(SPIN)
    monkeypatch.setattr(py_spy, "STOP_SECONDS", 0.3)
    fake_py_spy("trap '' INT\necho 'py-spy> Sampling process 200 times a second.'\nwhile true; do sleep 0.1; done\n")

    with pytest.raises(CannotCollectError, match="did not write its samples"):
        stacks.collect(watched)


def test_a_py_spy_that_fails_underway(watch, fake_py_spy):
    watched = watch(SPIN)
    fake_py_spy("echo 'py-spy> Sampling process 200 times a second.'\necho 'Error: No child process' >&2\nexit 1\n")

    with pytest.raises(CannotCollectError, match="py-spy failed: Error: No child process"):
        stacks.collect(watched)


def test_py_spy_is_missing(monkeypatch):
    monkeypatch.setattr(py_spy.shutil, "which", lambda *_args, **_named: None)

    with pytest.raises(CannotCollectError, match="py-spy is not installed") as caught:
        py_spy.find_py_spy()
    assert caught.value.remedy == "Install it: pip install py-spy"


def test_no_process_stays_when_the_run_raises(watch):
    watched = watch(SPIN)
    run, calls = watched.run, []

    def failing():
        run()
        calls.append(os.getpid())
        raise ValueError("in the loop")

    object.__setattr__(watched, "run", failing)
    with pytest.raises(ValueError, match="in the loop"):
        stacks.collect(watched)
    assert not [child for child in psutil.Process().children() if "py-spy" in child.name()]


def test_a_loop_without_calls(watch):
    watched = watch("def run(): return x")

    with pytest.raises(CannotCollectError, match="nothing to sample"):
        stacks.collect(watched)


@pytest.mark.parametrize("text", ["fast", "0", "5000", "-3", "1.5", "٣"])
def test_a_rate_that_is_none(watch, text):
    with pytest.raises(CannotCollectError, match=r"stacks\.rate_hz") as caught:
        stacks.collect(watch(SPIN, options={"stacks.rate_hz": text}))
    assert caught.value.remedy == "Give it a whole number from 1 to 1000."
