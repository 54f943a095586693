"""Starts other people's proxies in front of a server under test.

The configurations in `proxies` are filled in with a folder and addresses of their own; each proxy is ended by its process id.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from checks import SECONDS

HERE = Path(__file__).resolve().parent / "proxies"
# By name: the configuration, how it is run, and what its line `server` ends with.
PROXIES = {
    "nginx": ("nginx.conf", ["nginx", "-p", "{folder}", "-c", "{config}"], ""),
    "haproxy": ("haproxy.cfg", ["haproxy", "-db", "-f", "{config}"], ""),
    # The same, speaking HTTP/2 to Bowline, WebSockets included (RFC 8441).
    "haproxy-h2": ("haproxy.cfg", ["haproxy", "-db", "-f", "{config}"], " proto h2 ws h2"),
}


@dataclass
class Proxy:
    """A proxy that is up: where it speaks HTTP/1.1, and where HTTP/2 without TLS."""

    address: str
    http2: str


def free_port() -> int:
    """A port that was free a moment ago: neither proxy can say which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def proxying(name: str, upstream: str) -> AsyncIterator[Proxy | None]:
    """`bowline` at `upstream` behind the proxy; `None`, and a line, if that doesn't come up."""
    config, command, server = PROXIES[name]
    folder = Path(tempfile.mkdtemp(prefix=f"bowline-{name}-"))
    # As root, nginx gives its workers to another user, who has to get at the request bodies that it puts here.
    folder.chmod(0o755)
    listen, second = (f"127.0.0.1:{free_port()}" for _ in range(2))
    template = text = (HERE / config).read_text()
    blanks = {"folder": str(folder), "listen": listen, "listen-http2": second, "upstream": upstream, "server": server}
    for key, value in blanks.items():
        text = text.replace("{{" + key + "}}", value)
    (folder / config).write_text(text)
    program = shutil.which(command[0], path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    filled = [program or command[0], *(part.format(folder=folder, config=folder / config) for part in command[1:])]
    process = await asyncio.create_subprocess_exec(*filled, stdin=asyncio.subprocess.DEVNULL)
    try:
        if await comes_up(process, listen):
            yield Proxy(listen, second if "{{listen-http2}}" in template else listen)
        else:
            log = folder / "error.log"
            print(f"not ok - {name}: it didn't start {log.read_text() if log.exists() else ''}".strip())
            yield None
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def comes_up(process: asyncio.subprocess.Process, address: str) -> bool:
    """Whether the proxy, and the server behind it, answer."""
    host, port = address.split(":")
    for _ in range(SECONDS * 20):
        if process.returncode is not None:
            return False
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
            writer.close()
            if b" 200" in status:
                return True
        except OSError:
            pass
        await asyncio.sleep(0.05)
    return False
