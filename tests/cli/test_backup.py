#!/usr/bin/env python3
"""Backups as users see them: commands, calls of the server, kills in the middle, docs/backup.md."""
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import test_serve
from tool import Case, NACRE, PATIENCE, ROOT


class Commands(Case):
    def setUp(self):
        super().setUp()
        self.backups = os.path.join(self.folder.name, "backups")
        self.to = os.path.join(self.folder.name, "restored")

    def backup(self, verb, *words):
        return self.ok("backup", verb, *words, "--backups", self.backups)

    def test_chain(self):
        self.ok("import", "c", self.lines(300))
        made = self.backup("create", "full").row
        self.assertEqual((made["name"], made["state"], made["kind"]), ("full", "complete", "full"))
        self.assertEqual(made["databases"], [{"name": "main", "collections": [
            {"name": "c", "documents": 300}]}])
        self.ok("rm", "c", "~7")
        self.assertEqual(self.backup("create", "more", "--incremental-of", "full").row["parent"],
                         "full")
        self.assertEqual([row["name"] for row in self.backup("list").rows], ["full", "more"])
        self.backup("verify", "more")
        self.backup("restore", "more", self.to)
        self.assertEqual(self.ok("count", "c", "--dir", self.to).out.strip(), "299")
        self.ok("check", self.to)
        self.fails(2, "not empty", "backup", "restore", "full", self.to, "--backups", self.backups)
        self.fails(4, "builds on", "backup", "delete", "full", "--backups", self.backups)
        self.backup("delete", "more")
        self.backup("delete", "full")
        self.assertEqual(self.backup("list").rows, [])

    def test_wrong(self):
        self.ok("put", "c", '{"_id":1}')
        self.fails(2, "--backups", "backup", "create", "x")
        self.fails(2, "name", "backup", "create", "../x", "--backups", self.backups)
        self.fails(3, "no backup", "backup", "verify", "x", "--backups", self.backups)
        self.assertFalse(os.path.exists(os.path.join(self.folder.name, "x")))

    def test_damage(self):
        self.ok("import", "c", self.lines(300))
        self.backup("create", "full")
        store = os.path.join(self.backups, "full", "store")
        table = next(name for name in os.listdir(store) if name.endswith(".sst"))
        with open(os.path.join(store, table), "r+b") as file:
            file.seek(100)
            byte = file.read(1)
            file.seek(100)
            file.write(bytes([byte[0] ^ 1]))
        result = self.fails(1, "cannot be relied on", "backup", "verify", "full", "--backups",
                            self.backups)
        self.assertIn(table, result.out)
        self.fails(1, table, "backup", "restore", "full", self.to, "--backups", self.backups)
        self.assertFalse(os.path.exists(self.to))

    def test_killed(self):
        """Killed at any moment: there is a whole backup, or none that anybody takes for one."""
        self.ok("import", "c", self.lines(2000))
        states = set()
        for turn in range(8):
            name = f"b{turn}"
            process = subprocess.Popen([NACRE, "backup", "create", name, "--backups", self.backups],
                                       env=self.environment(), cwd=self.folder.name,
                                       stdout=subprocess.DEVNULL)
            folder = os.path.join(self.backups, name)
            while process.poll() is None and not os.path.exists(folder):
                time.sleep(0.001)
            time.sleep(turn * 0.004)  # whatever it is doing then
            process.send_signal(signal.SIGKILL)
            process.wait()
            for row in self.backup("list").rows:
                states.add(row["state"])
                self.assertIn(row["state"], ("complete", "incomplete"))
                if row["state"] == "incomplete":
                    self.fails(1, "incomplete", "backup", "restore", row["name"], self.to,
                               "--backups", self.backups)
                else:
                    self.backup("verify", row["name"])
                self.backup("delete", row["name"])
        self.ok("check")
        self.assertEqual(self.ok("count", "c").out.strip(), "2000")
        self.assertEqual(os.listdir(self.backups), ["LOCK"])

    def test_documentation(self):
        text = (ROOT / "docs/backup.md").read_text(encoding="utf-8")
        script = "\n".join(["set -e", *re.findall(r"```sh\n(.*?)```", text, re.S)])
        tools = os.path.join(self.folder.name, "bin")
        os.mkdir(tools)
        os.symlink(NACRE, os.path.join(tools, "nacre"))
        env = self.environment(PATH=tools + ":" + os.environ["PATH"])
        done = subprocess.run(["sh", "-c", script], cwd=self.folder.name, env=env, timeout=PATIENCE,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)


