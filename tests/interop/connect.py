"""`bowline connect` in a pipe, against the servers of others.

Each server (servers/) does by path what is asked of it: `/echo` echoes, and prints how it was closed; `/close/CODE` closes;
`/binary`, `/fragments`, `/burst` and `/large` send something and close; `/ping` wants its ping answered; `/request` says what
the opening handshake came to; `/refuse` answers 403; `/drop` cuts the connection.
"""

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from checks import LARGE, SECONDS, Checks, equal, text_of, true

HERE = Path(__file__).resolve().parent
# One end of a pipe that stays open: the client must end because of the server, not for want of input.
HELD = None


@dataclass
class Ended:
    """How the client ended."""

    out: str
    err: str
    code: int


@dataclass
class Bench:
    """The client under test, and the server that it talks to now."""

    binary: str
    address: str
    lines: asyncio.StreamReader | None
    flags: list[str]
    # python `websockets` answers a Close before its handler has seen what came before it, so the echoes of that are lost:
    # there the input ends only when they have come.
    patient: bool

    async def connect(self, path: str, given: str | None, *flags: str, want: str = "") -> Ended:
        """Runs `bowline connect` with `given` as its whole input, and `want` as what should come back."""
        client = await asyncio.create_subprocess_exec(
            self.binary, "connect", f"ws://{self.address}{path}", "--log", "off", *self.flags, *flags,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=16 << 20,
        )  # fmt: skip
        try:
            come = asyncio.Event()
            if not (self.patient and want):
                come.set()
            feeding = asyncio.create_task(feed(client.stdin, given, come))
            out, err = await asyncio.gather(collect(client.stdout, len(want.encode()), come), client.stderr.read())
            code = await client.wait()
            feeding.cancel()
            return Ended(out.decode(), err.decode(), code)
        finally:
            if client.returncode is None:
                client.kill()
                await client.wait()


async def feed(pipe: asyncio.StreamWriter, given: str | None, come: asyncio.Event) -> None:
    """Writes the input, and ends it once `come` says so."""
    if given is HELD:
        return
    try:
        pipe.write(given.encode())
        await pipe.drain()
    except ConnectionError:
        pass
    await come.wait()
    pipe.close()


async def collect(pipe: asyncio.StreamReader, enough: int, come: asyncio.Event) -> bytes:
    """All of the output; sets `come` when `enough` bytes are there."""
    out = bytearray()
    while piece := await pipe.read(1 << 16):
        out += piece
        if len(out) >= enough:
            come.set()
    return bytes(out)


async def echoes(bench: Bench, given: str, want: str, *flags: str) -> None:
    ended = await bench.connect("/echo", given, *flags, want=want)
    equal(ended.out, want, "what was printed")
    equal(ended.code, 0, f"the exit code ({ended.err.strip()})")
    equal((await bench.lines.readline()).decode().strip(), "closed 1000", "what the server saw")


async def prints(bench: Bench, path: str, want: str, *flags: str) -> None:
    ended = await bench.connect(path, HELD, *flags)
    equal(ended.out, want, "what was printed")
    equal(ended.code, 0, f"the exit code ({ended.err.strip()})")


async def ends(bench: Bench, path: str, code: int, *said: str, flags: tuple[str, ...] = ()) -> None:
    """The client ends with `code`, and says each of `said` on standard error."""
    ended = await bench.connect(path, HELD, *flags)
    equal(ended.code, code, f"the exit code ({ended.err.strip()})")
    for words in said:
        true(words in ended.err, f"standard error doesn't say {words!r}: {ended.err.strip()!r}")


async def through(binary: str, name: str, address: str) -> bool:
    """`bowline connect` in a session of `bowline serve`, by each transport, with something in between at `address`."""
    checks = Checks()
    many = "".join(f"{number} {text_of(number % 300)}\n" for number in range(200))

    async def carried(transport: str) -> None:
        bench = Bench(binary, address, lines=None, flags=["--transport", transport, "-v"], patient=True)
        ended = await bench.connect("", many, want=many)
        equal(ended.out, many, "what was printed")
        equal(ended.code, 0, f"the exit code ({ended.err.strip()[-300:]})")
        # All of them get through here, and then it is the first that is taken.
        by = "websocket" if transport == "auto" else transport
        true(f"[{by}] <" in ended.err, f"nothing came by {by}")

    for transport in ("websocket", "comet", "long-polling", "polling", "auto"):
        await checks.check(f"{name}: bowline connect --transport {transport}", lambda: carried(transport))
    return checks.good


