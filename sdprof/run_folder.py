"""One audit's folder: what is in it, how files get there whole, and how an audit goes on where it stopped.

reports/<target>-<time>/
    manifest.json       what was asked for, and the state of each part
    artifacts/<variant>/…
    audit.json  report.html  tensorboard/
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

PartState = Literal["done", "missing", "failed"]
MANIFEST = "manifest.json"
LONGEST_NAME = 120


class RunFolderError(Exception):
    """The folder cannot be used: one sentence that says why and what to do."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work that an audit does once."""

    state: PartState
    reason: str = ""
    remedy: str = ""
    seconds: float = 0.0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ran, on whose order, and how far it came."""

    sdprof_version: str
    created: str
    request: dict[str, Any]
    parts: dict[str, Part] = {}
    finished: bool = False


class RunFolder:
    """Reads and writes one audit's folder. Every file appears whole or not at all."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> RunFolder:
        """Make a new folder.

        :raises RunFolderError: if it exists and is not empty, or cannot be written.
        """
        with _told_in_a_sentence(path):
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunFolderError(
                    f"The output folder {path} is not empty; name another one with --out, or use --resume {path}."
                )
            folder = cls(path.resolve(), manifest)
            folder._write_manifest()
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an audit's folder again.

        :raises RunFolderError: if it is not one.
        """
        try:
            manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
        except OSError:
            raise RunFolderError(f"{path} is not an audit's folder: it has no {MANIFEST}.") from None
        except msgspec.DecodeError as error:
            raise RunFolderError(f"{path / MANIFEST} is damaged ({error}); start a new audit.") from None
        return cls(path.resolve(), manifest)

    def artifacts(self, variant: str) -> Path:
        """The artifact folder of a variant, made if need be."""
        folder = self.path / "artifacts" / folder_name(variant)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def tensorboard(self, run: str) -> Path:
        """The folder of a TensorBoard run, made if need be."""
        folder = self.path / "tensorboard" / run
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def state(self, part: str) -> Part | None:
        """How a part ended, or None if it was not tried yet."""
        return self.manifest.parts.get(part)

    def record(self, part: str, outcome: Part) -> None:
        """Remember how a part ended; survives a crash from here on."""
        with self._lock:
            self.manifest = msgspec.structs.replace(self.manifest, parts={**self.manifest.parts, part: outcome})
            self._write_manifest()

    def finish(self) -> None:
        """Mark the audit as whole."""
        self.manifest = msgspec.structs.replace(self.manifest, finished=True)
        self._write_manifest()

    def write(self, name: str, content: bytes) -> Path:
        """Write a file at the top of the folder, whole or not at all."""
        return write_whole(self.path / name, content)

    def remove(self, name: str) -> None:
        """Remove a file at the top of the folder, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """Read a file of the folder, or None if it is not there."""
        with contextlib.suppress(FileNotFoundError):
            return (self.path / name).read_bytes()
        return None

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A place for large passing files (shared weights), empty at the beginning and gone at the end.

        :raises RunFolderError: if it cannot be made.
        """
        folder = self.path / ".scratch"
        shutil.rmtree(folder, ignore_errors=True)  # of an audit that was killed
        try:
            folder.mkdir()
        except OSError as error:
            raise RunFolderError(f"{folder} cannot be made ({error.strerror}).") from None
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep other audits out of this folder. The system opens it again when this process ends, however it ends.

        :raises RunFolderError: if another audit is at work in it.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RunFolderError(
                f"Another audit is at work in {self.path}; wait until it is done, or name another folder with --out."
            ) from None
        except OSError:
            pass  # a file system without locks
        try:
            yield
        finally:
            os.close(descriptor)

    def _write_manifest(self) -> None:
        self.write(MANIFEST, msgspec.json.format(msgspec.json.encode(self.manifest)))


def folder_name(variant: str) -> str:
    """A variant's id, cut where a file system would not take it: it grows with the number of its fixes."""
    if len(variant) <= LONGEST_NAME:
        return variant
    return f"{variant[: LONGEST_NAME - 17]}-{hashlib.sha256(variant.encode()).hexdigest()[:16]}"


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that it appears whole or not at all, also when the power goes.

    :raises RunFolderError: if it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise RunFolderError(f"{path} cannot be written ({error.strerror}).") from None
    return path


def write_new_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    """Make a folder that appears with all its files, or not at all.

    An empty folder that is there stays the same folder: it may be where the caller is, or where a disk is mounted.

    :param files: content by path below the folder.
    :raises RunFolderError: if there is something at ``path`` already, or it cannot be written.
    """
    with _told_in_a_sentence(path):
        stays = path.exists()
        if stays and any(path.iterdir()):
            raise RunFolderError(f"The output folder {path} is not empty; name another one with --out.")
        unfinished = path / ".part" if stays else path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            for name, content in files.items():
                (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
                (unfinished / name).write_bytes(content)
            if stays:
                for finished in unfinished.iterdir():
                    finished.replace(path / finished.name)
            else:
                unfinished.replace(path)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return path


@contextmanager
def _told_in_a_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except NotADirectoryError:
        raise RunFolderError(f"{path} is not a folder; name another one with --out.") from None
    except FileExistsError:
        raise RunFolderError(f"{path} is a file, not a folder; name another one with --out.") from None
    except OSError as error:
        raise RunFolderError(
            f"The output folder {path} cannot be written ({error.strerror}); name another one with --out."
        ) from None
