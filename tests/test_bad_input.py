"""Wrong calls, targets that go wrong in every way, and machines that lack something: a sentence each, no traceback."""

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sdprof import cli
from tests.command import SDPROF, Command, all_but, sdprof, sentence_of

HEAD = """
import ctypes, os, pathlib, sys, time, torch, sdprof
model = torch.nn.Linear(4, 4)

@sdprof.target("bad")
def build(options):
    return sdprof.Workload(run=run, hot_modules={"m": model})
"""
LOOP = """
@torch.no_grad()
def loop():
    x = torch.ones(2, 4)
    for _ in range(3):
        x = model(x)
        for _ in range(120):
            x = x * 0.9
    return x
"""
TARGET = "bad_target.py"
QUICK = ("--quick", "--budget", "1", "--fix", "inference-mode")


def write(folder: Path, text: str, name: str = "bad_target.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def audit_of(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "audit.json").read_text())
    return read


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say what to audit with --target"),
        (["--target", "sd21-orginal"], "Did you mean sd21-original?"),
        (["--target", "no_such_file.py"], "no folder or file of that name"),
        (["--target", "sd21-original", "--size", "tinny"], "There is no size 'tinny'"),
        (["--target", "sd21-original", "--fix", "compil"], "did you mean compile?"),
        (["--target", "sd21-original", "--without-fix", "nothing"], "There is no fix 'nothing'"),
        (["--target", "sd21-original", "--allow-lossy", "compile"], "is not lossy"),
        (["--target", "sd21-original", "--skip", "stack"], "did you mean stacks?"),
        (["--target", "sd21-original", "--device", "gpu"], "There is no device 'gpu'"),
        (["--target", "sd21-original", "--device", "cuda:one"], "There is no device 'cuda:one'"),
        (["--target", "sd21-original", "--dtype", "int8"], "There is no dtype 'int8'"),
        (["--target", "sd21-original", "--set", "sampler"], "--set takes NAME=VALUE, not 'sampler'"),
        (["--target", "sd21-original", "--weights", "nowhere.ckpt"], "nowhere.ckpt is not there"),
        (["--resume", "nowhere"], "nowhere is not an audit's folder"),
        (["--resume", ".", "--steps", "3"], "leave --steps away"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_written(
    command: Command, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = command("audit", *arguments)
    assert words in sentence_of(done)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_none_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("audit", "--target", "sd21-original", "--steps", "many")
    assert done.returncode == 2
    assert "Invalid value for '--steps'" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def build(:\n", "is not valid Python"),
        ("x = 1\n", "declares no target"),
        (
            "import sdprof\n@sdprof.target('a')\ndef a(o): ...\n@sdprof.target('b')\ndef b(o): ...\n",
            "declares 2 targets",
        ),
        ("import sdprof\nname = 'a'\n@sdprof.target(name)\ndef a(o): ...\n", "must be literals"),
    ],
)
def test_a_file_that_is_no_target_is_refused(command: Command, tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, text)
    done = command("audit", "--target", "bad_target.py", "--out", "out")
    assert words in sentence_of(done)
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("used", "is not empty; name another one with --out, or use --resume"),
        ("file", "is a file, not a folder"),
        ("file/below", "is not a folder"),
        ("locked/out", "cannot be written"),
    ],
)
def test_an_output_folder_that_cannot_be_used_is_refused(
    command: Command, tmp_path: Path, out: str, words: str
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    folder = "/proc/out" if out.startswith("locked") and os.access(tmp_path / "locked", os.W_OK) else out
    done = command("audit", "--target", "sd21-original", "--quick", "--out", folder)
    assert words in sentence_of(done)
    assert done.returncode == 2
    assert (tmp_path / "used" / "notes.txt").read_text() == (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module\n" + HEAD, "import raised ModuleNotFoundError: No module named 'no_such_module'"),
        (HEAD.replace("return sdprof", "raise OSError('no such GPU')\n    return sdprof"), "build raised OSError"),
        (HEAD + "def run():\n    raise ValueError('the schedule is empty')\n", "ValueError: the schedule is empty"),
        (HEAD + "def run():\n    sys.exit(3)\n", "called sys.exit(3) in its run"),
        (HEAD + "def run():\n    os._exit(7)\n", "ended itself with exit code 7"),
        (HEAD + "def run():\n    ctypes.string_at(0)\n", "crashed with SIGSEGV"),
        (HEAD + "def run():\n    print('asleep', flush=True)\n    time.sleep(900)\n", "no answer within 10 s"),
    ],
    ids=["import", "build", "run", "exit", "_exit", "segfault", "hang"],
)
def test_a_target_that_does_not_run_fails_the_audit(command: Command, tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, text)
    timeout = ("--timeout", "10") if "sleep" in text else ()
    done = command("audit", "--target", "bad_target.py", "--out", "out", *QUICK, *timeout)
    sentence = sentence_of(done)
    assert words in sentence
    assert "failure.txt" in sentence
    assert done.returncode == 1
    assert {file.name for file in (tmp_path / "out").iterdir()} <= {"manifest.json", "failure.txt", "artifacts"}
    detail = (tmp_path / "out" / "failure.txt").read_text()
    assert ("Traceback" in detail) == ("raised" in words or "Value" in words or "sys.exit" in words)
    assert ("asleep" in detail) == ("answer" in words)


