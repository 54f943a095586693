"""The client of python `websockets` in resumable sessions, frame by frame as PROTOCOL.md has them: `URL PID`."""

import asyncio
import json
import os
import re
import signal
import sys
import time
import urllib.request

from checks import Checks, bytes_of, equal, text_of, true
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

URL, PID = sys.argv[1], int(sys.argv[2])
SEPARATOR = "\x1e"
SECRET = r"[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{22}"
POSITION = r"[A-Za-z0-9_-]{22}-\d+"
# What `bowline serve` was told to keep of a room, by tests/interop/sessions.
HISTORY = 10
ODD = ("", "two\nlines", "\x1ebegins with a separator", "\x1e\x1e", "κόσμε, 世界, 🪢", "\r\n", text_of(70000), b"", bytes_of(70000))


class Carrier:
    """A WebSocket that carries a session: frames in, frames out."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws, self.acknowledged = ws, 0

    async def open(self) -> dict:
        kind, data = await self.event()
        equal(kind, "open", "the first event")
        return json.loads(data)

    async def frame(self) -> str | bytes:
        """The next frame but for acknowledgements, which come when they come."""
        while True:
            frame = await self.ws.recv()
            if not isinstance(frame, str) or not frame.startswith(f"{SEPARATOR}event: ack\n"):
                return frame
            self.acknowledged = int(frame.split("data: ")[1])

    async def event(self) -> tuple[str, str]:
        frame = await self.frame()
        match = re.fullmatch(rf"{SEPARATOR}event: ([\w-]+)\ndata: (.*)", frame if isinstance(frame, str) else "", re.DOTALL)
        true(match, f"{frame!r} is no event")
        return match[1], match[2]

    async def answer(self, kind: str) -> dict:
        got, data = await self.event()
        equal(got, kind, "the answer")
        return json.loads(data)

    async def send(self, message: str | bytes) -> None:
        double = isinstance(message, str) and message.startswith(SEPARATOR)
        await self.ws.send(SEPARATOR + message if double else message)

    async def command(self, kind: str, **members: object) -> None:
        await self.ws.send(f"{SEPARATOR}event: {kind}\ndata: {json.dumps(members)}")

    async def acknowledge(self, cursor: str) -> None:
        await self.ws.send(f"{SEPARATOR}event: ack\ndata: {cursor}")

    async def echoes(self, *messages: str | bytes) -> None:
        for message in messages:
            await self.send(message)
        for message in messages:
            frame = await self.frame()
            if isinstance(frame, str) and frame.startswith(SEPARATOR):
                true(frame[1:2] == SEPARATOR, f"{frame[:40]!r} is an event, not an echo")
                frame = frame[1:]
            equal(frame, message, "the echo")

    async def code(self) -> int | None:
        """With what the server closes."""
        try:
            while True:
                await self.ws.recv()
        except ConnectionClosed:
            return self.ws.protocol.close_rcvd and self.ws.protocol.close_rcvd.code


def attach(secret: str | None = None, cursor: str | None = None, **options):
    offered = ["bowline.v1", *([f"bowline.session.{secret}"] if secret else [])]
    headers = {"Bowline-Cursor": cursor} if cursor else None
    # Nothing on its own account: no keepalive pings, no limit, no proxy.
    quiet = {"max_size": None, "ping_interval": None, "proxy": None, "compression": None}
    return connect(f"{URL.replace('http', 'ws', 1)}/session", subprotocols=offered, additional_headers=headers, **quiet, **options)


async def opened() -> None:
    async with attach() as ws:
        equal(ws.subprotocol, "bowline.v1", "the subprotocol")
        about = await Carrier(ws).open()
        true(re.fullmatch(SECRET, about["session"]), f"no secret in {about}")
        true(re.fullmatch("[0-9a-f]{32}", about["id"]), f"no public name in {about}")
        equal([about[name] for name in ("version", "ack", "from", "ttl")], [1, 0, 0, 60000], "what it says")


async def echoes() -> None:
    async with attach() as ws:
        carrier = Carrier(ws)
        await carrier.open()
        await carrier.echoes(*ODD)
        await carrier.echoes(*(f"{number} {text_of(number % 300)}" for number in range(500)))


async def acknowledged() -> None:
    """After 64 records, or else 1 s."""
    async with attach() as ws:
        carrier = Carrier(ws)
        await carrier.open()
        for count, within in ((1, 2), (100, 0.5)):
            first = carrier.acknowledged
            await carrier.echoes(*(str(number) for number in range(count)))
            # Nothing else comes any more.
            if carrier.acknowledged == first:
                frame = await asyncio.wait_for(ws.recv(), within)
                equal(frame[:12], f"{SEPARATOR}event: ack\n", "what comes next")
                carrier.acknowledged = int(frame.split("data: ")[1])
        true(carrier.acknowledged > 101 - 64, f"of 101 records {carrier.acknowledged} are acknowledged")


async def resumed() -> None:
    """What wasn't acknowledged comes again; what was, doesn't; and a cursor of the handshake counts."""
    async with attach() as ws:
        carrier = Carrier(ws)
        secret = (await carrier.open())["session"]
        await carrier.echoes(*(f"message {number}" for number in range(1, 11)))
        ws.transport.abort()
    for cursor, first in ((None, 1), ("4", 5), ("2", 5)):
        async with attach(secret, cursor) as ws:
            carrier = Carrier(ws)
            about = await carrier.open()
            equal([about.get("session"), about["ack"], about["from"]], [None, 10, first - 1], "what it says")
            for number in range(first, 11):
                equal(await carrier.frame(), f"message {number}", "the message")
            ws.transport.abort()
    async with attach(secret) as ws:
        carrier = Carrier(ws)
        await carrier.open()
        for number in range(5, 11):
            equal(await carrier.frame(), f"message {number}", "the message")
        await carrier.acknowledge("10")
        await carrier.echoes("the next")
        ws.transport.abort()
    async with attach(secret) as ws:
        carrier = Carrier(ws)
        about = await carrier.open()
        equal([about["ack"], about["from"]], [11, 10], "what it says")
        equal(await carrier.frame(), "the next", "the message")


async def superseded() -> None:
    async with attach() as first:
        secret = (await Carrier(first).open())["session"]
        async with attach(secret) as second:
            equal((await Carrier(second).open())["ack"], 0, "what is acknowledged")
            equal(await Carrier(first).code(), 4001, "the close code")
            await Carrier(second).echoes("still here")


async def refused(secret: str, status: int, **options: object) -> None:
    try:
        async with attach(secret, **options):
            raise AssertionError("it was accepted")
    except InvalidStatus as error:
        equal(error.response.status_code, status, "the status")


async def gone(secret: str) -> None:
    """A session that has ended is forgotten at once, or nearly: a carrier that comes meanwhile is closed."""
    while True:
        try:
            async with attach(secret) as ws:
                true(await Carrier(ws).code() in (4000, 4002), "it goes on")
        except InvalidStatus as error:
            return equal(error.response.status_code, 404, "the status")


async def garbage() -> None:
    """Each ends the session with 4002."""
    unreadable = ("", "?", "\n", "event: nonsense\ndata: {}", "event: join\ndata: {", "event: ack\ndata: 99", "event: ack\ndata: x", "7.1 text")
    for frame in unreadable:
        async with attach() as ws:
            carrier = Carrier(ws)
            secret = (await carrier.open())["session"]
            await ws.send(SEPARATOR + frame)
            equal(await carrier.code(), 4002, f"the close code after {frame!r}")
        await gone(secret)


async def rooms() -> None:
    async with attach() as ann_ws, attach() as bob_ws:
        ann, bob = Carrier(ann_ws), Carrier(bob_ws)
        names = [(await carrier.open())["id"] for carrier in (ann, bob)]
        for carrier in (ann, bob):
            await carrier.command("join", room="kitchen")
            joined = await carrier.answer("joined")
            equal([joined["to"], joined["room"]], [1, "kitchen"], "what it says")
            true(re.fullmatch(POSITION, joined["position"]), f"no position in {joined}")
            carrier.number, carrier.offset = joined["number"], int(joined["position"][23:])
        await ann.command("publish", room="kitchen", text="dinner is\nready")
        # Order holds within the direct stream and within the room, not between them.
        seen = sorted([await ann.frame(), await ann.frame()])
        equal(seen[0], f"{SEPARATOR}{ann.number}.{ann.offset + 1} dinner is\nready", "the sender's copy")
        published = json.loads(seen[1].split("data: ")[1])
        equal([published["to"], published["position"][22:]], [2, f"-{ann.offset + 1}"], "the answer")
        equal(await bob.frame(), f"{SEPARATOR}{bob.number}.{bob.offset + 1} dinner is\nready", "the other's copy")
        await publish("kitchen", b"\x00\x01\xff", "application/octet-stream")
        for carrier in (ann, bob):
            equal(await carrier.frame(), f"{SEPARATOR}{carrier.number}.{carrier.offset + 2}", "where the bytes are")
            equal(await carrier.frame(), b"\x00\x01\xff", "the bytes")
        await bob.command("members", room="kitchen")
        members = await bob.answer("members")
        equal(sorted(member["session"] for member in members["members"]), sorted(names), "the members")
        await bob.command("leave", room="kitchen")
        left = await bob.answer("left")
        equal([left["to"], left["room"]], [3, "kitchen"], "what it says")
        await publish("kitchen", b"bob is gone")
        await bob.echoes("nothing in between")


async def failures() -> None:
    async with attach() as ws:
        carrier = Carrier(ws)
        await carrier.open()
        await carrier.command("join", room="failing")
        await carrier.answer("joined")
        table = [
            ("join", {"room": "failing"}, "joined-already"),
            ("join", {"room": ""}, "room-name"),
            ("leave", {"room": "elsewhere"}, "not-joined"),
            ("publish", {"room": "failing", "text": text_of((1 << 20) + 1)}, "too-large"),
        ]
        for number, (kind, members, error) in enumerate(table, 2):
            await carrier.command(kind, **members)
            failed = await carrier.answer("failed")
            equal([failed["to"], failed["error"]], [number, error], f"what {kind} is answered with")
            true(failed["text"], "nothing for people to read")


async def publish(room: str, body: bytes, kind: str = "text/plain") -> str:
    """By the room's own address: the position."""
    request = urllib.request.Request(f"{URL}/rooms/{room}", data=body, headers={"Content-Type": kind}, method="POST")
    answer = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read())
    return json.loads(answer)["position"]


