"""The client of python `aiohttp` against our echo server: `URL PID DEFLATE`."""

import asyncio
import os
import signal
import sys

from aiohttp import ClientSession, WSMsgType
from checks import CLOSE_CODES, MAX_MESSAGE, SIZES, Checks, bytes_of, equal, text_of, true

URL, PID, DEFLATE = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"


class Dial:
    """A session and a connection, closed together."""

    def __init__(self, **options) -> None:
        self.options = {"compress": 15 if DEFLATE else 0, "max_msg_size": 0, **options}

    async def __aenter__(self):
        self.session = ClientSession()
        self.ws = await self.session.ws_connect(URL, **self.options)
        return self.ws

    async def __aexit__(self, *_reason) -> None:
        await self.ws.close()
        await self.session.close()


async def send(ws, message: str | bytes) -> None:
    await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))


async def echoes(*messages: str | bytes, **options) -> None:
    async with Dial(**options) as ws:
        for message in messages:
            await send(ws, message)
            answer = await ws.receive()
            equal(answer.type, WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY, "the type")
            equal(answer.data, message, "the echo")


async def pipelined() -> None:
    messages = [text_of(17 * i) if i % 2 else bytes_of(13 * i) for i in range(200)]
    async with Dial() as ws:

        async def send_all() -> None:
            for message in messages:
                await send(ws, message)

        sending = asyncio.create_task(send_all())
        for message in messages:
            equal((await ws.receive()).data, message, "the echo")
        await sending


async def ping() -> None:
    async with Dial(autoping=False) as ws:
        for payload in (b"", b"x", bytes_of(125)):
            await ws.ping(payload)
            answer = await ws.receive()
            equal(answer.type, WSMsgType.PONG, "the type")
            equal(bytes(answer.data), payload, "the payload")


async def closes(code: int) -> None:
    async with Dial() as ws:
        true(await ws.close(code=code, message=b"a reason"), "it was closed already")
        equal(ws.close_code, code, "the answered code")


async def refuses(message: str | bytes, code: int) -> None:
    async with Dial() as ws:
        await send(ws, message)
        answer = await ws.receive()
        equal(answer.type, WSMsgType.CLOSE, "the type")
        equal(answer.data, code, "the close code")


async def deflate_agreed(compress: int, want: bool) -> None:
    async with Dial(compress=compress) as ws:
        equal(bool(ws.compress), want, "whether deflate is on")
        for message in ["again " * 100, "again " * 100, b"", "", text_of(70000), bytes_of(70000)]:
            await send(ws, message)
            equal((await ws.receive()).data, message, "the echo")


async def no_subprotocol() -> None:
    async with Dial(protocols=["chat.v1"]) as ws:
        equal(ws.protocol, None, "the subprotocol")


async def going_away() -> None:
    async with Dial() as ws:
        await ws.send_str("before")
        equal((await ws.receive()).data, "before", "the echo")
        os.kill(PID, signal.SIGTERM)
        answer = await ws.receive()
        equal(answer.type, WSMsgType.CLOSE, "the type")
        equal(answer.data, 1001, "the close code")


async def main() -> None:
    checks = Checks()
    for size in SIZES:
        await checks.check(f"text of {size} bytes", lambda: echoes(text_of(size)))
        await checks.check(f"binary of {size} bytes", lambda: echoes(bytes_of(size)))
    await checks.check("text beyond ASCII", lambda: echoes("κόσμε, 世界, 🪢"))
    await checks.check("200 messages under way", pipelined)
    await checks.check("pings are answered with their payload", ping)
    for code in CLOSE_CODES:
        await checks.check(f"close {code} is answered with {code}", lambda: closes(code))
    await checks.check("a message one byte too long is refused with 1009", lambda: refuses(b"x" * (MAX_MESSAGE + 1), 1009))
    await checks.check("an offered subprotocol is left out", no_subprotocol)
    if DEFLATE:
        for bits in (9, 12, 15):
            await checks.check(f"deflate with a window of {bits} bits", lambda: deflate_agreed(bits, True))
        await checks.check("no deflate where none is offered", lambda: deflate_agreed(0, False))
    else:
        await checks.check("an offer of deflate is declined", lambda: deflate_agreed(15, False))
    await checks.check("SIGTERM closes with 1001", going_away)
    print("done")


asyncio.run(main())
