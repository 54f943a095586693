"""curl at the raw addresses of our server, by the command lines that a reader of the README would type: `URL PID`."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checks import Checks, equal, text_of, true

URL, PID = sys.argv[1], int(sys.argv[2])
VERSIONS = {"HTTP/1.1": "--http1.1", "HTTP/2": "--http2-prior-knowledge"}
# The largest message by default, and so the largest publication.
LARGEST = 1 << 20
POSITION = r"[\w-]{22}-\d+"


@asynccontextmanager
async def running(line: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(line), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def curl(line: str) -> str:
    """What a command writes; that it ends with 0 goes without saying."""
    async with running(f"curl -s {line}") as process:
        output, _ = await process.communicate()
        equal(process.returncode, 0, "curl's exit code")
        return output.decode()


async def event(process: asyncio.subprocess.Process) -> dict[str, str]:
    """The next event of a stream, by field; comments and what has no data are passed over."""
    fields: dict[str, str] = {}
    while line := await process.stdout.readline():
        name, _, value = line.decode().rstrip("\n").partition(":")
        if name:
            fields[name] = "\n".join(filter(None, [fields.get(name), value.removeprefix(" ")]))
        elif line == b"\n":
            if "data" in fields:
                return fields
            fields = {}
    raise AssertionError("the stream ended")


async def opened(process: asyncio.subprocess.Process) -> None:
    """Waits for the first line of a stream, a comment: from then on nothing is missed."""
    true((await process.stdout.readline()).startswith(b":"), "a stream begins with a comment")


async def publish(room: str, body: str, flags: str = "") -> dict:
    answer = json.loads(await curl(f"{flags} -d {shlex.quote(body)} {URL}/rooms/{room}"))
    true(re.fullmatch(POSITION, answer["position"]), f"no position in {answer}")
    return answer


async def streams(version: str, room: str) -> None:
    """`curl -N`: each publication as it comes, and after a break from where it broke off."""
    stream = f"curl -sN {version} -H 'Accept: text/event-stream'"
    async with running(f"{stream} {URL}/rooms/{room}") as process:
        await opened(process)
        first = await publish(room, "one", version)
        got = await event(process)
        equal(got, {"id": first["position"], "data": "one"}, "the event")
        second = await publish(room, "two\nlines", version)
        equal((await event(process))["data"], "two\nlines", "the data")
    third = await publish(room, "three", version)
    place = first["position"]
    for resume in (f"-H 'Last-Event-ID: {place}' {URL}/rooms/{room}", f"'{URL}/rooms/{room}?since={place}'"):
        async with running(f"{stream} {resume}") as process:
            for answer, data in ((second, "two\nlines"), (third, "three")):
                got = await event(process)
                equal((got["id"], got["data"]), (answer["position"], data), "the event")


async def polls(version: str, room: str) -> None:
    """A long poll is held until there is something, and answers from where the one before ended."""
    nothing = await curl(f"{version} -o /dev/null -D - '{URL}/rooms/{room}?wait=0'")
    true(re.match(r"HTTP/\S+ 204", nothing), f"the first line is {nothing.splitlines()[0]}")
    since = re.search(rf"^bowline-position: ({POSITION})", nothing, re.MULTILINE | re.IGNORECASE)[1]
    async with running(f"curl -s {version} '{URL}/rooms/{room}?since={since}&wait=20'") as process:
        # Whether it is held already can't be seen from here; either way it has to bring this.
        answer = await publish(room, "held", version)
        equal((await event(process))["data"], "held", "the data")
        equal(await process.wait(), 0, "curl's exit code")
    for word in ("more", "and more"):
        await publish(room, word, version)
    text = await curl(f"{version} '{URL}/rooms/{room}?since={answer['position']}'")
    equal(re.findall(r"^data: ?(.*)$", text, re.MULTILINE), ["more", "and more"], "what came since")
    whole = await curl(f"{version} '{URL}/rooms/{room}?history=2'")
    equal(re.findall(r"^data: ?(.*)$", whole, re.MULTILINE), ["more", "and more"], "the last two")


async def posts(version: str, room: str) -> None:
    """A publication is answered with its place, and a retry of it with the same."""
    key = f"{version} -H 'Idempotency-Key: {room} 1'"
    first = await publish(room, "once", key)
    again = await publish(room, "once", key)
    equal((first["duplicate"], again["duplicate"]), (False, True), "whether it is a duplicate")
    equal(again["position"], first["position"], "the position of the retry")
    other = await publish(room, "twice", version)
    epoch, offset = first["position"].rsplit("-", 1)
    equal(other["position"], f"{epoch}-{int(offset) + 1}", "the next position")


async def large(version: str, room: str) -> None:
    """The largest publication goes through, one byte more is refused with 413; bytes come as base64.

    Over HTTP/2 only the largest: what is refused isn't read, and curl 7.88 may take the reset that says so for a failure.
    """
    sizes = ((LARGEST, "200"), (LARGEST + 1, "413"))
    async with running(f"curl -sN {version} -H 'Accept: text/event-stream' {URL}/rooms/{room}") as process:
        process.stdout._limit = 2 * LARGEST  # a line of the stream may be a whole message
        await opened(process)
        for size, status in sizes if "1.1" in version else sizes[:1]:
            send = f"curl -s {version} -o /dev/null -w %{{http_code}} --data-binary @- {URL}/rooms/{room}"
            poster = await asyncio.create_subprocess_exec(
                *shlex.split(send), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            code, _ = await poster.communicate(text_of(size).encode())
            equal(code.decode(), status, f"the status of {size} bytes")
        equal((await event(process))["data"], text_of(LARGEST), "the large message")
        octets = "-H 'Content-Type: application/octet-stream' --data-binary @/bin/false"
        await curl(f"{version} -o /dev/null {octets} {URL}/rooms/{room}")
        got = await event(process)
        equal(got["event"], "binary", "the event's type")


async def health(version: str) -> None:
    for address in ("healthz", "readyz"):
        equal(await curl(f"{version} -o /dev/null -w %{{http_code}} {URL}/{address}"), "200", f"/{address}")
    metrics = await curl(f"{version} {URL}/metrics")
    true(re.search(r"^bowline_\w+(\{.*\})? \d+", metrics, re.MULTILINE), "no metric of ours in /metrics")
    true("<title" in await curl(f"{version} {URL}/"), "no page at /")
    equal(await curl(f"{version} -o /dev/null -w %{{http_code}} {URL}/nothing"), "404", "the status of nothing")


async def foreign(version: str) -> None:
    """Another origin isn't let in. Without a body: that of a refused request isn't read, and curl 7.88 at times takes the
    reset that says so over HTTP/2 (NO_ERROR, RFC 9113 §8.1) for a failure."""
    origin = "-H 'Origin: http://elsewhere.example'"
    answer = await curl(f"{version} -D - -o /dev/null {origin} -X POST {URL}/rooms/foreign")
    true(re.match(r"HTTP/\S+ 403", answer), f"the answer is {answer}")
    true("access-control" not in answer.lower(), "the answer has a header of CORS")


async def drained() -> None:
    """An event stream ends, and says when to come back."""
    async with running(f"curl -sN -H 'Accept: text/event-stream' {URL}/rooms/drain") as process:
        await opened(process)
        os.kill(PID, signal.SIGTERM)
        rest = (await process.stdout.read()).decode()
        true(re.search(r"^retry: ?\d+$", rest, re.MULTILINE), f"the stream ends with {rest!r}")
        equal(await process.wait(), 0, "curl's exit code")


async def main() -> None:
    checks = Checks()
    if not shutil.which("curl"):
        checks.skip("everything", "there is no curl")
        os.kill(PID, signal.SIGTERM)
        print("done")
        return
    for name, flag in VERSIONS.items():
        room = flag.strip("-").replace(".", "-")
        await checks.check(f"{name}: an event stream, and where it broke off", lambda: streams(flag, f"stream-{room}"))
        await checks.check(f"{name}: long polls", lambda: polls(flag, f"poll-{room}"))
        await checks.check(f"{name}: posts, and a retry with its Idempotency-Key", lambda: posts(flag, f"post-{room}"))
        await checks.check(f"{name}: the largest publication, and a byte more", lambda: large(flag, f"large-{room}"))
        await checks.check(f"{name}: /healthz, /readyz, /metrics, /", lambda: health(flag))
        await checks.check(f"{name}: another origin is refused", lambda: foreign(flag))
    await checks.check("SIGTERM ends an event stream with a time to come back", drained)
    print("done")


asyncio.run(main())
