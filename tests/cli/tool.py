"""Runs the tool for the tests. $NACRE is its path."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

NACRE = os.path.abspath(os.environ.get("NACRE", "build/dev/nacre"))
ROOT = Path(__file__).resolve().parents[2]
FILMS = str(ROOT / "examples/films.ndjson.zst")
PATIENCE = 100  # seconds; a sanitizer on a busy machine is slow


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def row(self):
        (row,) = self.rows
        return row


class Case(unittest.TestCase):
    """A test with a directory of its own; run() is the tool in it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="nacre-cli-")
        self.addCleanup(self.folder.cleanup)
        self.dir = os.path.join(self.folder.name, "data")

    def environment(self, **more):
        names = ("PATH", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        state = os.path.join(self.folder.name, "state")
        return {**kept, "NACRE_DIR": self.dir, "XDG_STATE_HOME": state, "TERM": "xterm", **more}

    def run_tool(self, *words, stdin="", env=None, raw=False):
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run([NACRE, *words], input=data, capture_output=True, timeout=PATIENCE,
                              env=env or self.environment(), cwd=self.folder.name)
        if raw:
            return Result(done.returncode, done.stdout, done.stderr)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *words, **more):
        """The result of a call that must succeed."""
        result = self.run_tool(*words, **more)
        self.assertEqual(result.code, 0, f"{words}: {result.err}")
        return result

    def fails(self, code, told, *words, **more):
        """The result of a call that must end with this exit code and say this."""
        result = self.run_tool(*words, **more)
        self.assertEqual(result.code, code, f"{words}: {result.err}{result.out}")
        self.assertIn(told, result.err)
        return result

    def lines(self, count, extra=""):
        """A file of documents with the ids 0..count-1."""
        path = os.path.join(self.folder.name, "lines.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            for i in range(count):
                file.write(f'{{"_id":{i},"n":{i},"text":"{"x" * 100}"{extra}}}\n')
        return path


class Terminal:
    """The tool on a terminal of its own."""

    def __init__(self, case, *words, columns=80, stdout=True, **more):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [NACRE, *words], stdin=slave, stdout=slave if stdout else subprocess.DEVNULL,
            stderr=slave, env=case.environment(**more), cwd=case.folder.name,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = ""
        case.addCleanup(self.close)

    def read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return True
        try:
            got = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += got.decode(errors="replace")
        return bool(got)

    def wait_for(self, text, count=1):
        self.wait_for_pattern(re.escape(text), count)

    def wait_for_pattern(self, pattern, count=1):
        end = time.monotonic() + PATIENCE
        while len(re.findall(pattern, self.seen)) < count:
            alive = self.read(0.2)
            if time.monotonic() > end or (not alive and
                                          len(re.findall(pattern, self.seen)) < count):
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")

    def type(self, text):
        os.write(self.master, text.encode())

    def finish(self):
        """What was shown, and the exit code."""
        while self.read(PATIENCE):
            pass
        return self.seen.replace("\r\n", "\n"), self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        try:
            os.close(self.master)
        except OSError:
            pass
