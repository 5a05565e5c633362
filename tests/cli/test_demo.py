#!/usr/bin/env python3
"""The demo holds what it says, from a fresh directory and without a terminal."""
import os
import re
import signal
import subprocess
import unittest

from tool import NACRE, PATIENCE, ROOT, Case, FILMS


class Demo(Case):
    def test_everything_holds(self):
        env = self.environment(NACRE=NACRE, TMPDIR=self.folder.name)
        done = subprocess.run([ROOT / "tools/demo.sh"], capture_output=True, text=True, env=env,
                              timeout=500, cwd=self.folder.name)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("36,273 films", done.stdout)
        self.assertIn("2,000 jobs were won once, 0 twice", done.stdout)
        self.assertEqual(len(re.findall("0 lost, 0 came back", done.stdout)), 3)
        self.assertIn("Everything held.", done.stdout)
        self.assertNotIn("  NO  ", done.stdout)
        self.assertEqual(os.listdir(self.folder.name), [])

    def interrupt(self, heading):
        """Sends the signal when the heading was shown; what came then, and the exit code."""
        env = self.environment(TMPDIR=self.folder.name)
        with subprocess.Popen([NACRE, "demo", "--films", FILMS], stdout=subprocess.PIPE,
                              text=True, env=env, start_new_session=True) as process:
            for line in process.stdout:
                if line.startswith(heading):
                    break
            os.killpg(process.pid, signal.SIGINT)
            rest = process.stdout.read()
            return rest, process.wait(PATIENCE)

    def test_interrupted(self):
        for heading in ("1. Import", "6. Whole"):
            rest, code = self.interrupt(heading)
            for _ in range(9):  # this process may have slept until the demo was over
                if "Everything held." not in rest:
                    break
                rest, code = self.interrupt(heading)
            self.assertEqual(code, 130, rest)
            self.assertIn("Interrupted.", rest)
            self.assertEqual(os.listdir(self.folder.name), [])

    def test_wrong_places(self):
        self.fails(3, "the films are not here", "demo", "--films", "no/such")
        self.fails(4, "making", "demo", "--films", FILMS, "--dir", self.folder.name)


if __name__ == "__main__":
    unittest.main()
