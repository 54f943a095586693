"""The client of python `websockets` in the rooms of our server: `URL PID`."""

import asyncio
import os
import signal
import sys
import urllib.request
from contextlib import AsyncExitStack

from checks import Checks, bytes_of, equal, text_of, true
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

URL, PID = sys.argv[1], int(sys.argv[2])
MANY = 1000
# What the server says when it goes: 1012, service restart, and when to come back.
RESTART = 1012


def dial(room: str, path: str = "/rooms/", **options):
    """A member of a room, with nothing on its own account: no keepalive pings, no limit, no proxy."""
    url = URL.replace("http", "ws", 1) + path + room
    return connect(url, max_size=None, ping_interval=None, proxy=None, compression=None, **options)


async def post(room: str, body: str) -> None:
    request = urllib.request.Request(f"{URL}/rooms/{room}", data=body.encode(), method="POST")
    await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read())


async def two_members() -> None:
    """What either sends comes to both, and to nobody elsewhere."""
    async with dial("two") as ann, dial("two") as bob, dial("elsewhere") as eve:
        await ann.send("from ann")
        for member in (ann, bob):
            equal(await member.recv(), "from ann", "the message")
        await bob.send(b"from bob")
        for member in (ann, bob):
            equal(await member.recv(), b"from bob", "the message")
        await eve.send("alone")
        equal(await eve.recv(), "alone", "the first message elsewhere")


async def sizes() -> None:
    async with dial("sizes") as ann, dial("sizes") as bob:
        for size in (0, 1, 125, 126, 65535, 65536, 256 << 10):
            for message in (text_of(size), bytes_of(size)):
                await ann.send(message)
                equal(await ann.recv(), message, "the sender's copy")
                equal(await bob.recv(), message, "the other's copy")


async def many_in_order() -> None:
    """A thousand messages of one sender, in its order, at both."""
    async with dial("many") as ann, dial("many") as bob:

        async def send() -> None:
            for number in range(MANY):
                await ann.send(f"{number} {text_of(number % 300)}")

        async def receive(member) -> None:
            for number in range(MANY):
                equal(await member.recv(), f"{number} {text_of(number % 300)}", f"message {number}")

        await asyncio.gather(send(), receive(ann), receive(bob))


async def two_senders() -> None:
    """Two senders at once: everyone sees one order, and each sender's own messages in the order sent."""
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(dial("both")) for _ in range(3)]

        async def send(member, name: str) -> None:
            for number in range(MANY // 2):
                await member.send(f"{name} {number}")

        async def receive(member) -> list[str]:
            return [await member.recv() for _ in range(MANY // 2 * 2)]

        *seen, _, _ = await asyncio.gather(*map(receive, members), send(members[0], "a"), send(members[1], "b"))
        for other in seen[1:]:
            true(other == seen[0], "two members saw different orders")
        for name in "ab":
            own = [message for message in seen[0] if message.startswith(name)]
            equal(own, [f"{name} {number}" for number in range(MANY // 2)], f"what {name} sent")


async def posted() -> None:
    async with dial("posted") as ann:
        await post("posted", "κόσμε")
        equal(await ann.recv(), "κόσμε", "what was posted")


async def names() -> None:
    """A name is a path's segment, percent-decoded."""
    async with dial("a%2Fb%20%C3%BC") as ann, dial("a%2fb%20%c3%bc") as bob:
        await ann.send("same room")
        equal(await bob.recv(), "same room", "the message")


async def echo() -> None:
    async with dial("", "/echo") as ann, dial("", "/echo") as bob:
        await ann.send("only mine")
        equal(await ann.recv(), "only mine", "the echo")
        await bob.send("nothing else")
        equal(await bob.recv(), "nothing else", "the first thing that the other hears")
        for code in (1000, 4999):
            async with dial("", "/echo") as ws:
                await ws.close(code, "a reason")
                equal(ws.protocol.close_rcvd.code, code, "the answered code")


async def pings() -> None:
    async with dial("ping") as ann:
        for payload in (b"", b"x", bytes_of(125)):
            await (await ann.ping(payload))


async def refused(path: str, room: str, status: int, **options) -> None:
    try:
        async with dial(room, path, **options):
            raise AssertionError("it was accepted")
    except InvalidStatus as error:
        equal(error.response.status_code, status, "the status")


async def drained() -> None:
    """Every member gets what was published before, and then 1012 with a time to come back; the server closes first."""
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(dial("drain")) for _ in range(20)]
        await members[0].send("the last")
        equal(await members[0].recv(), "the last", "the sender's copy")
        os.kill(PID, signal.SIGTERM)
        for member in members:
            if member is not members[0]:
                equal(await member.recv(), "the last", "what came before the close")
            await member.wait_closed()
            true(member.protocol.close_rcvd, "no close frame came")
            equal(member.protocol.close_rcvd.code, RESTART, "the close code")
            true(member.protocol.close_rcvd.reason.startswith("retry="), "the reason has no time to come back")
            true(member.protocol.close_rcvd_then_sent, "the server didn't close first")


async def main() -> None:
    checks = Checks()
    await checks.check("what one sends comes to both, and stays in the room", two_members)
    await checks.check("texts and bytes of all sizes", sizes)
    await checks.check(f"{MANY} messages in order, at both", many_in_order)
    await checks.check("two senders, one order", two_senders)
    await checks.check("what is posted comes", posted)
    await checks.check("a room's name is percent-decoded", names)
    await checks.check("an echo is for its sender alone", echo)
    await checks.check("pings are answered with their payload", pings)
    await checks.check("no address, 404", lambda: refused("/nothing/", "here", 404))
    await checks.check("a name that can't be, 400", lambda: refused("/rooms/", "a%00", 400))
    foreign = {"origin": "http://elsewhere.example"}
    await checks.check("a page of another origin, 403", lambda: refused("/rooms/", "two", 403, **foreign))
    await checks.check("SIGTERM closes every member with 1012, after what it was to get", drained)
    print("done")


asyncio.run(main())
