"""Checks that print a line each: what `tests/interop/run` and the clients in Python share."""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable

# A check that takes longer hangs: all of them wait for a peer on the loopback.
SECONDS = 20
# What the echo server under test takes at most; one byte more is refused with 1009.
MAX_MESSAGE = 2 << 20
# Around every length class of the frame header, and a message of many reads.
SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1 << 20)
# Codes that an application may send (RFC 6455 §7.4), each echoed by the other side.
CLOSE_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)

# 1 MiB of text that every server can make, and that deflate makes smaller four times, not the hundred it may.
LARGE = ",".join(map(str, range(200_000)))[: 1 << 20]
PRINTABLE = bytes(33 + byte % 94 for byte in range(256))


def equal(got: object, want: object, what: str = "value") -> None:
    """Fails unless `got` is `want`; long values are shortened in the message."""
    if got != want:
        raise AssertionError(f"{what} is {shorten(got)}, not {shorten(want)}")


def shorten(value: object) -> str:
    text = repr(value)
    length = f" (length {len(value)})" if isinstance(value, (str, bytes)) else ""
    return text if len(text) <= 80 else f"{text[:60]}…{length}"


def true(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)


class Checks:
    """Runs checks one after another, and remembers whether all held."""

    def __init__(self) -> None:
        self.good = True

    async def check(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        try:
            await asyncio.wait_for(body(), SECONDS)
        except TimeoutError:
            self.bad(name, f"took longer than {SECONDS} s")
        except Exception as error:  # whatever a library raises, it is this check's failure
            if not isinstance(error, AssertionError):
                traceback.print_exc(file=sys.stderr)
            self.bad(name, f"{type(error).__name__}: {error}")
        else:
            print(f"ok - {name}", flush=True)

    def bad(self, name: str, why: str) -> None:
        self.good = False
        print(f"not ok - {name}: {' '.join(why.split())}", flush=True)

    def skip(self, name: str, why: str) -> None:
        print(f"skip - {name}: {why}", flush=True)


def text_of(size: int) -> str:
    """A text of `size` bytes that is not the same everywhere, so that a lost or doubled piece shows.

    Deflate makes it a little smaller, not a hundred times: that is what `max_inflate_ratio` refuses.
    """
    return bytes_of(size).translate(PRINTABLE).decode()


def bytes_of(size: int) -> bytes:
    """Bytes that deflate doesn't make smaller: a linear congruence, the same on every run."""
    state, out = 12345, bytearray()
    while len(out) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out += (state >> 16).to_bytes(6, "little")
    return bytes(out[:size])
