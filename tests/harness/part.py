"""A part of the test run: steps, each a command with a log, a time limit and a count."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "tests" / ".cache"
LOGS = CACHE / "logs"
# A step that hangs must not take the whole run with it; the longest, a cold release build, takes a fifth of this.
STEP_SECONDS = 1200
# How much of a failed step's log goes to the terminal.
SHOWN_LINES = 120

Counts = tuple[int, int, int]


class Skip(Exception):
    """Raised where a part, or what is left of it, can't run here; the text says why."""


class Part:
    """Counts and reasons of one part of the run."""

    def __init__(self, name: str, *, long: bool) -> None:
        self.name, self.long = name, long
        self.passed = self.failed = self.skipped = 0
        self.reasons: list[str] = []
        self.failures: list[str] = []
        self.seconds = 0.0

    def run(self, body: Callable[["Part"], None]) -> None:
        """Runs `body`; whatever goes wrong in it is this part's failure, never the run's end."""
        print(f"== {self.name}", flush=True)
        began = time.monotonic()
        try:
            body(self)
        except Skip as skip:
            self.skip(str(skip))
        except Exception as error:  # a bug of the harness must show as a failure, and the other parts still run
            self.fail(f"{type(error).__name__}: {error}")
        self.seconds = time.monotonic() - began

    def skip(self, reason: str, count: int = 1) -> None:
        self.skipped += count
        self.reasons.append(f"{self.name}: {reason}")
        print(f"   skipped: {reason}", flush=True)

    def fail(self, reason: str, count: int = 1) -> None:
        self.failed += count
        self.failures.append(f"{self.name}: {reason}")
        print(f"   failed: {reason}", flush=True)

    def check(self, name: str, holds: bool, why: str) -> None:
        """One check that needs no command."""
        if holds:
            self.passed += 1
        else:
            self.fail(f"{name}: {why}")

    def prepare(self, name: str, command: list[str], *, env: dict[str, str] | None = None) -> bool:
        """Runs a command that later steps need: its failure counts, its success is no check passed."""
        return self.step(name, command, env=env, count=lambda _output, code: (0, int(code != 0), 0))

    def step(
        self,
        name: str,
        command: list[str],
        *,
        env: dict[str, str] | None = None,
        count: Callable[[str, int], Counts] | None = None,
        cwd: Path = ROOT,
        seconds: float = STEP_SECONDS,
    ) -> bool:
        """Runs `command` and counts it: by `count` from its output, or else as one check."""
        began = time.monotonic()
        code, output = execute(command, LOGS / f"{self.name}-{slug(name)}.log", env=env, cwd=cwd, seconds=seconds)
        passed, failed, skipped = (count or one_check)(output, code)
        if code != 0 and failed == 0:
            failed = 1
        self.passed += passed
        self.skipped += skipped
        took = time.monotonic() - began
        print(f"   {name}: {passed} passed, {failed} failed, {skipped} skipped, {took:.1f} s", flush=True)
        for reason in re.findall(r"^skip - (.*)$", output, re.MULTILINE):
            self.reasons.append(f"{self.name}: {reason}")
        if failed:
            print("\n".join(f"     | {line}" for line in telling(output)), flush=True)
            ended = f"ran longer than {seconds:.0f} s" if code is None else f"exit code {code}"
            self.fail(f"{name}: {ended}", failed)
        return failed == 0


def execute(
    command: list[str], log: Path, *, env: dict[str, str] | None, cwd: Path, seconds: float
) -> tuple[int | None, str]:
    """Runs `command` in a process group of its own; its exit code (`None` if it had to be ended) and its output."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        sink.write(f"$ {' '.join(command)}\n".encode())
        sink.flush()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end_group(process)
    return code, log.read_text(errors="replace")


def end_group(process: subprocess.Popen) -> None:
    """Ends what a step left running, children included: only the group that the step itself was started in."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def telling(output: str) -> list[str]:
    """The lines of a failed step that say what failed: what `cargo test` printed of each failed test, or else the last ones."""
    reports = re.findall(r"^failures:\n(.*?)^test result: FAILED", output, re.MULTILINE | re.DOTALL)
    if reports:
        return "\n".join(reports).splitlines()[:SHOWN_LINES]
    return output.splitlines()[-SHOWN_LINES:]


def one_check(_output: str, code: int | None) -> Counts:
    return (1, 0, 0) if code == 0 else (0, 1, 0)


def rust_tests(output: str, code: int | None) -> Counts:
    """Adds up the `test result:` lines of `cargo test`. A run without a single test proves nothing: it failed."""
    rows = re.findall(r"^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", output, re.MULTILINE)
    passed, failed, ignored = (sum(int(row[column]) for row in rows) for column in range(3))
    return passed, failed or int(passed == 0 or code != 0), ignored


def check_lines(output: str, code: int | None) -> Counts:
    """Counts the lines `ok - …`, `not ok - …` and `skip - …`, which the checks written in Python and JavaScript print."""
    passed, failed, skipped = (
        len(re.findall(rf"^{kind} - ", output, re.MULTILINE)) for kind in ("ok", "not ok", "skip")
    )
    return passed, failed or int(code != 0 or passed + skipped == 0), skipped
