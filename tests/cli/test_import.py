#!/usr/bin/env python3
"""Imports: wrong lines, interruptions by SIGINT and SIGKILL, resuming."""
import array
import fcntl
import glob
import gzip
import json
import os
import signal
import subprocess
import termios
import time
import unittest

from tool import NACRE, PATIENCE, Case, FILMS

LINES = 150000


class Import(Case):
    def test_films(self):
        row = self.ok("import", "films", FILMS).row
        self.assertEqual((row["documents"], row["failed"], row["lines"]), (36273, 0, 36273))
        self.assertEqual(self.ok("count", "films").out, "36273\n")
        self.assertNotIn("imports", os.listdir(self.dir))

    def test_modes(self):
        path = self.lines(3)
        self.ok("import", "c", path)
        self.ok("import", "c", path)
        self.assertEqual(self.ok("get", "c", "~1").row["_version"], 2)
        told = self.fails(4, "line 1: ", "import", "c", path, "--mode", "insert")
        self.assertIn("already_exists", told.err)
        self.fails(7, "", "import", "c", path, "--mode", "insert", "--on-error", "skip")

    def test_refused_lines(self):
        text = '{"_id":1}\nnot json\n{"_id":2}\n[]\n\n{"_id":3}\n{"$end":{"documents":3}}\n'
        told = self.fails(2, "error: line 2, column 1: ", "import", "c", "-", stdin=text)
        self.assertEqual(told.err.count("error:"), 1)
        self.assertIn("--skip-lines 1", told.err)
        self.assertEqual(self.ok("count", "c").out, "1\n")
        result = self.run_tool("import", "c", "-", "--on-error", "skip", stdin=text)
        self.assertEqual(result.code, 7)
        rows = result.rows
        self.assertEqual([row["line"] for row in rows[:-1]], [2, 4])
        self.assertEqual([row["error"]["code"] for row in rows[:-1]],
                         ["invalid_json", "invalid_argument"])
        self.assertIn("line 4, column 1 ", rows[1]["error"]["detail"])
        self.assertEqual((rows[-1]["documents"], rows[-1]["failed"]), (3, 2))
        self.ok("import", "c", "-", "--skip-lines", "4", stdin=text)
        told = self.fails(2, "line 1, column 1: ", "import", "d", "-", stdin="no\n")
        self.assertNotIn("To go on", told.err)
        told = self.fails(1, "gzip", "import", "d", "-", stdin=gzip.compress(b'{"_id":1}'))
        self.assertIn("hint:", told.err)

    def test_csv(self):
        path = os.path.join(self.folder.name, "people.csv")
        with open(path, "w", newline="") as file:
            file.write('_id,name,address.city,tags.0\r\n1,"A ""B""\nC",Oslo,x\r\n'
                       '2,007,,\r\n3\r\n4,x,,\r\n')
        told = self.fails(2, "error: line 5, column 2: expected a field", "import", "c", path)
        self.assertIn("import c " + path + " --resume", told.err)
        self.assertEqual(self.ok("get", "c", "~1", "--fields", "name,address,tags").row,
                         {"_id": 1, "name": 'A "B"\nC', "address": {"city": "Oslo"}, "tags": ["x"]})
        with open(path, "rb") as file:
            text = file.read().replace(b"3\r", b"3,,,\r")
        with open(path, "wb") as file:
            file.write(text)
        self.ok("import", "c", path, "--skip-lines", "4")
        told = self.ok("export", "c", "--format", "csv").out
        self.assertEqual(told.replace("\r\n", "\n"), text.decode().replace("\r\n", "\n"))
        # Without a name to go by.
        self.fails(2, "invalid_json", "import", "d", "-", stdin=told)
        self.ok("import", "d", "-", "--format", "csv", stdin=told)
        self.assertEqual(self.ok("export", "d", "--format", "csv").out, told)
        picked = self.ok("export", "d", "--format", "csv", "--fields", "name,x").out
        self.assertEqual(picked.split()[0], "_id,name,x")
        packed = subprocess.run(["zstd", "-q", "-f", path], check=False).returncode == 0
        if packed:
            self.ok("import", "e", path + ".zst")
            self.assertEqual(self.ok("count", "e").out, "4\n")
        self.fails(2, "ndjson|csv", "export", "d", "--format", "xml")

    def test_wrong_files(self):
        self.fails(3, "opening no/such", "import", "c", "no/such")
        self.fails(1, "is a directory", "import", "c", self.folder.name)
        self.assertFalse(os.path.exists(self.dir))
        self.fails(2, "exclude each other", "import", "c", FILMS, "--resume", "--skip-lines", "1")
        with open(FILMS, "rb") as file:
            broken = file.read()[:200000]
        self.fails(1, "", "import", "c", "-", stdin=broken)
        self.ok("import", "c", "-", stdin="")
        self.ok("check")

    def interrupt(self, number, path, *more):
        """Starts an import and sends the signal once it has begun to store for good."""
        with subprocess.Popen([NACRE, "import", "c", path, *more], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.environment(),
                              cwd=self.folder.name) as process:
            end = time.monotonic() + 2 * PATIENCE
            # A note is written about once a second; held most of the time, the import is still
            # far from its end when the first one is, however fast the machine.
            while not self.kept() and process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
                process.send_signal(signal.SIGSTOP)
                time.sleep(0.2)
                process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            out, err = process.communicate(timeout=100)
            return process.returncode, out.decode(), err.decode()

    def kept(self):
        """Lines that the file for --resume tells."""
        for path in glob.glob(os.path.join(self.dir, "imports/*.json")):
            with open(path, encoding="utf-8") as file:
                return json.load(file)["lines"]
        return 0

    def finish(self, path, at_least):
        self.assertGreater(at_least, 0)
        told = self.ok("import", "c", path, "--resume")
        self.assertIn("going on after line", told.err)
        self.assertEqual(told.row["lines"], LINES)
        self.assertLessEqual(told.row["documents"], LINES - at_least)
        self.assertEqual(self.ok("count", "c").out, f"{LINES}\n")
        self.assertEqual(self.kept(), 0)
        self.assertEqual(self.ok("check").row["problems"], 0)

    def test_resume_after_interrupt(self):
        path = self.lines(LINES)
        code, out, err = self.interrupt(signal.SIGINT, path)
        self.assertEqual(code, 130, err)
        row = json.loads(out)
        self.assertLess(row["lines"], LINES)
        self.assertEqual(self.kept(), row["lines"])
        self.assertEqual(self.ok("count", "c").out, f"{row['lines']}\n")
        self.assertIn("--resume", err)
        self.assertIn("--resume would go on", self.run_tool(
            "import", "c", path, "--mode", "insert").err)
        self.finish(path, row["lines"])
        self.assertEqual(self.ok("get", "c", "~0").row["_version"], 1)

    def test_resume_after_kill(self):
        path = self.lines(LINES)
        code, _, _ = self.interrupt(signal.SIGKILL, path)
        self.assertEqual(code, -signal.SIGKILL)
        lines = self.kept()
        self.assertGreaterEqual(int(self.ok("count", "c").out), lines)
        self.finish(path, lines)

    def test_resume_knows_its_file(self):
        path = self.lines(LINES)
        self.interrupt(signal.SIGTERM, path)
        with open(path, "a", encoding="utf-8") as file:
            file.write('{"_id":-1}\n')
        told = self.ok("import", "c", path, "--resume")
        self.assertIn("the file has changed", told.err)
        self.assertEqual(told.row["documents"], LINES + 1)

    def wait_read(self, pipe):
        """Until the other side has read all of it."""
        end = time.monotonic() + PATIENCE
        left = array.array("i", [1])
        while left[0] and time.monotonic() < end:
            fcntl.ioctl(pipe, termios.FIONREAD, left)
            time.sleep(0.01)
        self.assertEqual(left[0], 0)

    def test_interrupted_pipe(self):
        with subprocess.Popen([NACRE, "import", "c", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment()) as process:
            for part in (b'{"_id":1}\n{"_id":2}\n', b'{"_id":'):
                process.stdin.write(part)
                process.stdin.flush()
                self.wait_read(process.stdin)  # of the second: the first was taken in
            process.send_signal(signal.SIGINT)
            out = process.stdout.read()
            err = process.stderr.read().decode()
            self.assertEqual(process.wait(100), 130, err)
        lines = json.loads(out)["lines"]
        self.assertIn(f"--skip-lines {lines}", err)
        self.assertEqual(self.ok("count", "c").out, f"{lines}\n")


if __name__ == "__main__":
    unittest.main()
