"""curl in resumable sessions: `URL PID`. The command lines of the README itself are run by `bowline`'s own tests."""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checks import Checks, equal, text_of, true

URL, PID = sys.argv[1], int(sys.argv[2])
ADDRESS = f"{URL}/session"
VERSIONS = {"HTTP/1.1": "--http1.1", "HTTP/2": "--http2-prior-knowledge"}
SECRET = r"[A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]{22}"
EVENTS = "-H 'Content-Type: text/event-stream'"
COMET = "-H 'Accept: text/event-stream'"
HUGE = 100 << 20
ODD = ("", "two\nlines", "\x1ebegins with a separator", "κόσμε, 世界, 🪢", " a space", text_of(70000))


@asynccontextmanager
async def running(line: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *shlex.split(line), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    process.stdout._limit = 1 << 20  # a line of a stream may be a whole message
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def events(text: str) -> list[dict[str, str]]:
    """What an event stream says, by field; what has no data is left out."""
    parsed = []
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        if "data" in fields:
            parsed.append(fields)
    return parsed


def record(number: int, data: str, kind: str = "message") -> str:
    fields = [f"id: {number}", *([] if kind == "message" else [f"event: {kind}"]), *(f"data: {line}" for line in data.split("\n"))]
    return "\n".join(fields) + "\n\n"


class Answer:
    """An answer as `curl -i` shows it."""

    def __init__(self, output: str) -> None:
        head, _, self.body = output.replace("\r\n", "\n").partition("\n\n")
        while " 100" in head.split("\n")[0]:
            head, _, self.body = self.body.partition("\n\n")
        first, *lines = head.split("\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.events = events(self.body)

    def data(self) -> list[str]:
        return [event["data"] for event in self.events]


class Curl:
    """One session, by curl with one version of HTTP."""

    def __init__(self, version: str) -> None:
        self.version, self.secret = version, "new"

    def line(self, more: str, secret: str | None = None) -> str:
        return f"curl -s {self.version} -H 'Bowline-Session: {secret or self.secret}' {more}"

    async def ask(self, more: str, status: int, body: str = "", secret: str | None = None) -> Answer:
        async with running(self.line(f"-i {more}", secret)) as process:
            output, _ = await process.communicate(body.encode())
            equal(process.returncode, 0, "curl's exit code")
        answer = Answer(output.decode())
        equal(answer.status, status, f"the status of {more}")
        return answer

    async def open(self) -> dict:
        answer = await self.ask(ADDRESS, 200)
        about = json.loads(answer.events[0]["data"])
        self.secret = about["session"]
        return about

    async def poll(self, cursor: str = "", wait: float = 0, status: int = 200) -> Answer:
        place = f"-H 'Bowline-Cursor: {cursor}'" if cursor else ""
        return await self.ask(f"{place} '{ADDRESS}?wait={wait}'", status)

    async def post(self, body: str, status: int = 200, flags: str = EVENTS) -> Answer:
        return await self.ask(f"{flags} --data-binary @- {ADDRESS}", status, body)

    async def echoes(self, first: int, *texts: str) -> None:
        """Posts texts, and waits until the answer to a poll has them all again."""
        answer = await self.post("".join(record(first + place, text) for place, text in enumerate(texts)))
        equal(answer.events, [{"event": "ack", "data": str(first + len(texts) - 1)}], "the answer to a POST")
        got: list[str] = []
        while len(got) < len(texts):
            answer = await self.poll(str(first - 1 + len(got)), wait=20)
            got += [event["data"] for event in answer.events if "id" in event]
        equal(got, list(texts), "the echoes")


async def event(process: asyncio.subprocess.Process) -> dict[str, str]:
    """The next event of a stream."""
    block = ""
    while line := await process.stdout.readline():
        block += line.decode()
        if line == b"\n":
            if parsed := events(block):
                return parsed[0]
            block = ""
    raise AssertionError("the stream ended")


async def polled(version: str) -> None:
    """Opened, read, written and read again, by requests that are answered at once."""
    curl = Curl(version)
    about = await curl.open()
    true(re.fullmatch(SECRET, about["session"]), f"no secret in {about}")
    true(re.fullmatch("[0-9a-f]{32}", about["id"]), f"no public name in {about}")
    equal([about[name] for name in ("version", "ack", "from", "ttl")], [1, 0, 0, 60000], "what it says")
    equal((await curl.poll(status=204)).body, "", "the body of a poll without anything")
    await curl.echoes(1, *ODD)
    # Reading changes nothing; a cursor does.
    for cursor in (len(ODD) - 1, len(ODD) - 1, 2):
        answer = await curl.poll(str(cursor))
        about = json.loads(answer.events[0]["data"])
        equal([about.get("session"), about["ack"], about["from"]], [None, len(ODD), len(ODD) - 1], "what `open` says")
        equal(answer.events[1:], [{"id": str(len(ODD)), "data": ODD[-1]}], "what comes again")
    await curl.poll(str(len(ODD)), status=204)
    await curl.poll("99", status=400)


async def held(version: str) -> None:
    """A long poll is held until there is something, or its time is up; and gives way to the next."""
    curl = Curl(version)
    await curl.open()
    began = time.monotonic()
    await curl.poll(wait=1.5, status=204)
    true(time.monotonic() - began > 1.4, "it wasn't held")
    polling = asyncio.create_task(curl.poll(wait=20))
    await asyncio.sleep(0.3)
    true(not polling.done(), "it was answered before there was anything")
    await curl.post(record(1, "held"))
    equal((await polling).data()[1:], ["held"], "what it brings")
    first = asyncio.create_task(curl.poll("1", wait=20, status=204))
    await asyncio.sleep(0.3)
    second = asyncio.create_task(curl.poll("1", wait=20))
    equal((await first).headers["bowline-carrier"], "superseded", "what the first is told")
    await curl.post(record(2, "for the second"))
    equal((await second).data()[1:], ["for the second"], "what the second brings")


async def streamed(version: str) -> None:
    """`curl -N`: each event as it comes, and again from where it broke off."""
    curl = Curl(version)
    async with running(curl.line(f"-N {COMET} {ADDRESS}")) as process:
        true((await process.stdout.readline()).startswith(b":"), "a stream begins with a comment")
        about = json.loads((await event(process))["data"])
        curl.secret = about["session"]
        true(0 < about["heartbeat"] <= 60_000, f"the heartbeat is {about['heartbeat']}")
        for number, text in enumerate(ODD, 1):
            await curl.post(record(number, text))
            equal(await event(process), {"id": str(number), "data": text}, "the event")
        await curl.post(record(len(ODD) + 1, "AAH/", "binary"))
        equal(await event(process), {"id": str(len(ODD) + 1), "event": "binary", "data": "AAH/"}, "the event")
        place = f"-H 'Bowline-Cursor: {len(ODD) - 1}'"
        async with running(curl.line(f"-N {COMET} {place} {ADDRESS}")) as other:
            equal((await event(process))["event"], "superseded", "the last event of the first")
            equal(await process.wait(), 0, "curl's exit code")
            equal(json.loads((await event(other))["data"])["from"], len(ODD) - 1, "where it goes on")
            for data in (ODD[-1], "AAH/"):
                equal((await event(other))["data"], data, "what comes again")


async def posted(version: str) -> None:
    """A repeated POST is passed over, one after a hole is refused, and one that can't be read is taken up to there.

    What is refused without being read has no body over HTTP/2: curl 7.88 takes the reset that says so (NO_ERROR, RFC 9113
    §8.1) for a failure.
    """
    curl = Curl(version)
    await curl.open()
    three = "".join(record(number, f"message {number}") for number in (1, 2, 3))
    for _ in range(2):
        equal((await curl.post(three)).data(), ["3"], "what the server has")
    equal((await curl.post(record(5, "too far"), 409)).data(), ["3"], "what it has at a hole")
    equal((await curl.post(record(3, "again") + record(4, "message 4"))).data(), ["4"], "what it has")
    await curl.post(record(5, "message 5") + "id: x\ndata: y\n\n" + record(6, "never"), 400)
    await curl.post(record(6, "{", "join"), 400)
    await curl.echoes(6, "message 6")
    if "1.1" in version:
        await curl.post(record(7, "form"), 415, "")
    await curl.post("", 415, f"{EVENTS} -H 'Content-Encoding: gzip'")
    await curl.ask(f"-X PUT {ADDRESS}", 405)


async def rooms(version: str) -> None:
    curl, name = Curl(version), f"curl{version}"
    await curl.open()
    await curl.post(record(1, json.dumps({"room": name}), "join"))
    answer = await curl.poll(wait=20)
    joined = json.loads(answer.data()[1])
    equal([joined["to"], joined["room"]], [1, name], "what `joined` says")
    polling = asyncio.create_task(curl.poll("1", wait=20))
    async with running(f"curl -s -d 'dinner is ready' {URL}/rooms/{name}") as process:
        position = json.loads((await process.communicate())[0])["position"]
    equal((await polling).events[1:], [{"id": position, "data": "dinner is ready"}], "the publication")
    epoch, _, offset = joined["position"].rpartition("-")
    equal(position, f"{epoch}-{int(offset) + 1}", "its position")
    await curl.poll(f"1 {joined['number']}.{int(offset) + 1}", status=204)


async def ended(version: str) -> None:
    """DELETE ends a session and what carries it; then it is as if it had never been."""
    curl = Curl(version)
    async with running(curl.line(f"-N {COMET} {ADDRESS}")) as process:
        curl.secret = json.loads((await event(process))["data"])["session"]
        await curl.ask(f"-X DELETE {ADDRESS}", 204)
        equal(await process.stdout.read(), b"", "what the stream has after that")
        equal(await process.wait(), 0, "curl's exit code")
    answers = []
    # This one, one that never was, and one that another process might have: nothing tells them apart.
    for secret in (curl.secret, f"{curl.secret.split('.')[0]}.{'A' * 22}", f"elsewhere.{'A' * 22}"):
        for request in (ADDRESS, f"{COMET} {ADDRESS}", f"{EVENTS} -X POST {ADDRESS}", f"-X DELETE {ADDRESS}"):
            answer = await curl.ask(request, 404, secret=secret)
            answers.append((answer.body, sorted(set(answer.headers) - {"date"})))
    true(all(answer == answers[0] for answer in answers), "the answers differ")


async def headers(version: str) -> None:
    """What a request must have, and what an answer has."""
    plain = f"curl -s {version} -o /dev/null -w %{{http_code}}"
    for request in ("", COMET, "-X POST", "-X DELETE", f"{EVENTS} -X POST"):
        async with running(f"{plain} {request} {ADDRESS}") as process:
            equal((await process.communicate())[0], b"400", f"the status without the header: {request}")
    curl = Curl(version)
    answer = await curl.ask(f"-H 'Bowline-Version: 2' {ADDRESS}", 400)
    equal(answer.headers["bowline-version"], "1", "the version that is spoken")
    answer = await curl.ask(f"-H 'Bowline-Version: 1' {ADDRESS}", 200)
    equal(answer.headers["content-type"].split(";")[0], "text/event-stream", "Content-Type")
    equal(answer.headers["cache-control"], "no-store", "Cache-Control")
    refused = await curl.ask(f"-H 'Origin: http://elsewhere.example' {ADDRESS}", 403)
    true(not any(name.startswith("access-control") for name in refused.headers), "the answer has a header of CORS")


async def many(version: str) -> None:
    curl = Curl(version)
    await curl.open()
    records = [record(number, "x") for number in range(1, 258)]
    await curl.post("".join(records), 413)
    await curl.post("".join(records[:256]))
    equal(json.loads((await curl.poll("0", wait=20)).events[0]["data"])["ack"], 256, "what the server has")


async def huge() -> None:
    """100 MB are refused before they are sent, whether their length is told or not."""
    curl = Curl("--http1.1")
    await curl.open()
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(HUGE)
        for length in ("-H 'Expect:'", "", "-H 'Transfer-Encoding: chunked'"):
            send = f"-o /dev/null -w '%{{http_code}} %{{size_upload}}' {EVENTS} {length} -X POST -T {file.name} {ADDRESS}"
            # Of all that curl goes on to send the server reads a little, and then resets: that may overtake the answer.
            status, tries = "", 0
            while status != "413" and tries < 5:
                tries += 1
                async with running(curl.line(send)) as process:
                    status, size = (await process.communicate())[0].decode().split(" ")
                true(int(size) < HUGE // 10, f"{size} bytes were taken")
            equal(status, "413", f"the status of 100 MB {length}")
    await curl.poll(status=204)


async def drained() -> None:
    curl = Curl("--http1.1")
    async with running(curl.line(f"-N {COMET} {ADDRESS}")) as process:
        await event(process)
        os.kill(PID, signal.SIGTERM)
        rest = (await process.stdout.read()).decode()
        true(re.search(r"^retry: ?\d+$", rest, re.MULTILINE), f"the stream ends with {rest!r}")
        equal(await process.wait(), 0, "curl's exit code")


async def main() -> None:
    checks = Checks()
    for name, flag in VERSIONS.items():
        await checks.check(f"{name}: polling", lambda: polled(flag))
        await checks.check(f"{name}: long polls are held, and give way", lambda: held(flag))
        await checks.check(f"{name}: Comet, and from where it broke off", lambda: streamed(flag))
        await checks.check(f"{name}: posts: repeated, after a hole, unreadable, zipped", lambda: posted(flag))
        await checks.check(f"{name}: a room", lambda: rooms(flag))
        await checks.check(f"{name}: DELETE, and then the 404 of a session that never was", lambda: ended(flag))
        await checks.check(f"{name}: headers", lambda: headers(flag))
        await checks.check(f"{name}: 257 records are refused, 256 are not", lambda: many(flag))
    await checks.check("100 MB are refused", huge)
    await checks.check("SIGTERM ends a stream with a time to come back", drained)
    print("done")


asyncio.run(main())