async def publications(carrier: Carrier, number: int, count: int) -> list[tuple[int, str]]:
    got = []
    for _ in range(count):
        frame = await carrier.frame()
        match = re.fullmatch(rf"{SEPARATOR}{number}\.(\d+) (.*)", frame)
        true(match, f"{frame!r} is no publication of the room {number}")
        got.append((int(match[1]), match[2]))
    return got


async def recovered() -> None:
    """What was published between two carriers comes once, after what was acknowledged."""
    async with attach() as ws:
        carrier = Carrier(ws)
        secret = (await carrier.open())["session"]
        await carrier.command("join", room="recovered")
        joined = await carrier.answer("joined")
        number, base = joined["number"], int(joined["position"][23:])
        for text in (b"one", b"two"):
            await publish("recovered", text)
        equal(await publications(carrier, number, 2), [(base + 1, "one"), (base + 2, "two")], "the publications")
        await carrier.acknowledge(f"1 {number}.{base + 1}")
        # Its echo says that the acknowledgement has arrived.
        await carrier.echoes("and on")
        ws.transport.abort()
    await publish("recovered", b"three")
    for cursor, first in ((None, 2), (f"1 {number}.{base + 2}", 3)):
        async with attach(secret, cursor) as ws:
            carrier = Carrier(ws)
            await carrier.open()
            equal(await carrier.frame(), "and on", "the direct stream")
            want = [(base + place, text) for place, text in ((2, "two"), (3, "three")) if place >= first]
            equal(await publications(carrier, number, len(want)), want, "the publications")