async def against(bench: Bench, server: str, deflate: bool) -> bool:
    checks = Checks()

    async def check(name: str, body, *given, **named) -> None:
        await checks.check(f"connect, {server}, {'deflate' if deflate else 'plain'}: {name}", lambda: body(bench, *given, **named))

    agreed = "permessage-deflate" if deflate else "None"
    many = "".join(f"{number} {text_of(number % 300)}\n" for number in range(1000))
    mebibyte = text_of(1 << 20) + "\n"
    await check("lines come back in order", echoes, "hello\nκόσμε 🪢\n\nlast\n", "hello\nκόσμε 🪢\n\nlast\n")
    if bench.patient:
        checks.skip(f"connect, {server}: a last line without an end", "its echo is lost when the input ends with it")
    else:
        await check("a last line without an end", echoes, "a\nb", "a\nb\n")
    await check("no input at all", echoes, "", "")
    await check("a thousand lines", echoes, many, many)
    await check("a line of 1 MiB", echoes, mebibyte, mebibyte)
    await check("hex as binary", echoes, "00ff\nde ad be ef\n\n", "0x00ff\n0xdeadbeef\n0x\n", "--binary")
    await check("binary is printed as hex", prints, "/binary", "0x0001feff\n0x\n")
    await check("500 messages, then a close", prints, "/burst", "".join(f"{n} {'again ' * (n % 50)}\n" for n in range(500)))
    await check("a message of 1 MiB", prints, "/large", LARGE + "\n")
    await check("a ping is answered", prints, "/ping", "pong\n")
    if server == "aiohttp":
        checks.skip(f"connect, {server}: a message in fragments", "aiohttp can't send one")
    else:
        await check("a message in fragments", prints, "/fragments", "one twö three\n")
    header = ["--header", "X-Test: a value", "--subprotocol", "chat.v3", "--subprotocol", "chat.v2"]
    await check("header and subprotocol", prints, "/request", f"a value chat.v2 {agreed}\n", *header)
    for code, exit_code in ((1000, 0), (1001, 0), (1008, 1), (1011, 1), (1013, 1), (3000, 1), (4999, 1)):
        await check(f"close {code} ends with {exit_code}", ends, f"/close/{code}", exit_code, str(code), "a reason")
    await check("a refusal", ends, "/refuse", 1, "403")
    await check("a cut connection", ends, "/drop", 1)
    await check("a message that is too long", ends, "/large", 1, flags=("--max-message-size", str((1 << 20) - 1)))
    return checks.good


async def against_others(binary: str, node: str | None) -> bool:
    """Every check against every server, with and without deflate; the servers in JavaScript only if there is a `node`."""
    servers = {name: [sys.executable, str(HERE / "servers" / f"{name}_server.py")] for name in ("websockets", "aiohttp")}
    if node:
        servers["ws"] = [node, str(HERE / "servers" / "ws_server.js")]
    good = True
    for name, command in servers.items():
        env = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
        server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=env)
        try:
            line = (await asyncio.wait_for(server.stdout.readline(), SECONDS)).decode()
            address = re.match(r"listening on (\S+)", line)
            if not address:
                print(f"not ok - connect, {name}: the server's first line was {line!r}")
                good = False
                continue
            for flags in ([], ["--deflate"]):
                good &= await against(Bench(binary, address[1], server.stdout, flags, name == "websockets"), name, bool(flags))
        finally:
            server.kill()
            await server.wait()
    return await nobody_there(binary) and good


async def nobody_there(binary: str) -> bool:
    """A port that was free a moment ago: nothing listens on it."""
    probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    checks = Checks()
    bench = Bench(binary, f"127.0.0.1:{port}", asyncio.StreamReader(), [], False)
    await checks.check("connect: nobody there", lambda: ends(bench, "/", 1, str(port)))
    return checks.good
