"""Which functions may be called once more: those that do nothing but compute, wherever they are imported from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.plain_functions import is_plain_call

PLAIN = """
def f(a, b, share=1.0):
    \"\"\"Said.\"\"\"
    if not share:
        return b, 0.0
    up = torch.minimum(b, (a**2 - b**2).sqrt() * share)
    return (b - up).clamp(min=0), max(up, 0)
"""


def asked(folder: Path, head: str, function: str = "", files: dict[str, str] | None = None) -> bool:
    package = folder / "package" / "samplers"
    package.mkdir(parents=True)
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    file = package / "loops.py"
    file.write_text(f"import torch\n{head}\n{function}\n\ndef step(x, y):\n    return f(x, y)\n")
    sources = Sources()
    source = sources.of(str(file))
    calls = [each for each in ast.walk(source.tree) if isinstance(each, ast.Call) and ast.unparse(each.func) == "f"]
    return is_plain_call(sources, source, calls[-1])


@pytest.mark.parametrize(
    ("head", "file"),
    [
        ("from .tools import f", "package/samplers/tools.py"),
        ("from ..tools import f", "package/tools.py"),
        ("from ..tools.levels import f", "package/tools/levels.py"),
        ("from ..tools import f", "package/tools/__init__.py"),
        ("from package.tools import f", "package/tools.py"),
        ("from ..tools import other as f", "package/tools.py"),
    ],
)
def test_a_function_is_found_where_it_is_imported_from(tmp_path: Path, head: str, file: str) -> None:
    text = PLAIN.replace("def f", "def other") if "other" in head else PLAIN
    assert asked(tmp_path, head, files={file: f"import torch\n{text}"})


@pytest.mark.parametrize(
    "function",
    [
        "def f(a, b):\n    print(a)\n    return b\n",
        "def f(a, b):\n    a[0] = b\n    return a\n",
        "def f(a, b):\n    a.add_(b)\n    return a\n",
        "def f(a, b):\n    return a + torch.randn_like(b)\n",
        "def f(a, b):\n    for each in a:\n        b = b + each\n    return b\n",
        "def f(a, *b):\n    return a\n",
        "def f(a, b):\n    return torch.add(a, b, out=a)\n",
        "def f(a, b):\n    global count\n    count = a\n    return b\n",
        "def f(a, b):\n    return a.item()\n",
        "@cache\ndef f(a, b):\n    return a\n",
        "f = torch.jit.script(g)\n",
        "from nowhere import f\n",
    ],
)
def test_what_may_have_an_effect_is_no_plain_function(tmp_path: Path, function: str) -> None:
    assert not asked(tmp_path, "", function)


def test_a_function_of_the_module_itself(tmp_path: Path) -> None:
    assert asked(tmp_path, "", PLAIN)
