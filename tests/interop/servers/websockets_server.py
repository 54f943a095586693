"""A server of python `websockets` for our client: what it does depends on the path, see connect.py."""

import asyncio
import http
import logging

from checks import LARGE
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def handle(ws: ServerConnection) -> None:
    path = ws.request.path
    if path == "/echo":
        async for message in ws:
            await ws.send(message)
        print(f"closed {ws.close_code}", flush=True)
    elif path.startswith("/close/"):
        await ws.close(int(path.removeprefix("/close/")), "a reason")
    elif path == "/binary":
        await ws.send(b"\x00\x01\xfe\xff")
        await ws.send(b"")
    elif path == "/fragments":
        await ws.send(["one ", "", "twö ", "three"])
    elif path == "/ping":
        await (await ws.ping(b"are you there"))
        await ws.send("pong")
    elif path == "/request":
        extensions = ",".join(extension.name for extension in ws.protocol.extensions)
        await ws.send(f"{ws.request.headers.get('X-Test')} {ws.subprotocol} {extensions or None}")
    elif path == "/burst":
        for number in range(500):
            await ws.send(f"{number} {'again ' * (number % 50)}")
    elif path == "/large":
        await ws.send(LARGE)
    elif path == "/drop":
        ws.transport.abort()


def refuse(ws: ServerConnection, request):
    return ws.respond(http.HTTPStatus.FORBIDDEN, "not today\n") if request.path == "/refuse" else None


def choose(_ws: ServerConnection, offered):
    """Unlike the library's own choice, this one takes clients that offer none."""
    return "chat.v2" if "chat.v2" in offered else None


async def lenient(ws: ServerConnection) -> None:
    try:
        await handle(ws)
    except ConnectionClosed:
        pass


async def main() -> None:
    logging.disable()
    limits = {"max_size": None, "ping_interval": None}
    async with serve(lenient, "127.0.0.1", 0, process_request=refuse, select_subprotocol=choose, **limits) as server:
        print("listening on {}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
