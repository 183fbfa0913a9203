"""An extension of Jupyter's server, by which what a kernel sends reaches the page at once.

The server sends every message of a kernel as it comes. By default, a system holds back a small one
until the page's has confirmed the one before (Nagle's algorithm), and that puts confirming off, for
40 ms on Linux: each edit would take as much longer to show what it did.
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "explorer.server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Have the connections to kernels, once they are open, hold nothing back."""
    try:
        from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
    except ImportError:
        server.log.info(
            "explorer.server: this server has other connections, which stay as they are"
        )
        return
    inner: Any = KernelWebsocketHandler.open

    async def hold_nothing_back(self: Any, *args: Any, **options: Any) -> None:
        self.set_nodelay(True)
        await inner(self, *args, **options)

    KernelWebsocketHandler.open = hold_nothing_back  # type: ignore[method-assign]
