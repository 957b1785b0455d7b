"""The child's loop: take a request, do it, answer."""

from __future__ import annotations

import os
import sys
import traceback

from sdprof.worker.examine import examine
from sdprof.worker.load_target import TargetError
from sdprof.worker.overlay import AlreadyImportedError
from sdprof.worker.protocol import (
    Build,
    ChannelClosedError,
    Collect,
    Examine,
    Failed,
    Reply,
    Request,
    Run,
    SaveWeights,
    receive_request,
    send,
)
from sdprof.worker.session import FixError, Session

TRACEBACK_LIMIT_CHARACTERS = 20_000


def serve(requests: int, replies: int) -> None:
    """Answer requests until the parent hangs up."""
    for descriptor in (requests, replies):
        os.set_inheritable(descriptor, False)  # a child of the target must not hold our pipes open
    session = Session()
    while True:
        try:
            request = receive_request(requests)
        except ChannelClosedError:
            os._exit(0)
        reply = _answer(session, request)
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            send(replies, reply)
        except ChannelClosedError:
            os._exit(0)


def _answer(session: Session, request: Request) -> Reply:
    try:
        match request:
            case Build():
                return session.build(request)
            case SaveWeights():
                return session.save_weights(request)
            case Run():
                return session.run(request)
            case Collect():
                return session.collect(request)
            case Examine():
                return examine(request)
    except TargetError as error:
        return Failed(kind="target", sentence=error.sentence, traceback=error.detail[-TRACEBACK_LIMIT_CHARACTERS:])
    except AlreadyImportedError as error:
        return Failed(kind="overlay", sentence=str(error), traceback="")
    except FixError as error:
        return Failed(kind="fix", sentence=str(error), traceback=_traceback())
    except BaseException as error:  # noqa: BLE001  the parent must hear of it, whatever it is
        return Failed(
            kind="internal", sentence=f"{type(request).__name__} failed: {describe(error)}", traceback=_traceback()
        )


def describe(error: BaseException) -> str:
    """One line for an exception: its type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _traceback() -> str:
    return traceback.format_exc()[-TRACEBACK_LIMIT_CHARACTERS:]
