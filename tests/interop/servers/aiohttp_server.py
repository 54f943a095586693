"""A server of python `aiohttp` for our client: what it does depends on the path, see connect.py."""

import asyncio

from aiohttp import WSMsgType, web
from checks import LARGE


async def handle(request: web.Request) -> web.StreamResponse:
    path = request.path
    if path == "/refuse":
        return web.Response(status=403, text="not today\n")
    ws = web.WebSocketResponse(protocols=["chat.v2"], max_msg_size=0, autoping=False)
    await ws.prepare(request)
    if path == "/echo":
        await echo(ws)
    elif path.startswith("/close/"):
        await ws.close(code=int(path.removeprefix("/close/")), message=b"a reason")
    elif path == "/binary":
        await ws.send_bytes(b"\x00\x01\xfe\xff")
        await ws.send_bytes(b"")
    elif path == "/ping":
        await ws.ping(b"are you there")
        answer = await ws.receive()
        await ws.send_str("pong" if answer.type == WSMsgType.PONG and bytes(answer.data) == b"are you there" else "no pong")
    elif path == "/request":
        await ws.send_str(f"{request.headers.get('X-Test')} {ws.ws_protocol} {'permessage-deflate' if ws.compress else None}")
    elif path == "/burst":
        for number in range(500):
            await ws.send_str(f"{number} {'again ' * (number % 50)}")
    elif path == "/large":
        await ws.send_str(LARGE)
    elif path == "/drop":
        request.transport.abort()
        return ws
    await ws.close()
    return ws


async def echo(ws: web.WebSocketResponse) -> None:
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.type == WSMsgType.PING:
            await ws.pong(message.data)
    print(f"closed {ws.close_code}", flush=True)


async def main() -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("listening on {}:{}".format(*runner.addresses[0]), flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
