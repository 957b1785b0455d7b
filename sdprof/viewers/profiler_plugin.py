"""The profiler plugin of TensorBoard without a network: its pages load two scripts from elsewhere, and here from us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch_tb_profiler
import werkzeug
from torch_tb_profiler.plugin import TorchProfilerPlugin

ASSETS = Path(__file__).parent / "assets"
PAGES = Path(torch_tb_profiler.__file__).parent / "static"
STAND_INS = {
    "index.html": (b"https://www.gstatic.com/charts/loader.js", "charts.js"),
    "trace_embedding.html": (
        b"https://cdnjs.cloudflare.com/ajax/libs/webcomponentsjs/0.7.24/webcomponents.min.js",
        "web_components.js",
    ),
}
"""Page of the plugin, the script that it would load, and ours in its place."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:"
)
"""The plugin's pages are built from inline scripts; what they may not do is reach anything but this server."""

App = Callable[[Any, Any], Any]


class OfflineProfilerPlugin(TorchProfilerPlugin):  # type: ignore[misc]
    """The plugin as it is, but for the addresses of two scripts."""

    def get_plugin_apps(self) -> dict[str, App]:
        """The plugin's routes; ours go before them."""
        apps: dict[str, App] = dict(super().get_plugin_apps())
        for page, (address, script) in STAND_INS.items():
            apps[f"/{page}"] = _served(_with_stand_in(page, address, script), "text/html; charset=utf-8")
            apps[f"/{script}"] = _served((ASSETS / script).read_bytes(), "text/javascript; charset=utf-8")
        return apps


def _with_stand_in(page: str, address: bytes, script: str) -> bytes:
    return (PAGES / page).read_bytes().replace(address, script.encode())


def _served(content: bytes, content_type: str) -> App:
    @werkzeug.Request.application
    def app(request: werkzeug.Request) -> werkzeug.Response:
        del request
        headers = [*TorchProfilerPlugin.headers, ("Content-Security-Policy", POLICY)]
        return werkzeug.Response(content, content_type=content_type, headers=headers)

    return app
