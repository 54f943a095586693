"""The client of python `websockets` against our echo server: `URL PID DEFLATE`."""

import asyncio
import os
import signal
import sys

from checks import CLOSE_CODES, MAX_MESSAGE, SIZES, Checks, bytes_of, equal, text_of, true
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode

URL, PID, DEFLATE = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"


def dial(**options):
    """A connection with nothing on its own account: no keepalive pings, no limit, no proxy."""
    options.setdefault("compression", "deflate" if DEFLATE else None)
    return connect(URL, max_size=None, ping_interval=None, proxy=None, **options)


async def echoes(*messages: str | bytes, **options) -> None:
    async with dial(**options) as ws:
        for message in messages:
            await ws.send(message)
            equal(await ws.recv(), message, "the echo")


async def pipelined() -> None:
    """Two hundred messages under way at once come back in order."""
    messages = [text_of(17 * i) if i % 2 else bytes_of(13 * i) for i in range(200)]
    async with dial() as ws:

        async def send() -> None:
            for message in messages:
                await ws.send(message)

        sending = asyncio.create_task(send())
        for message in messages:
            equal(await ws.recv(), message, "the echo")
        await sending


async def fragments() -> None:
    async with dial() as ws:
        await ws.send(["one ", "", "twö ", "three"])
        equal(await ws.recv(), "one twö three", "the echo")
        pieces = [bytes_of(1 << i) for i in range(16)]
        await ws.send(pieces)
        equal(await ws.recv(), b"".join(pieces), "the echo")


async def ping_between_fragments() -> None:
    async with dial() as ws:

        async def pieces():
            yield "be"
            await (await ws.ping(b"between"))
            yield "fore"

        await ws.send(pieces())
        equal(await ws.recv(), "before", "the echo")


async def ping() -> None:
    async with dial() as ws:
        for payload in (b"", b"x", bytes_of(125)):
            await (await ws.ping(payload))


async def closes(code: int, reason: str) -> None:
    async with dial() as ws:
        await ws.close(code, reason)
        equal(ws.protocol.close_rcvd.code, code, "the answered code")
        true(not ws.protocol.close_rcvd_then_sent, "the server closed first")


async def closes_without_code() -> None:
    async with dial() as ws:
        ws.protocol.send_close()
        ws.transport.write(b"".join(ws.protocol.data_to_send()))
        await ws.wait_closed()
        equal(ws.protocol.close_rcvd.code, CloseCode.NO_STATUS_RCVD, "the answered code")


async def refuses(message, code: int, **options) -> None:
    """The server fails the connection with `code`, in a close frame that arrives."""
    async with dial(**options) as ws:
        try:
            await ws.send(message, text=True) if isinstance(message, bytes) else await ws.send(message)
            await ws.recv()
        except ConnectionClosed:
            pass
        else:
            raise AssertionError("the server answered")
        true(ws.protocol.close_rcvd, "no close frame came")
        equal(ws.protocol.close_rcvd.code, code, "the close code")


async def negotiates(**parameters) -> None:
    """permessage-deflate with these parameters, with and without context kept between messages."""
    offer = ClientPerMessageDeflateFactory(**parameters)
    async with dial(compression=None, extensions=[offer]) as ws:
        equal([extension.name for extension in ws.protocol.extensions], ["permessage-deflate"], "the extensions")
        for message in ["", "again " * 100, "again " * 100, text_of(70000), bytes_of(70000), "again " * 100, b""]:
            await ws.send(message)
            equal(await ws.recv(), message, "the echo")


async def no_deflate() -> None:
    async with dial(compression="deflate") as ws:
        equal(ws.protocol.extensions, [], "the extensions")
        await ws.send("plain")
        equal(await ws.recv(), "plain", "the echo")


async def no_subprotocol() -> None:
    async with dial(subprotocols=["chat.v1"]) as ws:
        equal(ws.subprotocol, None, "the subprotocol")


async def going_away() -> None:
    async with dial() as ws, dial() as other:
        await ws.send("before")
        equal(await ws.recv(), "before", "the echo")
        os.kill(PID, signal.SIGTERM)
        for connection in (ws, other):
            await connection.wait_closed()
            true(connection.protocol.close_rcvd, "no close frame came")
            equal(connection.protocol.close_rcvd.code, CloseCode.GOING_AWAY, "the close code")
            true(connection.protocol.close_rcvd_then_sent, "the server didn't close first")


async def deflate_checks(checks: Checks) -> None:
    sets = [
        {},
        {"server_no_context_takeover": True},
        {"client_no_context_takeover": True},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
        {"server_max_window_bits": 9},
        {"client_max_window_bits": 9},
        {"server_max_window_bits": 10, "client_max_window_bits": 12},
        {"server_max_window_bits": 15, "client_max_window_bits": True},
    ]
    for parameters in sets:
        said = ", ".join(f"{name}={value}" for name, value in parameters.items()) or "no parameters"
        await checks.check(f"deflate with {said}", lambda: negotiates(**parameters))


async def main() -> None:
    checks = Checks()
    for size in SIZES:
        await checks.check(f"text of {size} bytes", lambda: echoes(text_of(size)))
        await checks.check(f"binary of {size} bytes", lambda: echoes(bytes_of(size)))
    await checks.check("text beyond ASCII", lambda: echoes("κόσμε, 世界, 🪢", "\u0000\u007f\u0080\u07ff\uffff\U0010ffff"))
    await checks.check("the largest message allowed", lambda: echoes(bytes_of(MAX_MESSAGE)))
    await checks.check("200 messages under way", pipelined)
    await checks.check("fragments", fragments)
    await checks.check("a ping between fragments", ping_between_fragments)
    await checks.check("pings are answered with their payload", ping)
    for code in CLOSE_CODES:
        await checks.check(f"close {code} is answered with {code}", lambda: closes(code, "a reason"))
    await checks.check("close with the longest reason", lambda: closes(4000, "r" * 123))
    await checks.check("close without a code", closes_without_code)
    await checks.check("text that is not UTF-8 is refused with 1007", lambda: refuses(b"\xce\xba\xff", 1007))
    await checks.check("a message one byte too long is refused with 1009", lambda: refuses("x" * (MAX_MESSAGE + 1), 1009))
    await checks.check("an offered subprotocol is left out", no_subprotocol)
    if DEFLATE:
        await deflate_checks(checks)
        await checks.check("no deflate where none is offered", lambda: echoes("plain", compression=None))
    else:
        await checks.check("an offer of deflate is declined", no_deflate)
    await checks.check("SIGTERM closes every connection with 1001", going_away)
    print("done")


asyncio.run(main())
