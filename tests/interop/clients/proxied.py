"""aiohttp and python `websockets` in the rooms of our server, through a proxy: `URL PID`."""

import asyncio
import os
import re
import signal
import sys
import time

import aiohttp
from checks import Checks, bytes_of, equal, text_of, true
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

URL, PID = sys.argv[1], int(sys.argv[2])
MANY = 500
POSITION = r"[\w-]{22}-\d+"
# A proxy that collected a stream would do so for longer than a publication takes.
PROMPT = 5


def dial(path: str, **options):
    return connect(
        URL.replace("http", "ws", 1) + path, max_size=None, ping_interval=None, proxy=None, compression=None, **options
    )


def client(**headers: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers=headers, trust_env=False, timeout=aiohttp.ClientTimeout(total=20))


async def publish(http: aiohttp.ClientSession, room: str, body: str | bytes, **headers: str) -> dict:
    async with http.post(f"{URL}/rooms/{room}", data=body, headers=headers) as answer:
        equal(answer.status, 200, "the status of a POST")
        return await answer.json()


async def event(content: aiohttp.StreamReader) -> dict[str, str]:
    """The next event that has data, by field."""
    fields: dict[str, str] = {}
    while line := await asyncio.wait_for(content.readline(), PROMPT):
        name, _, value = line.decode().rstrip("\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif line == b"\n" and "data" in fields:
            return fields
    raise AssertionError("the stream ended")


async def echoes() -> None:
    async with dial("/echo") as ws:
        for message in ("", text_of(65536), bytes_of(1 << 20)):
            await ws.send(message)
            equal(await ws.recv(), message, "the echo")
        await (await ws.ping(b"there"))
        await ws.close(4000, "a reason")
        equal(ws.protocol.close_rcvd.code, 4000, "the answered code")


async def rooms() -> None:
    async with dial("/rooms/proxied") as ann, dial("/rooms/proxied") as bob:

        async def send() -> None:
            for number in range(MANY):
                await ann.send(f"{number} {text_of(number % 300)}")

        async def receive(member) -> None:
            for number in range(MANY):
                equal(await member.recv(), f"{number} {text_of(number % 300)}", f"message {number}")

        await asyncio.gather(send(), receive(ann), receive(bob))


async def streams() -> None:
    """Each event comes at once, and `Last-Event-ID` gets through."""
    async with client() as http:
        accept = {"Accept": "text/event-stream"}
        async with http.get(f"{URL}/rooms/stream", headers=accept) as stream:
            equal(stream.status, 200, "the status")
            true((await asyncio.wait_for(stream.content.readline(), PROMPT)).startswith(b":"), "no comment came first")
            places = []
            for text in ("one", "two", "three"):
                answer = await publish(http, "stream", text)
                got = await event(stream.content)
                equal((got["id"], got["data"]), (answer["position"], text), "the event")
                places.append(got["id"])
        async with http.get(f"{URL}/rooms/stream", headers={**accept, "Last-Event-ID": places[0]}) as stream:
            for text in ("two", "three"):
                equal((await event(stream.content))["data"], text, "the event")


async def polls() -> None:
    """A poll is held until there is something, and not cut short; one without anything ends with 204."""
    async with client() as http:
        began = time.monotonic()
        async with http.get(f"{URL}/rooms/poll?wait=1") as nothing:
            equal(nothing.status, 204, "the status of a poll without anything")
            true(time.monotonic() - began > 0.9, "it wasn't held")
            since = nothing.headers["bowline-position"]
        true(re.fullmatch(POSITION, since), f"{since} is no position")

        async def poll() -> str:
            async with http.get(f"{URL}/rooms/poll?since={since}&wait=15") as answer:
                equal(answer.status, 200, "the status")
                return await answer.text()

        polling = asyncio.create_task(poll())
        await publish(http, "poll", "held")
        true("data: held\n" in await asyncio.wait_for(polling, PROMPT), "the poll hasn't it")


async def posts() -> None:
    async with client() as http, dial("/rooms/posts") as member:
        # Larger than what a proxy keeps in memory.
        for body in ("small", text_of(256 << 10)):
            await publish(http, "posts", body)
            equal(await member.recv(), body, "what was posted")
        first = await publish(http, "posts", "once", **{"Idempotency-Key": "a key"})
        again = await publish(http, "posts", "once", **{"Idempotency-Key": "a key"})
        equal((again["position"], again["duplicate"]), (first["position"], True), "the answer to a retry")


async def origins() -> None:
    """A page that came through the proxy is let in by the name that the browser knows, and no other is."""
    async with dial("/rooms/origin", origin=URL) as ws:
        await ws.send("mine")
        equal(await ws.recv(), "mine", "the message")
    try:
        async with dial("/rooms/origin", origin="http://elsewhere.example"):
            raise AssertionError("a page of another origin was let in")
    except InvalidStatus as error:
        equal(error.response.status_code, 403, "the status")
    async with client(Origin="http://elsewhere.example") as http, http.post(f"{URL}/rooms/origin", data=b"x") as answer:
        equal(answer.status, 403, "the status of a POST")


async def drained() -> None:
    async with client() as http, dial("/rooms/drain") as member:
        async with http.get(f"{URL}/rooms/drain", headers={"Accept": "text/event-stream"}) as stream:
            await asyncio.wait_for(stream.content.readline(), PROMPT)
            os.kill(PID, signal.SIGTERM)
            rest = (await asyncio.wait_for(stream.content.read(), PROMPT)).decode()
            true(re.search(r"^retry: ?\d+$", rest, re.MULTILINE), f"the stream ends with {rest!r}")
        await member.wait_closed()
        equal(member.protocol.close_rcvd and member.protocol.close_rcvd.code, 1012, "the close code")


async def main() -> None:
    checks = Checks()
    await checks.check("a WebSocket echoes, and its close code comes back", echoes)
    await checks.check(f"{MANY} messages in a room, in order", rooms)
    await checks.check("an event stream, event by event, and from where it broke off", streams)
    await checks.check("long polls are held", polls)
    await checks.check("posts, up to the largest", posts)
    await checks.check("a page's own origin is let in, another is not", origins)
    await checks.check("SIGTERM reaches both ends as it should", drained)
    print("done")


asyncio.run(main())
