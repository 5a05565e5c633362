#!/usr/bin/env python3
"""What the server tells on stderr: JSON or text, a line a request, nothing that is secret."""
import json
import os
import re
import signal
import subprocess
import unittest

from test_serve import Served
from tool import NACRE, PATIENCE

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Logs(Served):
    def restart(self, *words):
        self.stop()
        self.start(*words)

    def lines(self):
        """All that was told after the first line, once the server has ended."""
        self.process.send_signal(signal.SIGTERM)
        told = self.process.communicate(timeout=PATIENCE)[1]
        self.assertEqual(self.process.returncode, 0, told)
        return told.splitlines()

    def requests(self):
        lines = [json.loads(line) for line in self.lines()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("info", "warn"))
        return [line for line in lines if line["message"] == "request"]

    def test_json(self):
        """No terminal: JSON; requests only where they are wanted."""
        self.ok(200, "GET", "/collections")
        told = [json.loads(line) for line in self.lines()]
        self.assertEqual([(line["level"], line["message"]) for line in told],
                         [("info", "stopping")])

    def test_requests(self):
        self.restart("--log-requests")
        body = json.dumps({"secret": "swordfish"})
        put = self.ok(201, "PUT", "/collections/c/docs/cuttlefish", body)
        got = self.ok(200, "GET", "/collections/c/docs/cuttlefish")
        self.refused(404, "document_not_found", "GET", "/collections/c/docs/octopus?fields=squid")
        self.refused(401, "unauthenticated", "GET", "/collections", key="nacre_hush")
        self.refused(404, "not_found", "GET", "/../a/private/place")
        self.ok(200, "GET", "/../livez")
        self.assertIn("400", self.raw(b"nonsense\r\n\r\n"))
        text = self.lines()
        lines = [json.loads(line) for line in text]
        told = [line for line in lines if line["message"] == "request"]
        self.assertEqual([(line.get("op"), line["status"], line["code"]) for line in told],
                         [("document_put", 201, "ok"), ("document_get", 200, "ok"),
                          ("document_get", 404, "document_not_found"),
                          (None, 401, "unauthenticated"), (None, 404, "not_found"),
                          ("/livez", 200, "ok")])
        self.assertEqual(told[0]["request_id"], put.headers["Nacre-Request-Id"])
        self.assertEqual((told[0]["bytes_in"], told[0]["bytes_out"]),
                         (len(body), len(put.text)))
        self.assertEqual((told[1]["bytes_in"], told[1]["bytes_out"]), (0, len(got.text)))
        self.assertEqual({line["protocol"] for line in told}, {"http"})
        self.assertEqual({line["address"] for line in told}, {"127.0.0.1"})
        self.assertEqual([line.get("principal") for line in told],
                         ["admin", "admin", "admin", None, "admin", None])
        refused = [line for line in lines if line["message"] == "refused"]
        self.assertEqual([line["status"] for line in refused], [400])
        for secret in (self.key, "hush", "swordfish", "cuttlefish", "octopus", "squid", "private"):
            self.assertNotIn(secret, "\n".join(text))

    def test_traces(self):
        self.restart("--log-requests", "--slow-ms", "1")
        wrong = (None, PARENT[:-1], PARENT.upper(), "ff" + PARENT[2:], PARENT + "-x",
                 PARENT.replace(TRACE, "0" * 32), PARENT.replace("00f067aa0ba902b7", "0" * 16))
        for parent in (PARENT, "01" + PARENT[2:] + "-more"):
            self.ok(200, "GET", "/collections", traceparent=parent)
        for parent in wrong:
            headers = {"traceparent": parent} if parent else {}
            self.ok(200, "GET", "/collections", **headers)
        lines = "".join(f'{{"_id":{i},"n":{i}}}\n' for i in range(20000))
        self.ok(200, "POST", "/collections/c:import", lines, media="application/x-ndjson",
                traceparent=PARENT)
        slow = self.ok(200, "GET", "/slowlog").json["items"]
        self.assertEqual([item["trace_id"] for item in slow if item["op"] == "import"], [TRACE])
        told = self.requests()
        self.assertEqual([line["trace_id"] for line in told[:2]], [TRACE, TRACE])
        news = {line["trace_id"] for line in told[2:2 + len(wrong)]}
        self.assertEqual(len(news - {TRACE}), len(wrong))
        for trace in news:
            self.assertRegex(trace, "^[0-9a-f]{32}$")

    def test_text(self):
        self.restart("--log-requests", "--log-format", "text")
        self.ok(200, "GET", "/collections")
        told = self.lines()
        self.assertRegex(told[0], r'^\S+Z info request request_id="[0-9a-f-]{36}" .*'
                                  r'op="collection_list" status=200 code="ok" ms=\d+\.\d{3} ')
        self.assertRegex(told[1], r"^\S+Z info stopping$")

    def test_nobody_reads(self):
        """A full pipe holds up no request and no end; what was left out is counted."""
        self.restart("--log-requests", "--log-format", "text")
        lost = 0
        for _ in range(400):
            self.raw(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n" * 100)
            text = self.ok(200, "GET", "/../metrics").text
            lost = int(re.search(r"^nacre_log_lines_lost_total (\d+)$", text, re.M)[1])
            if lost:
                break
        self.assertGreater(lost, 0)
        self.stop()

    def test_terminal(self):
        self.stop()
        terminal, its = os.openpty()
        process = subprocess.Popen(
            [NACRE, "serve", self.dir, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=its, env=self.environment())
        os.close(its)
        told = b""
        while b"\n" not in told:
            told += os.read(terminal, 4096)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)
        os.close(terminal)
        self.assertRegex(told.decode(), r"^\S+Z info serving .* at http://127\.0\.0\.1:\d+ ")


if __name__ == "__main__":
    unittest.main()
