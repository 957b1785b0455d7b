"""``sdprof view``: a run's traces and results in a viewer, on this machine alone."""

from __future__ import annotations

import contextlib
import signal
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end

if TYPE_CHECKING:
    from sdprof.viewers.loopback_server import FileServer


def view(
    run: Annotated[Path, typer.Argument(help="A run's folder.", show_default=False)],
    perfetto: Annotated[bool, typer.Option("--perfetto", help="The traces, in Perfetto.")] = False,
    speedscope: Annotated[bool, typer.Option("--speedscope", help="The stack samples, in speedscope.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is reached from this machine alone.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int | None, typer.Option(help="Port to listen on; default: a free one.", min=1, max=65535)] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Look at a run's traces in TensorBoard, Perfetto or speedscope, without a network."""
    from sdprof.renderers.read_audit import UnreadableAuditError
    from sdprof.viewers.cannot_view import CannotViewError

    if perfetto and speedscope:
        end("Choose one of --perfetto and --speedscope.", WRONG_CALL)
    try:
        if perfetto:
            from sdprof.viewers.perfetto import perfetto as serve_perfetto

            _serve(*serve_perfetto(run, host=host, port=port or 0), open_=open_)
        elif speedscope:
            from sdprof.viewers.speedscope import speedscope as serve_speedscope

            _serve(*serve_speedscope(run, host=host, port=port or 0), open_=open_)
        else:
            from sdprof.viewers.tensorboard_view import tensorboard

            with tensorboard(run, host=host, port=port) as address:
                _stay({"TensorBoard": address}, open_=open_)
    except (CannotViewError, UnreadableAuditError) as error:
        end(str(error), FAILED)


def _serve(server: FileServer, addresses: dict[str, str], *, open_: bool) -> None:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _stay(addresses, open_=open_)
        server.shutdown()


def _stay(addresses: dict[str, str], *, open_: bool) -> None:
    """Say where the pages are, and stay until told to end: from the first word on, that is no failure."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with contextlib.suppress(KeyboardInterrupt):
        for name, address in addresses.items():
            typer.echo(f"{name}: {address}")
        typer.echo("Ctrl-C ends it.")
        if open_ and not webbrowser.open(next(iter(addresses.values()))):
            typer.echo("sdprof: No browser was found here; open the address in one.", err=True)
        threading.Event().wait()
