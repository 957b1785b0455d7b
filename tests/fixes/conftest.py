"""A small sampling loop around any module, as a subject for fixes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from sdprof.fixes.subject import Subject


class _ReachedError(Exception):
    pass


@dataclass
class SmallLoop:
    """Runs a hot module a few times and returns all its outputs."""

    module: torch.nn.Module
    run_once: Callable[[], Any]
    subject: Subject

    def run(self) -> Any:
        """One run with the subject's fixes in force."""
        for forget in self.subject.before_run:
            forget()
        with contextlib.ExitStack() as modes:
            for mode in self.subject.around_run:
                modes.enter_context(mode())
            return self.run_once()


@pytest.fixture
def loop_of() -> Callable[..., SmallLoop]:
    """``loop_of(module, *args, steps=3, autocast=None, grad=False, **kwargs)`` builds a loop and its subject."""

    def build(
        module: torch.nn.Module,
        *args: Any,
        steps: int = 3,
        autocast: torch.dtype | None = None,
        grad: bool = False,
        with_trial: bool = True,
        **kwargs: Any,
    ) -> SmallLoop:
        module.eval()

        def run() -> list[Any]:
            with (
                torch.set_grad_enabled(grad and torch.is_grad_enabled()),
                torch.autocast("cpu", dtype=autocast) if autocast else contextlib.nullcontext(),
            ):
                return [module(*args, **kwargs) for _ in range(steps)]

        def trial_call(hot: torch.nn.Module, name: str) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
            seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

            def stop(_module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                seen.append((args, kwargs))
                raise _ReachedError

            hook = hot.get_submodule(name).register_forward_pre_hook(stop, with_kwargs=True)
            try:
                loop.run()
            except _ReachedError:
                return seen[0]
            finally:
                hook.remove()
            return None

        subject = Subject(
            hot_modules={"unet": module},
            device=torch.device("cpu"),
            dtype=str(autocast).removeprefix("torch.") if autocast else None,
            trial_call=trial_call if with_trial else None,
        )
        loop = SmallLoop(module, run, subject)
        return loop

    return build


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
