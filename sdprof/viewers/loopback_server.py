"""A small file server for this machine: folders and single files under paths of their own, to read and nothing else."""

from __future__ import annotations

import mimetypes
import posixpath
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sdprof.viewers.cannot_view import CannotViewError

LOOPBACK = "127.0.0.1"
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json"}
"""What browsers insist on, whatever the system's table says."""
CHUNK_BYTES = 1 << 20
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob: http://127.0.0.1:9001 ws://127.0.0.1:9001; object-src 'none'"
)
"""Viewers are other people's pages: they may run, and reach this server alone, whatever they would ask for. Port 9001
is where Perfetto looks for a trace processor of the user's own."""


class FileServer(ThreadingHTTPServer):
    """Serves until it is shut down; ``address`` is where."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, Path], host: str, port: int) -> None:
        super().__init__((host, port), partial(_Handler, files))

    @property
    def address(self) -> str:
        """``http://127.0.0.1:6010``."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"


def file_server(files: Mapping[str, Path], *, host: str = LOOPBACK, port: int = 0) -> FileServer:
    """A server that is bound and waits for ``serve_forever``.

    :param files: from paths (``/traces/before.json.gz``, ``/``) to files, or to folders with everything below them.
    :param port: 0 for any free one.
    :raises CannotViewError: where the port is taken or the address is not this machine's.
    """
    try:
        return FileServer(files, host, port)
    except OSError as error:
        raise CannotViewError(
            f"Port {port} of {host} cannot be used ({error.strerror}); name another with --port."
        ) from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, files: Mapping[str, Path], *arguments: object) -> None:
        self._files = files
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        # A page of a stranger could reach this server under a name of its own that leads here (DNS rebinding).
        name = _name(self.headers.get("Host") or "")
        address = self.server.server_address
        bound = str(address[0]) if isinstance(address, tuple) else ""
        if bound in (LOOPBACK, "::1") and name not in (LOOPBACK, "localhost", "::1"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        file = self._file()
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            self._send(file, with_body=with_body)
        except ConnectionError:  # the page was closed, or went elsewhere
            self.close_connection = True

    def _send(self, file: Path, *, with_body: bool) -> None:
        with file.open("rb") as stream:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _type(file))
            self.send_header("Content-Length", str(file.stat().st_size))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Cache-Control", "no-cache")
            self.end_headers()
            while with_body and (chunk := stream.read(CHUNK_BYTES)):
                self.wfile.write(chunk)

    def _file(self) -> Path | None:
        try:
            path = posixpath.normpath(unquote(urlsplit(self.path).path))
        except ValueError:  # no address at all: an open bracket
            return None
        if "\0" in path:  # no file's name holds it, and asking for one raises
            return None
        for prefix in sorted(self._files, key=len, reverse=True):
            root = self._files[prefix]
            if path == prefix.rstrip("/") and root.is_file():
                return root
            below = path.startswith(prefix if prefix.endswith("/") else f"{prefix}/") or path == prefix
            if root.is_dir() and below:
                file = (root / path.removeprefix(prefix).lstrip("/")).resolve()
                file = file / "index.html" if file.is_dir() else file
                return file if file.is_file() and file.is_relative_to(root.resolve()) else None
        return None


def _name(host: str) -> str:
    """A Host header without the port, which browsers leave away where it is 80."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _type(file: Path) -> str:
    return TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
