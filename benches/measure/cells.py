"""The workloads, what Bowline is to reach in each, and the tables that they stand in."""

from dataclasses import dataclass, field

PEERS = ["tungstenite-4k", "tungstenite", "fastwebsockets", "tokio-websockets", "axum", "node-ws"]
# 64 KiB is the best buffer on the whole: 16 KiB loses 20 to 40 % from 16 KiB messages on, 256 KiB 10 to 17 % at 1,000 small ones.
EXTRA = ["raw-tokio-16k", "raw-tokio-256k"]
# What columns are called where readers don't choose among them by name.
LABELS = {
    "bowline": "Bowline",
    "tungstenite-4k": "tokio-tungstenite, 4 KiB reads",
    "tungstenite": "tokio-tungstenite",
    "node-ws": "node ws",
}


@dataclass
class Cell:
    """One workload. Its servers stand by column: `bowline` is what is judged, `baseline` what ratios are to."""

    name: str
    what: str
    load: list
    servers: dict
    unit: str = "messages/s"
    figure: tuple = ("server", "per_cpu_second")  # a path into the load generator's report
    ratios: dict = field(default_factory=dict)  # column → what the ratio to it is to be at least
    limit: float = None  # what the figure itself is to keep to
    less_is_better: bool = False

    def key(self, column):
        """What is run: cells that differ only in the figure they show share their runs."""
        return (tuple(self.load), self.servers[column])


@dataclass
class Table:
    name: str  # of its chart's files
    title: str
    columns: list
    cells: list


def same(names):
    return {name: name for name in names}


KIB = 1024
ECHO = {"bowline": "bowline", "baseline": "raw-tokio", **same(PEERS + EXTRA)}


