#!/usr/bin/env python3
"""The configuration of serve: file, environment, flags, their order, mistakes."""
import os
import re
import signal
import subprocess
import unittest

from tool import Case, NACRE, PATIENCE, ROOT


class Config(Case):
    def file(self, text, name="nacre.toml"):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def shown(self, *words, **env):
        rows = self.ok("config", "show", "--origin", *words, env=self.environment(**env)).rows
        return {row["option"]: (row["value"], row["origin"]) for row in rows}

    def test_order(self):
        self.assertEqual(self.shown()["server.slow_ms"], (None, "default"))
        self.file("[server]\nslow_ms = 7\nlisten = ['127.0.0.1:1', '[::1]:2']\ninsecure = true\n")
        shown = self.shown(NACRE_SERVER_SLOW_MS="8", NACRE_SERVER_INSECURE="false")
        self.assertEqual(shown["server.slow_ms"], (8, "environment"))
        self.assertEqual(shown["server.insecure"], (False, "environment"))
        self.assertEqual(shown["server.listen"], ("127.0.0.1:1,[::1]:2", "file"))
        self.file("[server]\nslow_ms = 9\n", "other.toml")
        self.assertEqual(self.shown("--config", "other.toml")["server.slow_ms"], (9, "file"))
        self.assertEqual(self.shown(NACRE_CONFIG="other.toml")["server.slow_ms"], (9, "file"))
        self.ok("config", "check")

    def test_mistakes(self):
        cases = [
            ("[server]\n\nslowms = 7\n", "nacre.toml:3: there is no option server.slowms"),
            ("[server]\nslowms = 7\n", "did you mean server.slow_ms?"),
            ("[sever]\nslow_ms = 7\n", "did you mean server.slow_ms?"),
            ("slow_ms = 7\n", "nacre.toml:1: there is no option slow_ms"),
            ("[server]\nslow_ms = '7'\n", "nacre.toml:2: server.slow_ms is a whole number from 1"),
            ("[server]\nslow_ms = 0\n", 'not "0"'),
            ("[server]\nslow_ms = -1\n", 'not "-1"'),
            ("[server]\nslow_ms = 99999999999999999999\n", "nacre.toml:2: "),
            ("[server]\ninsecure = 1\n", "server.insecure is true or false"),
            ("[server]\nlisten = [1]\n", "server.listen is a text"),
            ("[server.listen]\na = 1\n", "server.listen is a text"),
            ("[server]\nlisten = ''\n", "server.listen is a text"),
            ("[tls]\nmin = '1.1'\n", 'tls.min is 1.2|1.3, not "1.1"'),
            ("[server\n", "nacre.toml:1: "),
            ("[server]\nslow_ms = 7\nslow_ms = 8\n", "nacre.toml:3: "),
            ("a = '\xff\n", "nacre.toml:1: "),
        ]
        for text, told in cases:
            self.file(text)
            for command in (("config", "check"), ("config", "show"), ("serve",)):
                self.fails(2, told, *command)
            self.assertFalse(os.path.exists(self.dir), text)
        self.file("")
        self.fails(3, "cannot be read", "config", "check", "--config", "none.toml")
        for name, value, told in (("NACRE_SERVER_SLOWMS", "7", "mean NACRE_SERVER_SLOW_MS?"),
                                  ("NACRE_SERVER_SLOW_MS", "x", "a whole number from 1"),
                                  ("NACRE_SERVER_INSECURE", "yes", "true or false")):
            self.fails(2, told, "config", "check", env=self.environment(**{name: value}))
        self.ok("config", "check", env=self.environment(NACRE_OTHER="x"))

    def test_served(self):
        """The file's address is taken, and a flag's overrules it."""
        self.file("[server]\nlisten = '127.0.0.1:0'\n[backup]\ndirectory = 'backups'\n")
        for words, host in (((), "127.0.0.1"), (("--listen", "127.0.0.2:0"), "127.0.0.2")):
            with subprocess.Popen([NACRE, "serve", self.dir, *words], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, env=self.environment(), text=True,
                                  cwd=self.folder.name) as process:
                try:
                    self.assertIn(f"http://{host}:", process.stderr.readline())
                    process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.wait(PATIENCE), 0)
                finally:
                    process.kill()

    def test_documentation(self):
        text = (ROOT / "docs/config.md").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r"^\| `(\w+\.\w+)`", text, re.M), list(self.shown()))
        self.file(re.search(r"```toml\n(.*?)```", text, re.S)[1])
        self.ok("config", "check")


if __name__ == "__main__":
    unittest.main()
