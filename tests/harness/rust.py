"""The parts that need cargo alone."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

from . import tools
from .part import ROOT, Counts, Part, Skip, rust_tests

# What changes what is compiled in the core: the default, everything, and the machine without any I/O.
FEATURE_SETS = {
    "default features": ["--workspace"],
    "all features": ["--workspace", "--all-features"],
    "core without features": ["-p", "bowline-core", "--no-default-features"],
}
FUZZ_SECONDS = 60
# Long enough for every length class, short enough for many of them a second.
FUZZ_MAX_LEN = 4096


def fmt(part: Part) -> None:
    part.step("format", ["cargo", "fmt", "--all", "--check"])


def clippy(part: Part) -> None:
    for name, flags in FEATURE_SETS.items():
        part.step(name, ["cargo", "clippy", *flags, "--all-targets", "--", "-D", "warnings"])


def tests(part: Part) -> None:
    """Unit, property and whole-system tests, and the examples in the documentation."""
    code = ["--lib", "--bins", "--tests", "--no-fail-fast"]
    # The tests that can run any number of cases run many more with this, which needs optimised code.
    many, profile = ({"BOWLINE_LONG": "1"}, ["--release"]) if part.long else ({}, [])
    whole = ["cargo", "test", *profile, "--workspace", "--all-features", *code]
    part.step("all features", whole, env=many, count=rust_tests, seconds=3600)
    part.step("core without features", ["cargo", "test", *FEATURE_SETS["core without features"], *code], count=rust_tests)
    part.step("documentation", ["cargo", "test", "--workspace", "--all-features", "--doc"], count=rust_tests)


def docs(part: Part) -> None:
    part.step("no warnings", ["cargo", "doc", "--workspace", "--all-features", "--no-deps"], env={"RUSTDOCFLAGS": "-D warnings"})


def examples(part: Part) -> None:
    """Builds the examples, and runs each: one that asserts what it shows ends with exit code 0."""
    sources = sorted((ROOT / "examples").glob("*.rs"))
    if not sources:
        raise Skip("there are no examples")
    if not part.prepare("build", ["cargo", "build", "--examples"]):
        return
    built = tools.target_directory() / "debug" / "examples"
    for source in sources:
        name = source.stem
        lines = len(source.read_text().splitlines())
        part.check(f"{name} is short", lines <= 80, f"{lines} lines, at most 80")
        if name in SERVERS:
            part.check(f"{name} serves", *served(built, name))
        elif name not in DRIVEN_ELSEWHERE:
            part.step(name, [str(built / name)], seconds=60)


# Examples that run until they are ended, and the example that talks to each and must end with exit code 0.
SERVERS = {"echo_server": "client"}
# `client` runs against `echo_server`; the other is the client of the part `autobahn`.
DRIVEN_ELSEWHERE = {"client", "autobahn_client"}


def served(built: Path, name: str) -> tuple[bool, str]:
    """Starts the server `name`, runs its client against it, and says how that went."""
    server = subprocess.Popen([str(built / name), "127.0.0.1:0"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        first = server.stdout.readline()
        address = re.match(r"listening on (\S+)", first)
        if not address:
            return False, f"its first line was {first!r}, not `listening on ADDRESS`"
        client = [str(built / SERVERS[name]), f"ws://{address[1]}/"]
        ran = subprocess.run(client, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        return ran.returncode == 0, f"its client ended with {ran.returncode}: {ran.stdout}{ran.stderr}"
    except subprocess.TimeoutExpired:
        return False, "its client took longer than 30 s"
    finally:
        server.kill()
        server.wait()


def benches(part: Part) -> None:
    """Compiles the benchmarks, and lets the figures' command measure every peer once, for a moment: that they work is the check."""
    part.step("compile", ["cargo", "bench", "--workspace", "--all-features", "--no-run", "--profile", "dev"])
    if (os.cpu_count() or 1) < 2:
        raise Skip("peers: the figures need two cores")
    for name, package in {"node": "nodejs", "npm": "npm"}.items():
        try:
            tools.program(name, package)
        except Skip:
            break  # The command does without node's peer, and says so.
    if part.prepare("build", ["cargo", "build", "--workspace", "--all-features", "--bins"]):
        moment = ["--rounds", "1", "--seconds", "0.2", "--warm-up", "0.1", "--profile", "dev", "--no-build"]
        peers = ["benches/figures", "--peers", "--cells", "echo-16B-x64,fanout-64B-x1000", *moment]
        part.step("peers", peers, count=figures)


def figures(output: str, code: int | None) -> Counts:
    """The figures' command is one check, and a peer that it went without is a skipped one."""
    return int(code == 0), int(code != 0), len(re.findall(r"^skip - ", output, re.MULTILINE))


def deny(part: Part) -> None:
    """Licences, sources and bans of the dependencies; advisories need a database that may be out of reach."""
    tools.cargo_tool("deny", long=part.long)
    part.step("dependencies", ["cargo", "deny", "check", "bans", "licenses", "sources"], env={"PATH": tools.search_path()})


def fuzz(part: Part) -> None:
    """Each fuzz target for a minute; without `--long` they are listed only, since building them takes minutes."""
    manifest = ROOT / "fuzz" / "Cargo.toml"
    if not manifest.exists():
        raise Skip("there are no fuzz targets")
    targets = [target["name"] for target in tomllib.loads(manifest.read_text()).get("bin", [])]
    if not part.long:
        part.skip(f"{len(targets)} targets run {FUZZ_SECONDS} s each with --long", count=len(targets))
        return
    tools.cargo_tool("fuzz", long=True)
    # The sanitizer flags are not stable; the toolchain that builds everything else accepts them with this.
    env = {"PATH": tools.search_path(), "RUSTC_BOOTSTRAP": "1"}
    if not part.prepare("build", ["cargo", "fuzz", "build"], env=env):
        return
    limits = [f"-max_total_time={FUZZ_SECONDS}", f"-max_len={FUZZ_MAX_LEN}", "-rss_limit_mb=2048"]
    for target in targets:
        # What is found goes to the first folder; cargo-fuzz doesn't look for seeds by itself.
        corpus, seeds = ROOT / "fuzz" / "corpus" / target, ROOT / "fuzz" / "seeds" / target
        corpus.mkdir(parents=True, exist_ok=True)
        command = ["cargo", "fuzz", "run", target, str(corpus), str(seeds), "--", *limits]
        part.step(target, command, env=env, seconds=FUZZ_SECONDS * 3 + 120)
