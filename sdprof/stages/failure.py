"""How an audit ends that could not be done: one sentence for the terminal, the rest in a file."""

from __future__ import annotations

import contextlib

from sdprof.run_folder import RunFolder, RunFolderError

FAILURE_FILE = "failure.txt"


class AuditFailedError(Exception):
    """The audit could not be done: one sentence that says why. What was collected is kept."""


def failed(folder: RunFolder, sentence: str, detail: str) -> AuditFailedError:
    """Write down what happened, and say where."""
    sentence = f"{sentence[:1].upper()}{sentence[1:].rstrip('.')}."
    where = ""
    with contextlib.suppress(RunFolderError):  # the disk may be full
        file = folder.write(FAILURE_FILE, f"{sentence}\n\n{detail}\n".encode())
        where = f" The details are in {file}."
    return AuditFailedError(f"{sentence}{where} What was collected is kept; --resume {folder.path} goes on with it.")


def unexpected(error: BaseException) -> str:
    """The sentence for a fault of sdprof itself."""
    message = " ".join(str(error).split())[:300]
    return f"Unexpected {type(error).__name__} inside sdprof{': ' + message if message else ''}; please report it"
