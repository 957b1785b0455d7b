"""The file server gives out what it was told to, to this machine, and nothing else."""

import socket
import struct
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sdprof.viewers.cannot_view import CannotViewError
from sdprof.viewers.loopback_server import FileServer, file_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("the page")
    (page / "assets" / "a.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret").write_text("secret")
    (page / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "trace.json").write_text("{}")
    with file_server({"/": page, "/traces/before.json": tmp_path / "trace.json"}) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def answer(server: FileServer, path: str, method: str = "GET", host: str | None = None) -> tuple[int, str, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    response = connection.getresponse()
    return response.status, response.headers.get("Content-Type", ""), response.read()


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/", "text/html", b"the page"),
        ("/?url=x", "text/html", b"the page"),
        ("/index.html", "text/html", b"the page"),
        ("/assets/a.wasm", "application/wasm", b"\0asm"),
        ("/traces/before.json", "application/json", b"{}"),
    ],
)
def test_files_are_served(server: FileServer, path: str, content_type: str, body: bytes) -> None:
    assert answer(server, path) == (200, content_type, body)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/assets/../../secret",
        "/link",
        "/traces",
        "/traces/other.json",
        "/assets",
        "//etc",
        "/%00",
        "/traces/%00",
        "//[",
    ],
)
def test_nothing_else_is(server: FileServer, path: str) -> None:
    assert answer(server, path)[0] == 404


def test_a_name_that_only_leads_here_is_refused(server: FileServer) -> None:
    assert answer(server, "/", host=f"evil.example:{server.server_port}")[0] == 403
    assert answer(server, "/", host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost", 200), ("[::1]", 200), ("[::1]:80", 200), ("evil.example", 403), ("", 403)],
)
def test_browsers_leave_the_port_80_away(server: FileServer, host: str, status: int) -> None:
    assert answer(server, "/", host=host)[0] == status


def test_a_page_that_goes_away_leaves_no_traceback(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    monkeypatch.setattr(server, "handle_error", lambda *_: told.set())
    (tmp_path / "page" / "large.json").write_bytes(b"0" * (64 << 20))
    for _ in range(3):
        with socket.create_connection(server.server_address[:2], timeout=10) as connection:
            connection.sendall(b"GET /large.json HTTP/1.1\r\nHost: localhost:1\r\n\r\n")
            connection.recv(1)
            # Closed with an answer on the way: the server's next write fails.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert answer(server, "/") == (200, "text/html", b"the page")
    assert not told.wait(1.0)


def test_pages_may_reach_this_server_alone(server: FileServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", "/")
    policy = connection.getresponse().headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "https:" not in policy


def test_head_has_no_body_and_post_no_answer(server: FileServer) -> None:
    assert answer(server, "/", "HEAD") == (200, "text/html", b"")
    assert answer(server, "/", "POST")[0] == 501


def test_it_listens_on_the_loopback_alone(server: FileServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotViewError, match="cannot be used") as caught:
            file_server({}, port=taken.getsockname()[1])
    assert "--port" in str(caught.value)
