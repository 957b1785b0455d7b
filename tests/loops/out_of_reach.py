"""A loop whose steps fill tensors from a table, by code that no rewrite can reach: one way of being so after another.

Run from a folder that it may write to: it makes its modules beside itself, one process after the other.
"""

import fcntl
import importlib
import sys
import zipfile
from pathlib import Path

import torch
from torch import nn

import sdprof

HERE = Path(__file__).parent
FILL = """
import torch


def fill(x, table, index):
    return torch.full((x.shape[0], 1, 1, 1), table[index], device=x.device)
"""


def written(name, content):
    (HERE / f"{name}.py").write_bytes(content)
    importlib.invalidate_caches()
    return importlib.import_module(name).fill


def in_plain_sight():
    return written("plain", FILL.encode())


def gone():
    fill = written("gone", FILL.encode())
    (HERE / "gone.py").unlink()
    return fill


def changed():
    fill = written("changed", FILL.encode())
    (HERE / "changed.py").write_text("# a line more\n" + FILL)
    return fill


def latin():
    return written("latin", "# -*- coding: latin-1 -*-\n# \xe4".encode("latin-1") + FILL.encode())


def generated():
    return written("generated", b"# @generated: do not edit\n" + FILL.encode())


def zipped():
    with zipfile.ZipFile(HERE / "packed.zip", "w") as archive:
        archive.writestr("inside.py", FILL)
    sys.path.insert(0, str(HERE / "packed.zip"))
    return importlib.import_module("inside").fill


def run_from_text(name):
    space = {}
    exec(compile(FILL, name, "exec"), space)
    return space["fill"]


def decorated():
    """Compiled anew from a changed text, under the name of its file, as some decorators do."""
    written("decorated", FILL.encode())
    space = {}
    text = FILL.replace("table[index], device", "table[index + 1 - 1], device")
    exec(compile(text, str(HERE / "decorated.py"), "exec"), space)
    return space["fill"]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


@sdprof.target("out-of-reach", summary="Code that cannot be rewritten")
def build(options):
    torch.manual_seed(0)
    device = torch.device(options.device)
    net = Net().to(device)
    table = torch.linspace(1, 2, 8).to(device)
    with (HERE / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two workers may be building at once
        fills = [in_plain_sight(), gone(), changed(), latin(), generated(), zipped(), decorated()]
    fills += [run_from_text("<ipython-input-1-0123456789ab>"), run_from_text("<string>")]

    def run():
        x = torch.ones(1, 3, 8, 8, device=device)
        with torch.no_grad():
            for index in range(options.steps or 4):
                x = net(x)
                for fill in fills:
                    x = x * fill(x, table, index)
        return x

    return sdprof.Workload(run=run, hot_modules={"net": net}, source_roots=[HERE])
