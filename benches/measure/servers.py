"""The servers that are measured: how each is started, and how it is spoken to."""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = ROOT / "benches" / "peers" / "node"
LOOPBACK = ["--listen", "127.0.0.1:0"]


@dataclass
class Server:
    """A command line after the binary's name, and the URL without its address."""

    command: list
    binary: str = "bowline"
    scheme: str = "ws"
    path: str = "/"
    threads: int = 1
    load: list = field(default_factory=list)  # flags for the load generator


def bowline(subcommand, *flags, path="/", threads=1, **rest):
    return Server([subcommand, *LOOPBACK, f"--threads={threads}", *flags], path=path, threads=threads, **rest)


def peer(name, scheme="ws"):
    return Server([name, *LOOPBACK], binary="peer", scheme=scheme)


def node(name):
    return Server([NODE / "peer.js", name, *LOOPBACK], binary="node")


SERVERS = {
    "bowline": bowline("echo", "--max-message-size=16777216"),
    "bowline-deflate": bowline("echo", "--deflate"),
    "bowline-broadcast": bowline("broadcast"),
    "bowline-broadcast-history": bowline("broadcast", "--history=100"),
    "bowline-broadcast-2": bowline("broadcast", threads=2),
    "bowline-serve": bowline("serve", path="/echo"),
    "session": bowline("serve", path="/session", load=["--session"]),
    "session-idle": bowline("serve", path="/session", load=["--transport=websocket"]),
    "comet-idle": bowline("serve", path="/session", scheme="http", load=["--transport=comet"]),
    "long-polling-idle": bowline("serve", path="/session", scheme="http", load=["--transport=long-polling"]),
    "bowline-serve-2": bowline("serve", path="/echo", threads=2),
    **{name: peer(name, "tcp") for name in ("raw-tokio", "raw-tokio-16k", "raw-tokio-256k", "raw-tokio-http", "raw-broadcast")},
    **{name: peer(name) for name in ("tungstenite-4k", "tungstenite", "fastwebsockets", "tokio-websockets", "axum")},
    **{f"{name}-broadcast": peer(f"{name}-broadcast")
       for name in ("tungstenite-4k", "fastwebsockets", "tokio-websockets", "axum")},
    "node-ws": node("echo"),
    "node-ws-broadcast": node("broadcast"),
    # Not a server: it reports by itself.
    "zlib-loop": Server([], binary="zlib-loop"),
}


class Binaries:
    """Where the built programs are, and how they are built."""

    def __init__(self, profile="release", bowline=None, load=None):
        self.profile = profile
        self.target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / ("debug" if profile == "dev" else profile)
        self.paths = {name: self.target / name for name in ("peer", "zlib-loop")}
        self.paths["bowline"] = Path(bowline) if bowline else self.target / "bowline"
        self.paths["node"] = "node"
        self.load = shlex.split(load) if load else [str(self.paths["bowline"]), "bench"]
        # Each run would take three seconds longer.
        self.load_flags = [] if load else ["--no-calibrate"]
        self.packages = ["bowline-peers"] + ([] if bowline and load else ["bowline-cli"])

    def build(self):
        # Apart, so that neither is built with features that only the other asks for.
        for package in self.packages:
            subprocess.run(["cargo", "build", "--quiet", "--profile", self.profile, "--package", package], cwd=ROOT, check=True)


def without_node():
    """Installs what node's peer needs, as it is locked; the reason if this can't be."""
    if not shutil.which("node"):
        return "there is no node"
    installed, locked = NODE / "node_modules" / ".package-lock.json", NODE / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= locked.stat().st_mtime:
        return None
    if not shutil.which("npm"):
        return "there is no npm"
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True)
    return None if done.returncode == 0 else f"`npm ci` failed: {(done.stderr.strip() or 'no output').splitlines()[0]}"


def pinned(cores, command):
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *map(str, command)]


class Running:
    """A server process, and the addresses that it says it listens on; ended on leaving the `with` block."""

    def __init__(self, command, listeners=1):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addresses = []
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.addresses.append(line.removeprefix("listening on ").split()[0].removeprefix("ws://").rstrip("/"))
            if len(self.addresses) == listeners:
                return
        self.end()
        raise RuntimeError(f"did not start: {shlex.join(map(str, command))}")

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