class Server(test_serve.Served):
    def setUp(self):
        self.backups = None
        super().setUp()

    def start(self, *words):
        self.backups = os.path.join(self.folder.name, "backups")
        super().start("--backups", self.backups, "--archive", *words)

    def ended(self, answer):
        """The job at its end."""
        job = answer.json
        self.assertEqual(answer.headers["Location"], "/v1/jobs/" + job["id"])
        end = time.monotonic() + PATIENCE
        while job["state"] == "running" and time.monotonic() < end:
            job = self.ok(200, "GET", "/jobs/" + job["id"]).json
        return job

    def test_backups(self):
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        job = self.ended(self.ok(202, "POST", "/backups", {"name": "full"}))
        self.assertEqual((job["state"], job["progress"], job["backup"]), ("done", 1, "full"))
        self.ok(201, "PUT", "/collections/c/docs/b", {"n": 2})
        job = self.ended(self.ok(202, "POST", "/backups", {"name": "more",
                                                           "incremental_of": "full"}))
        self.assertEqual(job["state"], "done")
        items = self.ok(200, "GET", "/backups").json["items"]
        self.assertEqual([item["name"] for item in items], ["full", "more"])
        self.assertEqual(self.ok(200, "GET", "/backups/more").json["databases"][0]["collections"],
                         [{"name": "c", "documents": 2}])
        job = self.ended(self.ok(202, "POST", "/backups/more:verify"))
        self.assertEqual(job["state"], "done", job)
        job = self.ended(self.ok(202, "POST", "/backups/more:restore", {"as": "again"}))
        self.assertEqual(job["state"], "done", job)
        jobs = self.ok(200, "GET", "/jobs").json["items"]
        self.assertEqual([job["kind"] for job in jobs], ["backup_restore", "backup_verify",
                                                        "backup_create", "backup_create"])
        self.stop()
        restored = os.path.join(self.backups, "again.restored")
        self.assertEqual(self.ok_tool("count", "c", "--dir", restored).out.strip(), "2")

    def ok_tool(self, *words):
        return Case.ok(self, *words)

    def test_refused(self):
        self.refused(400, "invalid_argument", "POST", "/backups", {})
        self.refused(400, "invalid_argument", "POST", "/backups", {"name": "../x"})
        self.refused(400, "invalid_argument", "POST", "/backups", {"name": "x", "dir": "/tmp"})
        self.refused(404, "not_found", "GET", "/backups/x")
        self.refused(404, "not_found", "POST", "/backups/x:verify")
        self.refused(404, "not_found", "DELETE", "/backups/x")
        self.refused(404, "not_found", "DELETE", "/jobs/x")
        job = self.ended(self.ok(202, "POST", "/backups", {"name": "x", "incremental_of": "none"}))
        self.assertEqual((job["state"], job["error"]["code"]), ("failed", "not_found"))
        self.ended(self.ok(202, "POST", "/backups", {"name": "x"}))
        self.refused(400, "invalid_argument", "POST", "/backups/x:restore", {"as": "a/b"})
        job = self.ended(self.ok(202, "POST", "/backups/x:restore", {"as": "y", "time": "soon"}))
        self.assertEqual(job["error"]["code"], "invalid_argument")
        self.ok(204, "DELETE", "/backups/x")

    def test_not_allowed(self):
        self.stop()
        test_serve.Served.start(self)
        self.refused(403, "permission_denied", "GET", "/backups")
        self.refused(403, "permission_denied", "POST", "/backups", {"name": "x"})

    def test_damage(self):
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        self.ended(self.ok(202, "POST", "/backups", {"name": "full"}))
        shutil.rmtree(os.path.join(self.backups, "full", "log-1"))
        job = self.ended(self.ok(202, "POST", "/backups/full:verify"))
        self.assertEqual(job["state"], "failed")
        self.assertIn("log-1", job["problems"][0])

    def test_stop_ends_jobs(self):
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        for name in ("a", "b"):
            self.ok(202, "POST", "/backups", {"name": name})
        self.stop()


if __name__ == "__main__":
    unittest.main()
