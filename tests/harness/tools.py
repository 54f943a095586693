"""What the machine may lack: installed by package name, into tests/.cache where the client allows it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .part import CACHE, ROOT, Skip, execute, LOGS

TESTS = ROOT / "tests"
INSTALL_SECONDS = 600
# undici refuses to load on anything older; Debian 12's own package is older.
OLDEST_NODE = (20, 18)


def program(name: str, package: str) -> Path:
    """The path of a program, from the Debian package that has it if the machine doesn't."""
    # Debian keeps servers where only root looks by default.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if not found:
        apt(package)
        found = shutil.which(name, path=path)
    if not found:
        raise Skip(f"{name} is not there, and the package {package} didn't bring it")
    return Path(found)


def apt(package: str) -> None:
    """Installs a Debian package, which only root can."""
    if not shutil.which("apt-get"):
        raise Skip(f"needs {package}, and there is no apt-get")
    if os.geteuid() != 0:
        raise Skip(f"needs the package {package}, and only root can install it: apt-get install {package}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    install("apt-update", ["apt-get", "update", "-qq"], env=quiet)
    install(f"apt-{package}", ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], env=quiet)


def install(log: str, command: list[str], *, env: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
    code, output = execute(command, LOGS / f"install-{log}.log", env=env, cwd=cwd, seconds=INSTALL_SECONDS)
    if code != 0:
        last = (output.strip().splitlines() or ["no output"])[-1]
        raise Skip(f"`{' '.join(command[:3])} …` failed: {last}")


def stamped(stamp: Path, wanted: str) -> bool:
    """Whether `stamp` says that exactly this was installed before."""
    return stamp.exists() and stamp.read_text() == wanted


def python() -> Path:
    """The interpreter of a virtual environment that has tests/requirements.txt."""
    requirements = TESTS / "requirements.txt"
    venv = CACHE / "venv"
    stamp, wanted = venv / "stamp", hashlib.sha256(requirements.read_bytes()).hexdigest()
    interpreter = venv / "bin" / "python"
    if not stamped(stamp, wanted):
        shutil.rmtree(venv, ignore_errors=True)
        make = [str(program("python3", "python3")), "-m", "venv", str(venv)]
        try:
            install("venv", make)
        except Skip:
            # Debian keeps the module `venv` needs in a package of its own.
            apt("python3-venv")
            install("venv", make)
        install("pip", [str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(requirements)])
        stamp.write_text(wanted)
    return interpreter


def node() -> tuple[Path, Path]:
    """The program `node`, and a `node_modules` that has what tests/package.json names."""
    runtime = program("node", "nodejs")
    version = subprocess.run([str(runtime), "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    if not numbers or tuple(map(int, numbers.groups())) < OLDEST_NODE:
        raise Skip(f"needs node {'.'.join(map(str, OLDEST_NODE))} or newer, found {version or 'none that starts'}")
    package = (TESTS / "package.json").read_text()
    home = CACHE / "node"
    if not stamped(home / "stamp", package):
        npm = program("npm", "npm")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        (home / "package.json").write_text(package)
        install("npm", [str(npm), "install", "--no-package-lock", "--no-audit", "--no-fund"], cwd=home)
        (home / "stamp").write_text(package)
    return runtime, home / "node_modules"


def chromium() -> Path:
    return program("chromium", "chromium")


def cargo_tool(name: str, *, long: bool) -> None:
    """Makes sure of `cargo NAME`. Building one takes minutes, so only a long run does it."""
    if shutil.which(f"cargo-{name}", path=search_path()):
        return
    if not long:
        raise Skip(f"cargo-{name} is not installed, and building it is for --long")
    install(f"cargo-{name}", ["cargo", "install", "--locked", "--root", str(CACHE / "cargo"), f"cargo-{name}"])


def search_path() -> str:
    """PATH, with the programs that `cargo_tool` built."""
    return f"{CACHE / 'cargo' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"


def target_directory() -> Path:
    """Where cargo puts what it builds."""
    described = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return Path(json.loads(described.stdout)["target_directory"])
