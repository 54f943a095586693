"""Starts a server under test, and runs scripts of checks against it."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from checks import SECONDS

HERE = Path(__file__).resolve().parent
# Without history nobody who comes back, and no poll, gets what was published meanwhile.
SERVE = ("serve", "--room-history", "1000")
# A whole script of checks; each has its own, shorter limit.
SCRIPT_SECONDS = 120


class Server:
    """A `bowline` that listens."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process, self.address, self.pid = process, address, process.pid


@asynccontextmanager
async def serving(name: str, binary: str, *command: str) -> AsyncIterator[Server | None]:
    """`bowline COMMAND` on a free port, ended at the latest when the block ends; `None`, and a line, if it doesn't start."""
    process = await asyncio.create_subprocess_exec(
        binary, *command, "--listen", "127.0.0.1:0", stdout=asyncio.subprocess.PIPE
    )
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), SECONDS)).decode()
        address = re.search(r"listening on (?:\w+://)?([\d.:]+)", line)
        if not address:
            print(f"not ok - {name}: the server's first line was {line!r}")
            yield None
        else:
            yield Server(process, address[1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def script(name: str, command: list[str]) -> bool:
    """Runs a script of checks, with `name` before each; whether all of them held and it came to its end."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), SCRIPT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        print(f"not ok - {name}: the script took longer than {SCRIPT_SECONDS} s")
        return False
    lines = output.decode(errors="replace").splitlines()
    for line in lines:
        print(re.sub(r"^(ok|not ok|skip) - ", rf"\1 - {name}: ", line))
    if process.returncode != 0 or lines[-1:] != ["done"]:
        print(f"not ok - {name}: the script ended early, with {process.returncode}")
        return False
    return not any(line.startswith("not ok") for line in lines)


async def ended_well(name: str, server: Server) -> bool:
    """Whether the server, told to end by the script, ended with 0."""
    try:
        code = await asyncio.wait_for(server.process.wait(), SECONDS)
    except TimeoutError:
        server.process.send_signal(signal.SIGKILL)
        code = await server.process.wait()
    good = code == 0
    print(f"ok - {name}: SIGTERM ends the server with 0" if good else f"not ok - {name}: SIGTERM ended the server with {code}")
    return good