def test_a_broken_checkpoint_fails_the_audit(command: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(os.urandom(4096))
    arguments = ("--target", "sd21-original", "--size", "tiny", "--weights", "broken.safetensors", "--out", "out")
    done = command("audit", *arguments)
    assert "broken.safetensors" in sentence_of(done)
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("return {'latents': loop() * float('nan')}", "Output 'latents' holds NaN or infinite values"),
        ("loop()", "returned no tensors with values in them"),
        ("return loop() + int.from_bytes(os.urandom(2), 'big')", "two runs of the baseline differ"),
    ],
    ids=["NaN", "nothing", "random"],
)
def test_outputs_that_vouch_for_nothing_are_said_to(command: Command, tmp_path: Path, run: str, words: str) -> None:
    write(tmp_path, HEAD + LOOP + f"def run():\n    {run}\n")
    skip = all_but("loop", "operators")
    done = command("audit", "--target", "bad_target.py", "--out", "out", *QUICK, *skip)
    assert words in sentence_of(done)
    assert done.returncode == 1
    audit = audit_of(tmp_path / "out")
    assert words in audit["missing"][0]["reason"]
    assert audit["comparison"]["candidate"] is None
    assert not audit["comparison"]["parity"]["passed"]
    assert words in audit["comparison"]["parity"]["reason"]
    assert not any(fix["applied"] for fix in audit["fixes"])
    assert (tmp_path / "out" / "report.html").is_file()


def test_what_a_machine_lacks_costs_its_own_section_only(tmp_path: Path) -> None:
    """No compiler, py-spy refused, a talkative target: all in one audit."""
    stub = write(
        tmp_path, "#!/bin/sh\necho 'Permission Denied: Try running again with elevated permissions' >&2\nexit 1\n"
    )
    stub = stub.rename(tmp_path / "py-spy")
    stub.chmod(0o755)
    refused = f"import sdprof.collectors.stacks as stacks\nstacks.find_py_spy = lambda: pathlib.Path({str(stub)!r})\n"
    talk = "def run():\n    for _ in range(200):\n        print('x' * 10_000)\n    return loop()\n"
    write(tmp_path, HEAD + refused + LOOP + talk)
    fixes = ("--fix", "compile", "--fix", "compile-freezing", "--budget", "1")
    skip = all_but("loop", "operators", "stacks", "modules")
    environment = {"CXX": "no-such-compiler", "PATH": str(tmp_path)}
    done = sdprof("audit", "--target", "bad_target.py", "--out", "out", *fixes, *skip, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout + done.stderr) < 20_000
    audit = audit_of(tmp_path / "out")
    reasons = {fix["id"]: fix["reason"] for fix in audit["fixes"]}
    for fix in ("compile", "compile-freezing"):
        assert "needs a C++ compiler and found none" in reasons[fix]
    gaps = {gap["section"]: gap for gap in audit["missing"]}
    assert "py-spy may not look at this process" in gaps["Stack samples"]["reason"]
    assert gaps["Stack samples"]["remedy"]
    assert audit["variants"][0]["timing"]["median"] > 0


def test_a_hot_module_that_is_never_called_is_said_to(command: Command, tmp_path: Path) -> None:
    write(tmp_path, HEAD + "def run():\n    return torch.ones(3) * 2\n")
    skip = all_but("loop", "modules", "stacks")
    done = command("audit", "--target", "bad_target.py", "--out", "out", *QUICK, *skip)
    assert done.returncode == 0, done.stderr
    gaps = {gap["section"]: gap["reason"] for gap in audit_of(tmp_path / "out")["missing"]}
    assert "never called the hot module 'm'" in gaps["The sampling loop"]
    assert "not called" in gaps["Stack samples"]


def test_a_full_disk_fails_the_audit_and_leaves_no_half_file(tmp_path: Path, denoise_target: Path) -> None:
    """A limit on file size stands for the full disk: the report is the first file over it."""
    arguments = ("--target", denoise_target, "--out", "out", *QUICK, *all_but("loop"))
    done = sdprof("audit", *arguments, cwd=tmp_path, largest_file_bytes=40_000)
    assert "report.html cannot be written (File too large)" in sentence_of(done)
    assert done.returncode == 1
    left = {file.name for file in (tmp_path / "out").iterdir()}
    assert "report.html" not in left
    assert not any(name.endswith(".part") or name == ".scratch" for name in left)
    again = sdprof("audit", "--resume", "out", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    assert not (tmp_path / "out" / "failure.txt").exists()


def test_an_interrupted_audit_says_how_to_go_on(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "def run():\n    open('asleep', 'w').close()\n    time.sleep(900)\n")
    process = subprocess.Popen(
        [SDPROF, "audit", "--target", "bad_target.py", "--out", "out", "--quick"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "asleep").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    sentence = sentence_of(subprocess.CompletedProcess((), process.returncode, out, err))
    assert sentence == "Interrupted. What was collected is kept; --resume out goes on with it."
    assert not (tmp_path / "out" / ".scratch").exists()


def test_a_fault_of_sdprof_itself_is_a_sentence(
    tmp_path: Path, denoise_target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("so many\nsteps")

    monkeypatch.setattr("sdprof.pipeline._audit", broken)
    monkeypatch.setattr("sys.argv", ["sdprof", "audit", "--target", str(denoise_target), "--out", str(tmp_path / "o")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "sdprof: Unexpected ZeroDivisionError inside sdprof: so many steps; please report it." in said
    assert "Traceback" not in said
    assert "in broken" in (tmp_path / "o" / "failure.txt").read_text()


def test_a_fault_outside_of_an_audit_is_a_sentence_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no tables today")

    monkeypatch.setattr("sdprof.listings.fixes", broken)
    monkeypatch.setattr("sys.argv", ["sdprof", "fixes"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "sdprof: Unexpected RuntimeError inside sdprof: no tables today; please report it." in said
    (file,) = tmp_path.glob("sdprof-failure-*.txt")
    assert str(file) in said
    assert "in broken" in file.read_text()
