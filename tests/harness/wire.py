"""The parts that put other people's clients and servers on the other end of the wire."""

import os
from pathlib import Path

from . import tools
from .part import ROOT, Part, Skip, check_lines

AUTOBAHN = ROOT / "tests" / "autobahn"
INTEROP = ROOT / "tests" / "interop" / "run"
ROOMS = ROOT / "tests" / "interop" / "rooms"
SESSIONS = ROOT / "tests" / "interop" / "sessions"
PROXIES = ROOT / "tests" / "interop" / "proxies" / "run"


def bowline(part: Part) -> Path:
    """The directory of the release build: what users run is what is tested."""
    command = ["cargo", "build", "--release", "-p", "bowline-cli", "-p", "bowline", "--bin", "bowline"]
    if not part.prepare("release build", [*command, "--example", "autobahn_client"]):
        raise Skip("nothing to test: the build failed")
    return tools.target_directory() / "release"


def autobahn(part: Part) -> None:
    python = tools.python()
    built = bowline(part)
    command = [str(python), str(AUTOBAHN), "both", "--bin", str(built), *(["--all"] if part.long else [])]
    part.step("both roles", command, count=check_lines, seconds=3600)


def interop(part: Part) -> None:
    """Clients of others against our server, our client against their servers."""
    binary = bowline(part) / "bowline"
    try:
        node, modules = tools.node()
        env = {"NODE": str(node), "NODE_PATH": str(modules)}
        peers = ["websockets", "aiohttp", "ws", "undici", "connect"]
    except Skip as skip:
        part.skip(f"ws, undici: {skip}", count=2)
        env, peers = {}, ["websockets", "aiohttp", "connect"]
    run_peers(part, binary, peers, env)


def browser(part: Part) -> None:
    binary = bowline(part) / "bowline"
    chromium = tools.chromium()
    node, modules = tools.node()
    run_peers(part, binary, ["chromium"], {"NODE": str(node), "NODE_PATH": str(modules), "CHROMIUM": str(chromium)})


def rooms(part: Part) -> None:
    """Clients of others in the rooms of `bowline serve`."""
    binary = bowline(part) / "bowline"
    peers, env = clients(part, python=["websockets", "broadcast"], node=["ws", "eventsource", "http2"])
    run_peers(part, binary, peers, env, ROOMS)


def proxies(part: Part) -> None:
    """`bowline serve` behind nginx and HAProxy."""
    binary = bowline(part) / "bowline"
    run_peers(part, binary, proxies_there(part), {}, PROXIES)


def sessions(part: Part) -> None:
    """Clients of others in resumable sessions of `bowline serve`, alone and behind nginx and HAProxy."""
    binary = bowline(part) / "bowline"
    peers, env = clients(part, python=["websockets"], node=["ws", "fetch", "http2"])
    # Behind proxies it is node that asks.
    behind = proxies_there(part) if env else []
    run_peers(part, binary, [*peers, *behind], env, SESSIONS)


def clients(part: Part, python: list[str], node: list[str]) -> tuple[list[str], dict[str, str]]:
    """Those peers that can run here, curl and Chromium among them, and their environment; what can't is skipped."""
    peers, env = list(python), {}
    try:
        tools.program("curl", "curl")
        peers.append("curl")
    except Skip as skip:
        part.skip(f"curl: {skip}")
    try:
        runtime, modules = tools.node()
        env = {"NODE": str(runtime), "NODE_PATH": str(modules)}
        peers += node
        env["CHROMIUM"] = str(tools.chromium())
        peers.append("chromium")
    except Skip as skip:
        missing = [peer for peer in (*node, "chromium") if peer not in peers]
        part.skip(f"{', '.join(missing)}: {skip}", count=len(missing))
    return peers, env


def proxies_there(part: Part) -> list[str]:
    """Those proxies that can run here; what can't is skipped."""
    there = []
    for name, ways in {"nginx": ["nginx"], "haproxy": ["haproxy", "haproxy-h2"]}.items():
        try:
            tools.program(name, name)
            there += ways
        except Skip as skip:
            part.skip(f"{', '.join(ways)}: {skip}", count=len(ways))
    return there


def run_peers(part: Part, binary: Path, peers: list[str], env: dict[str, str], script: Path = INTEROP) -> None:
    python = str(tools.python())
    # A proxy that the environment names must not come between two ends of the loopback.
    loopback = ",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1,localhost"]))
    env = {**env, "NO_PROXY": loopback, "no_proxy": loopback}
    for peer in peers:
        part.step(peer, [python, str(script), "--bowline", str(binary), peer], env=env, count=check_lines, seconds=300)