def label(size):
    for unit, name in ((KIB * KIB, "MiB"), (KIB, "KiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def echo(size, connections, in_flight, target, servers=None, name="echo", **rest):
    ending = f"-{in_flight}" if in_flight > 1 else ""
    what = f"{label(size)} × {connections:,} connections" + (f", {in_flight} in flight" if in_flight > 1 else "")
    load = ["echo", "--busy-poll", f"--size={size}", f"--connections={connections}", f"--in-flight={in_flight}"]
    return Cell(f"{name}-{label(size).replace(' ', '')}-x{connections}{ending}", what, load, servers or ECHO,
                ratios={"baseline": target}, **rest)


def handshakes(name, what, load, target):
    # A TCP echo makes no handshake.
    servers = {**ECHO, "baseline": "raw-tokio-http"}
    servers = {column: server for column, server in servers.items() if column not in EXTRA}
    return Cell(name, what, load, servers, "handshakes/s", ratios={"baseline": target})


OPEN = ["idle", "--messages=0", "--hold=0"]
ECHOES = Table("echo", "Echo", ["bowline", "baseline", *PEERS], [
    *(echo(size, 64, 1, target) for size, target in ((16, 0.97), (125, 0.97), (KIB, 0.97), (16 * KIB, 0.97), (64 * KIB, 1.15))),
    *(echo(size, 1000, 1, target) for size, target in ((16, 1.0), (KIB, 1.0), (16 * KIB, 1.5))),
    echo(KIB * KIB, 8, 1, 1.6),
    *(echo(size, 64, 16, target) for size, target in ((16, 0.92), (125, 0.87), (KIB, 0.87))),
    echo(125, 1000, 16, 0.87),
    Cell("deflate", "deflate, 1 KiB JSON × 64 connections", ["echo", "--busy-poll", "--size=1024", "--connections=64", "--deflate"],
         {"bowline": "bowline-deflate", "baseline": "zlib-loop"}, ratios={"baseline": 0.85}),
    handshakes("connect", "opening and closing handshake", ["connect"], 0.85),
    handshakes("open", "opening 19,000 connections", OPEN, 0.85),
    Cell("idle", "memory of 19,000 idle connections", ["idle"], {"bowline": "bowline", **same(PEERS)}, "bytes each",
         ("resident_per_connection",), limit=1536, less_is_better=True),
])

FANOUT_PEERS = [name for name in PEERS if name != "tungstenite"]
FANOUT = {"bowline": "bowline-broadcast", "baseline": "raw-broadcast", **{name: f"{name}-broadcast" for name in FANOUT_PEERS}}
HISTORY = {"bowline": "bowline-broadcast-history", "baseline": "bowline-broadcast"}


def fanout(size, subscribers, in_flight, servers=FANOUT, name="fanout", busy="--busy-poll", **rest):
    ending = f"-{in_flight}" if in_flight > 1 else ""
    what = f"{label(size)} × {subscribers:,} subscribers" + (f", {in_flight} in flight" if in_flight > 1 else "")
    load = ["fanout", *filter(None, [busy]), f"--size={size}", f"--subscribers={subscribers}", f"--in-flight={in_flight}"]
    rest = {"unit": "deliveries/s", **rest}
    return Cell(f"{name}-{label(size).replace(' ', '')}-x{subscribers}{ending}", what, load, servers, **rest)


RATE = ["fanout", "--busy-poll", "--size=128", "--subscribers=1000", "--rate=160"]
FANOUTS = Table("fanout", "Fan-out", ["bowline", "baseline", *FANOUT_PEERS], [
    fanout(64, 1000, 1, ratios={"baseline": 0.9, "tokio-websockets": 1.15}),
    fanout(KIB, 1000, 1, ratios={"baseline": 0.9, "tokio-websockets": 1.15}),
    fanout(64, 9500, 1, ratios={"tokio-websockets": 1.25}),
    fanout(64, 1000, 16, ratios={"tokio-websockets": 1.35}),
    # By wall clock: whether the server keeps up, and how long the last subscriber waits, from when a publication was due.
    Cell("fanout-rate", "128 B × 1,000 subscribers × 160 a second, by wall clock", RATE, FANOUT, "deliveries/s", ("per_second",),
         limit=150_000),
    Cell("fanout-rate-p99", "the same: the last copy, 99th percentile", RATE, FANOUT, "µs", ("last", "p99"), less_is_better=True),
])

HISTORIES = Table("history", "With a history of 100 on the room, beside none", ["bowline", "baseline"], [
    fanout(size, subscribers, in_flight, HISTORY, "history", ratios={"baseline": 0.9})
    for size, subscribers, in_flight in ((64, 1000, 1), (KIB, 1000, 1), (64, 9500, 1), (64, 1000, 16))
])

SERVE = {"bowline": "bowline-serve", "baseline": "bowline"}
SERVES = Table("serve", "`bowline serve` (hyper, a session), beside `bowline echo` (the engine's own accept loop)", ["bowline", "baseline"], [
    *(echo(size, connections, in_flight, 0.95, SERVE, "serve")
      for size, connections, in_flight in ((125, 64, 1), (KIB, 1000, 1), (125, 64, 16))),
    Cell("serve-connect", "opening and closing handshake", ["connect"], SERVE, "handshakes/s", ratios={"baseline": 0.7}),
    Cell("serve-open", "opening 19,000 connections", OPEN, SERVE, "handshakes/s", ratios={"baseline": 0.7}),
    # Three rounds of pings at the default interval.
    *(Cell(name, what, ["idle", "--hold=60"], {"bowline": "bowline-serve"}, unit, figure, limit=limit, less_is_better=True)
      for name, what, unit, figure, limit in (
          ("serve-idle", "memory of 19,000 idle sessions", "bytes each", ("resident_per_connection",), 2048),
          ("serve-idle-cpu", "CPU of 19,000 idle sessions", "µs a second each", ("hold", "cpu_microseconds"), 3))),
])

TWO = {"bowline": "bowline-broadcast-2", "baseline": "bowline-broadcast"}
# By wall clock the load generator needs a core besides the two. By CPU time it doesn't matter: 0.8 of what one thread does in
# each second of its time, twice, is 1.6.
THREADS = Table("threads", "Two threads, beside one", ["bowline", "baseline"], [
    fanout(64, 1000, 1, TWO, "threads-wall", busy=None, unit="deliveries/s by wall clock", figure=("per_second",),
           ratios={"baseline": 1.6}),
    fanout(64, 1000, 1, TWO, "threads-cpu", busy=None, unit="deliveries/s per CPU second", ratios={"baseline": 0.8}),
])

def idle(name, what, server, connections, limit):
    return Cell(name, f"{connections:,} idle sessions over {what}", ["idle", f"--connections={connections}", "--hold=30"],
                {"bowline": server}, "bytes each", ("resident_per_connection",), limit=limit, less_is_better=True)


SESSION = {"bowline": "session", "baseline": "bowline-serve"}
SESSIONS = Table("session", "A resumable session, beside a bare WebSocket of the same server", ["bowline", "baseline"], [
    *(echo(size, connections, in_flight, 0.85, SESSION, "session")
      for size, connections, in_flight in ((125, 64, 1), (KIB, 1000, 1), (125, 64, 16))),
    idle("session-idle", "WebSocket", "session-idle", 19000, 4096),
    idle("comet-idle", "Comet", "comet-idle", 5000, 12288),
    idle("long-polling-idle", "long polling", "long-polling-idle", 5000, 12288),
])

TABLES = [ECHOES, FANOUTS, HISTORIES, SERVES, SESSIONS, THREADS]

# Bowline beside everything else that is made for WebSocket, in ten minutes: the flags of `--peers`.
BESIDE_PEERS = {
    "cells": "echo-125B-x64,echo-16KiB-x64,echo-1KiB-x1000,echo-125B-x64-16,connect,idle,"
             "fanout-64B-x1000,fanout-1KiB-x1000,fanout-64B-x9500,fanout-64B-x1000-16",
    "servers": ",".join(["bowline", *PEERS]),
    "rounds": 3,
    "seconds": 1.2,
    "warm_up": 0.4,
}
