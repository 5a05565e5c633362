#!/usr/bin/env python3
"""The audit log and its verification; CORS."""
import http.client
import json
import os
import signal
import subprocess
import unittest

from test_serve import Answer, Served
from tool import NACRE, PATIENCE


class Audit(Served):
    def log(self):
        with open(os.path.join(self.dir, "audit", "00000001.log"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def verify(self):
        run = subprocess.run([NACRE, "audit", "verify", self.dir, "--json"], text=True,
                             env=self.environment(), capture_output=True, timeout=PATIENCE,
                             check=False)
        return run.returncode, json.loads(run.stdout) if run.returncode == 0 else run.stderr

    def events(self):
        made = self.ok(201, "POST", "/keys", {"name": "k", "role": "reader"}).json
        self.ok(201, "PUT", "/db/shop")
        self.ok(201, "PUT", "/db/shop/collections/c")
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        self.assertEqual(self.call("PUT", "/collections/c/docs/b", {}, key=made["key"]).status, 403)
        self.assertEqual(self.call("GET", "/collections", key="nacre_wrong").status, 401)
        self.assertEqual(self.call("GET", "/keys", key=made["key"]).status, 403)
        self.refused(404, "not_found", "DELETE", "/keys/none")
        self.ok(204, "DELETE", "/keys/" + made["id"])
        return made

    def test_what_is_told(self):
        made = self.events()
        lines = self.log()
        self.assertEqual([(line["what"], line.get("who"), line["result"]) for line in lines], [
            ("key_create", "admin", "ok"), ("database_put", "admin", "ok"),
            ("collection_put", "admin", "ok"),
            ("document_put", "key:" + made["id"], "permission_denied"),
            ("authenticate", None, "unauthenticated"),
            ("key_list", "key:" + made["id"], "permission_denied"),
            ("key_delete", "admin", "not_found"), ("key_delete", "admin", "ok")])
        self.assertEqual([line["n"] for line in lines], list(range(1, 9)))
        self.assertEqual({line["address"] for line in lines}, {"127.0.0.1"})
        self.assertEqual(lines[0]["target"], "/v1/keys/" + made["id"])
        self.assertEqual((lines[2]["database"], lines[2]["collection"]), ("shop", "c"))
        self.assertEqual(lines[7]["target"], made["id"])
        self.assertNotIn(made["key"], json.dumps(lines))
        self.assertNotIn("nacre_wrong", json.dumps(lines))
        code, told = self.verify()
        self.assertEqual((code, told["lines"]), (0, 8))

    def test_restarts(self):
        self.events()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        path = os.path.join(self.dir, "audit", "00000001.log")
        with open(path, "ab") as file:
            file.write(b'{"n":9,"ti')  # a line that the crash cut
        self.assertEqual(self.verify()[1]["lines"], 8)
        self.start()
        self.ok(201, "POST", "/keys", {"name": "k", "role": "reader"})
        self.assertEqual(self.verify()[1]["lines"], 9)

    def test_damage(self):
        self.events()
        self.stop()
        path = os.path.join(self.dir, "audit", "00000001.log")
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        whole = self.verify()[1]["last"]
        for wrong, line in (
                (lines[:2] + [lines[2].replace(b"shop", b"shap")] + lines[3:], 4),
                (lines[:3] + lines[4:], 4), (lines[1:], 1), (lines[:4] + lines[3:], 5),
                (lines[:1] + [lines[2], lines[1]] + lines[3:], 2),
                ([lines[0].replace(b"{", b"[", 1)] + lines[1:], 1)):
            with open(path, "wb") as file:
                file.write(b"".join(wrong))
            code, told = self.verify()
            self.assertNotEqual(code, 0)
            self.assertIn(f"line {line}:", told)
        with open(path, "wb") as file:
            file.write(b"".join(lines[:-1]))
        self.assertNotEqual(self.verify()[1]["last"], whole)  # cut at the end: the last one tells

    def test_empty(self):
        path = os.path.join(self.dir, "audit")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)
        code, told = self.verify()
        self.assertEqual((code, told["lines"]), (0, 0))


class Cors(Served):
    def ask(self, verb, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request(verb, path, headers={name.replace("_", "-"): value
                                                for name, value in headers.items()})
        return Answer(connection.getresponse())

    def test_off(self):
        wanted = {"Origin": "https://a.example", "Access_Control_Request_Method": "PUT"}
        answer = self.ask("OPTIONS", "/v1/collections", **wanted)
        self.assertEqual(answer.status, 401)
        answer = self.ask("GET", "/v1/collections", Origin="https://a.example",
                          Authorization="Bearer " + self.key)
        self.assertEqual(answer.status, 200)
        self.assertFalse([name for name in answer.headers if name.startswith("Access-")])
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Content-Security-Policy"], "frame-ancestors 'none'")

    def test_on(self):
        self.stop()
        self.start("--cors", "https://a.example,https://b.example")
        wanted = {"Access_Control_Request_Method": "PUT"}
        for origin in ("https://a.example", "https://b.example"):
            answer = self.ask("OPTIONS", "/v1/collections", Origin=origin, **wanted)
            self.assertEqual(answer.status, 204)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], origin)
            self.assertIn("PUT", answer.headers["Access-Control-Allow-Methods"])
            self.assertIn("Authorization", answer.headers["Access-Control-Allow-Headers"])
            for key, status in ((self.key, 200), ("x", 401)):
                answer = self.ask("GET", "/v1/collections", Origin=origin,
                                  Authorization="Bearer " + key)
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["Access-Control-Allow-Origin"], origin)
                self.assertEqual(answer.headers["Vary"], "Origin")
        for origin in ("https://c.example", "https://a.example.evil", "null", "", "https://a",
                       "https://a.example,https://b.example"):
            answer = self.ask("OPTIONS", "/v1/collections", Origin=origin, **wanted)
            self.assertEqual(answer.status, 401)
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        self.assertEqual(self.ask("OPTIONS", "/v1/collections").status, 401)


if __name__ == "__main__":
    unittest.main()
