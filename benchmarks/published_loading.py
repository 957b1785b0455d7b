"""A package of the index, its modules served with rewritten text, its missing imports stood in for."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy
import torch

from sdprof.collectors import expression
from sdprof.device import simulate, to_host
from sdprof.fetched_code import fetch_code
from tests.fixes.source.workbench import Build, Observed, Texts, cure, observe, same_bits

Setting = Callable[..., tuple[torch.nn.Module, Callable[[], Any]]]
"""``setting(device, steps, **what_another_caller_gives)``: the network, and the loop to run."""

NAME = "published_samplers_of_one_package"


class Package:
    """One folder of ``benchmarks/published``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = fetch_code(folder)
        sys.path.insert(0, str(self.code))
        self._finder = _Served(self.code)
        sys.meta_path.insert(0, self._finder)

    def settings(self) -> tuple[str, ...]:
        """The names of its settings."""
        return tuple(self._samplers({}).SETTINGS)

    def cured(self, name: str, steps: int, *, explain: bool = False) -> dict[str, Any]:
        """What one setting copies and waits for, before and after, and for how many others the bits stay."""
        cured = cure(lambda texts: self._build(texts, name), steps, (self.code, self.folder))
        texts = {file: each.text for file, each in cured.composed.items()}
        others = self._samplers({}).OTHERS.get(name, ())
        same = [
            same_bits(self._output({}, name, steps, other), self._output(texts, name, steps, other)) for other in others
        ]
        row: dict[str, Any] = {
            "before": sum(cured.before.counts.values()),
            "after": sum(cured.after.counts.values()),
            "recurring_before": recurring(cured.before),
            "recurring_after": recurring(cured.after),
            "same_bits": cured.same_bits,
            "others": len(others),
            "others_same": sum(same),
        }
        if explain:
            row["explained"] = _explained(cured.after, self.code, self.folder)
            row["explained"] += [f"declined {each}" for each in cured.stayed]
            row["explained"] += [
                f"other caller differs: {other}" for other, equal in zip(others, same, strict=True) if not equal
            ]
        return row

    def watched(self, name: str, steps: int) -> dict[str, Any]:
        """What one setting copies and waits for as it stands, and whether each other caller can run it."""
        seen = observe(self._build({}, name), steps, (self.code, self.folder))
        others = self._samplers({}).OTHERS.get(name, ())
        ran = [not isinstance(self._output({}, name, steps, other), str) for other in others]
        count = recurring(seen)
        row = {"recurring_before": count, "recurring_after": count, "same_bits": True}
        return {
            **row,
            "others": len(others),
            "others_same": sum(ran),
            "explained": _explained(seen, self.code, self.folder),
        }

    def _build(self, texts: Mapping[str, str], name: str) -> Build:
        def built(device: str, steps: int) -> tuple[torch.nn.Module, Callable[[], Any]]:
            setting: Setting = self._samplers(texts).SETTINGS[name]
            _seed_others()
            module, run = setting(device, steps)

            def seeded() -> Any:
                _seed_others()
                return run()

            return module, seeded

        return built

    def _samplers(self, texts: Mapping[str, str]) -> Any:
        """Its ``samplers.py`` and the package, both imported anew from these texts; they stay what is imported."""
        self._finder.serve(texts)
        file = self.folder / "samplers.py"
        text = texts.get(str(file), file.read_text())
        linecache.cache[str(file)] = (len(text), None, text.splitlines(keepends=True), str(file))
        spec = importlib.util.spec_from_file_location(NAME, file)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        self._finder.stand_ins = _named(text, "STAND_INS")
        exec(compile(text, str(file), "exec"), vars(module))
        return module

    def _output(self, texts: Mapping[str, str], name: str, steps: int, other: Mapping[str, Any]) -> Any:
        """Of another caller; where it raises, the kind of error."""
        asked = dict(other)
        with simulate():
            torch.manual_seed(0)
            _seed_others()
            _, run = self._samplers(texts).SETTINGS[name]("cuda", asked.pop("steps", steps), **asked)
            torch.manual_seed(1)
            _seed_others()
            try:
                return to_host(run())
            except Exception as error:  # noqa: BLE001 - the rewritten text must raise the same
                return type(error).__name__


def _seed_others() -> None:
    """Some draw from NumPy's or Python's generator besides PyTorch's, which is seeded where the loop is watched."""
    random.seed(1)
    numpy.random.seed(1)


def recurring(observed: Observed) -> int:
    """Events of expressions that copy or wait in more than one step."""
    return sum(site.count for site in observed.sites if len(site.steps) > 1)


def _explained(observed: Observed, *folders: Path) -> list[str]:
    told = []
    for site in sorted(observed.sites, key=lambda site: -site.count):
        file = site.where.file
        for folder in folders:
            file = file.removeprefix(f"{folder}/")
        line = linecache.getline(site.where.file, site.where.line).strip()
        told.append(f"{site.count} {site.kind} {site.op} in steps {site.steps} at {file}:{site.where.line}: {line}")
    return told


def _named(text: str, name: str) -> tuple[str, ...]:
    """The strings of a constant at the top of a file, read before the file runs."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return tuple(ast.literal_eval(node.value))
    return ()


class _Served(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules of a folder anew from given texts, and stands in for what is named."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: Mapping[str, str] = {}
        self.stand_ins: tuple[str, ...] = ()
        self._served: set[str] = set()

    def serve(self, texts: Mapping[str, str]) -> None:
        for name in [name for name, module in list(sys.modules.items()) if self._lies_here(module)]:
            del sys.modules[name]
        for file in self._served:
            linecache.cache.pop(file, None)
        self.texts, self._served = texts, set(texts)
        expression._headers.cache_clear()  # they are of the text that was served before

    def _lies_here(self, module: ModuleType) -> bool:
        """Also a package without a file of its own, for it holds modules that were imported."""
        file, spec = getattr(module, "__file__", None), getattr(module, "__spec__", None)
        places = [file] if file else list(getattr(spec, "submodule_search_locations", None) or ())
        return bool(places) and all(str(each).startswith(f"{self.folder}/") for each in places)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if any(name == each or name.startswith(f"{each}.") for each in self.stand_ins):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return Texts(self.texts).find_spec(name, path, target)

    def create_module(self, spec: Any) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Anything:
    """A class, decorator, function or base of a package that is not installed: what is made of it is never asked."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __init_subclass__(cls, **_: Any) -> None:
        pass

    def __class_getitem__(cls, _: Any) -> Any:
        return cls

    def __call__(self, *given: Any, **_: Any) -> Any:
        return given[0] if given and callable(given[0]) else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()


class _StandIn(ModuleType):
    """A module that has whatever name is asked of it: a class that may be called, decorate or be derived from."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (_Anything,), {"__module__": self.__name__})
        setattr(self, name, made)
        return made
