"""What else the machine is doing, and how much memory it has left."""

import os
import time
from pathlib import Path


def busy():
    """Seconds of CPU used on the whole machine, and now."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK"), time.monotonic()


def others():
    """Cores that something else uses just now."""
    (used, at), _ = busy(), time.sleep(1)
    after, now = busy()
    return (after - used) / (now - at)


def meminfo(name):
    """A line of /proc/meminfo, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def resident(pid):
    """Resident bytes of a process; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def tcp_memory():
    """What the kernel counts as TCP's buffers, in bytes."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        words = line.split()
        if words[0] == "TCP:":
            return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
