"""speedscope, where its files are installed, with a run's stack samples."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

from sdprof.viewers.cannot_view import CannotViewError
from sdprof.viewers.loopback_server import LOOPBACK, FileServer, file_server
from sdprof.viewers.recorded_files import recorded_stacks


def speedscope_files() -> Path:
    """The folder of speedscope's page, found from its command.

    :raises CannotViewError: where the command is not on the path, or its page is not beside it.
    """
    command = shutil.which("speedscope")
    if command is None:
        raise CannotViewError(
            "speedscope is not installed: npm install -g speedscope, or open stacks.speedscope.json at speedscope.app."
        )
    for folder in Path(command).resolve().parents:
        page = folder / "dist" / "release" / "index.html"
        if page.is_file():
            return page.parent
    raise CannotViewError(f"{command} was found, but not speedscope's page beside it: npm install -g speedscope.")


def speedscope(run: Path, *, host: str = LOOPBACK, port: int = 0) -> tuple[FileServer, dict[str, str]]:
    """The server, and the address at which each profile opens.

    :raises CannotViewError: where speedscope or the samples are missing, or the port is taken.
    """
    profiles = {f"/profiles/{file.parent.name}.json": file for file in recorded_stacks(run)}
    server = file_server({"/": speedscope_files(), **profiles}, host=host, port=port)
    names = {file.parent.name: path for path, file in profiles.items()}
    return server, {
        name: f"{server.address}/#profileURL={quote(path, safe='')}&title={quote(name, safe='')}"
        for name, path in names.items()
    }
