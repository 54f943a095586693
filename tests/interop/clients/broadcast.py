"""The client of python `websockets` against `bowline broadcast`, where every path is a room: `URL PID`."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack

from checks import Checks, bytes_of, equal, text_of, true
from websockets.asyncio.client import connect
from websockets.frames import CloseCode

URL, PID = sys.argv[1], int(sys.argv[2])
MANY = 1000


def dial(path: str):
    return connect(
        URL.replace("http", "ws", 1) + path, max_size=None, ping_interval=None, proxy=None, compression=None
    )


async def members(stack: AsyncExitStack, path: str, count: int) -> list:
    """Members that have each heard themselves, and so are in the room, and then the last of them: nothing else is to come."""
    there = [await stack.enter_async_context(dial(path)) for _ in range(count)]
    for number, member in enumerate(there):
        await member.send(f"hello {number}")
        while await member.recv() != f"hello {number}":
            pass
    for member in there[:-1]:
        while await member.recv() != f"hello {count - 1}":
            pass
    return there


async def rooms() -> None:
    async with AsyncExitStack() as stack:
        ann, bob = await members(stack, "/a/room?with=a-query", 2)
        (eve,) = await members(stack, "/another", 1)
        for message in ("", text_of(65536), bytes_of(256 << 10)):
            await ann.send(message)
            for member in (ann, bob):
                equal(await member.recv(), message, "the message")
        await eve.send("alone")
        equal(await eve.recv(), "alone", "the first message elsewhere")


async def many() -> None:
    async with AsyncExitStack() as stack:
        there = await members(stack, "/many", 5)

        async def send() -> None:
            for number in range(MANY):
                await there[0].send(f"{number} {text_of(number % 300)}")

        async def receive(member) -> None:
            for number in range(MANY):
                equal(await member.recv(), f"{number} {text_of(number % 300)}", f"message {number}")

        await asyncio.gather(send(), *map(receive, there))


async def going_away() -> None:
    async with AsyncExitStack() as stack:
        there = await members(stack, "/end", 10)
        os.kill(PID, signal.SIGTERM)
        for member in there:
            await member.wait_closed()
            true(member.protocol.close_rcvd, "no close frame came")
            equal(member.protocol.close_rcvd.code, CloseCode.GOING_AWAY, "the close code")


async def main() -> None:
    checks = Checks()
    await checks.check("every path is a room, its sender included", rooms)
    await checks.check(f"{MANY} messages in order, at five members", many)
    await checks.check("SIGTERM closes every connection with 1001", going_away)
    print("done")


asyncio.run(main())
