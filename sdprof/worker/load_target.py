"""Import a target's file and build its workload: the first user code that runs."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sdprof.collectors.run_stopped import RunStopped
from sdprof.collectors.watched_run import CannotCollectError
from sdprof.target import DECLARATION_ATTRIBUTE, BuildOptions, TargetDeclaration, Workload


class TargetError(Exception):
    """The target's own code went wrong: one sentence, and its traceback."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail


@contextmanager
def target_code(doing: str) -> Iterator[None]:
    """Turn whatever the user's code raises, ``sys.exit`` included, into a ``TargetError``.

    :param doing: what the target was doing, for the sentence: ``build``, ``run``.
    """
    try:
        yield
    except (RunStopped, TargetError, CannotCollectError):  # ours, raised by a hook inside the user's code
        raise
    except SystemExit as error:
        raise TargetError(
            f"the target called sys.exit({error.code!r}) in its {doing}", traceback.format_exc()
        ) from None
    except BaseException as error:  # noqa: BLE001  anything may come out of code that we have never seen
        message = " ".join(str(error).split())[:500]
        where = _innermost_place(error)
        raise TargetError(
            f"the target's {doing} raised {type(error).__name__}{': ' + message if message else ''}{where}",
            traceback.format_exc(),
        ) from None


def _innermost_place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def load_build(file: Path, name: str | None) -> Callable[[BuildOptions], Workload]:
    """Import a target's module and return its build function.

    The target's folder goes first on ``sys.path``, so that it imports its neighbours as it does at home.

    :raises TargetError: if the import fails or the module declares no such target.
    """
    sys.path.insert(0, str(file.parent))
    sys.argv = [str(file)]  # a target that parses arguments must not see the worker's
    with target_code("import"):
        module = importlib.import_module(file.stem)
    found = getattr(module.__spec__, "origin", None) or module.__file__ or ""
    if Path(found).resolve() != file.resolve():
        raise TargetError(f"{file.stem!r} imports {found} instead of {file}; give the file another name")
    for value in vars(module).values():
        declaration = getattr(value, DECLARATION_ATTRIBUTE, None)
        if isinstance(declaration, TargetDeclaration) and name in (None, declaration.name):
            return value  # type: ignore[no-any-return]
    raise TargetError(f"{file} declares no target {name!r}")


def build_workload(build: Callable[[BuildOptions], Workload], options: BuildOptions) -> Workload:
    """Call the target's build function and check what it returns.

    :raises TargetError: if it raises, or returns something that cannot be run.
    """
    import torch

    torch.manual_seed(options.seed)
    with target_code("build"):
        workload = build(options)
    if not isinstance(workload, Workload):
        raise TargetError(f"the target's build returned {type(workload).__name__} instead of sdprof.Workload")
    if not callable(workload.run):
        raise TargetError("Workload.run must be a function without arguments")
    if not workload.hot_modules:
        raise TargetError("Workload.hot_modules is empty: name the module that the time goes into")
    for name, module in workload.hot_modules.items():
        if not isinstance(module, torch.nn.Module):
            raise TargetError(f"hot module {name!r} is {type(module).__name__} instead of a torch.nn.Module")
    return workload
