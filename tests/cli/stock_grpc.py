"""grpcio, in a virtual environment of the user's cache."""
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import grpc
except ImportError:
    grpc = None

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nacre/test-grpc"
VERSION = "1.76.0"
PACKAGES = [f"{name}=={VERSION}" for name in ("grpcio", "grpcio-tools", "grpcio-reflection",
                                              "grpcio-health-checking", "grpcio-status")]


def in_cache(name, make):
    """A folder of the cache, made once; None where that fails."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    with open(CACHE / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                make(folder)
            except (subprocess.SubprocessError, OSError):
                return None
            (folder / "ready").touch()
    return folder


def quietly(*words, **more):
    subprocess.run(words, check=True, timeout=300, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def make_python(folder):
    quietly(sys.executable, "-m", "venv", "--system-site-packages", str(folder))
    quietly(str(folder / "bin/pip"), "install", "-q", "--retries", "1", "--timeout", "20",
            *PACKAGES)


def with_grpcio():
    """The module grpc; where it is not, the program begins anew with a Python that has it. None:
    there is none to be had."""
    if not grpc and not re.search("test-grpc", sys.executable):
        folder = in_cache(f"python{sys.version_info[0]}.{sys.version_info[1]}-{VERSION}",
                          make_python)
        if folder:
            os.execv(folder / "bin/python", [str(folder / "bin/python"), *sys.argv])
    return grpc