async def gaps() -> None:
    """A room that is joined from a place that isn't there any more: exactly one gap, then what there is."""
    texts = [f"publication {number}" for number in range(3 * HISTORY)]
    places = [await publish("gaps", text.encode()) for text in texts]
    epoch, base = places[0][:22], int(places[0][23:])
    for after, reason in ((places[0], "expired"), (f"{'A' * 22}-5", "epoch")):
        async with attach() as ws:
            carrier = Carrier(ws)
            await carrier.open()
            await carrier.command("join", room="gaps", after=after)
            joined = await carrier.answer("joined")
            gap = await carrier.answer("gap")
            equal([gap["room"], gap["from"], gap["reason"]], ["gaps", after, reason], "what the gap says")
            equal(gap["to"][:22], epoch, "the epoch after it")
            number = gap.get("number", joined["number"])
            # What is published now comes behind what there was.
            texts.append(f"after {reason}")
            await publish("gaps", texts[-1].encode())
            want = list(enumerate(texts, base))[int(gap["to"][23:]) + 1 - base :]
            equal(await publications(carrier, number, len(want)), want, "what there is")


async def closed() -> None:
    """A record `close` ends the session, and is answered."""
    async with attach() as ws:
        carrier = Carrier(ws)
        secret = (await carrier.open())["session"]
        await carrier.echoes("before")
        await carrier.command("close", code=4000, reason="enough")
        answer = await carrier.answer("close")
        equal(answer["code"], 4000, "the code")
        equal(await carrier.code(), 4000, "the close code of the WebSocket")
    await gone(secret)


async def drained() -> None:
    async with attach() as ws:
        carrier = Carrier(ws)
        await carrier.open()
        await carrier.echoes("before")
        os.kill(PID, signal.SIGTERM)
        equal(await carrier.code(), 1012, "the close code")
        true(re.fullmatch(r"retry=\d+", ws.protocol.close_rcvd.reason), "the reason has no time to come back")


async def main() -> None:
    checks = Checks()
    await checks.check("open: the secret, the public name, and where it stands", opened)
    await checks.check("texts, bytes, and what begins with a separator, echoed", echoes)
    await checks.check("the server acknowledges in time", acknowledged)
    await checks.check("a session goes on from its cursor", resumed)
    await checks.check("4001 when another carrier comes", superseded)
    await checks.check("4002 for what can't be read", garbage)
    await checks.check("no such session, 404", lambda: refused(f"a.{'A' * 22}", 404))
    await checks.check("a page of another origin, 403", lambda: refused("", 403, origin="http://elsewhere.example"))
    await checks.check("rooms: join, publish, members, leave", rooms)
    await checks.check("commands that fail", failures)
    await checks.check("a room goes on from its cursor", recovered)
    await checks.check("a gap, once", gaps)
    await checks.check("close", closed)
    await checks.check("SIGTERM closes with 1012 and a time to come back", drained)
    print("done")


asyncio.run(main())
