#!/usr/bin/env python3
"""Peers that are slow, silent or never read, over each protocol: they are cut or cost little."""
import contextlib
import os
import resource
import socket
import unittest

import test_http2
from test_serve import Served
from tool import PATIENCE

IDLE = 10000


class Slow(Served):
    """What is begun and not ended within ten seconds is ended by the server; all at once."""

    def connect(self, *sent):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.addCleanup(peer.close)
        for bytes_ in sent:
            peer.sendall(bytes_)
        return peer

    @staticmethod
    def rest(peer):
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := peer.recv(65536):
                got += piece
        return got

    def test_heads_that_do_not_end(self):
        heads = {"HTTP/1.1": b"GET / HTTP/1.1\r\nHost", "nothing": b"", "HTTP/2": b"PRI * HT",
                 "native": b"NAC", "TLS": b"\x16\x03\x01\x02\x00\x01",
                 "headers": test_http2.PREFACE + test_http2.frame(test_http2.SETTINGS, 0, 0)
                 + test_http2.frame(test_http2.HEADERS, 0, 1, b"\x82")}
        peers = {name: self.connect(bytes_) for name, bytes_ in heads.items() if name != "nothing"}
        drip = self.connect(b"GET /v1 HTTP/1.1\r\n")  # a byte now and then is no progress
        dripped = 0
        for name, peer in peers.items():
            peer.settimeout(0.5)
            for _ in range(60):
                with contextlib.suppress(TimeoutError):
                    got = self.rest(peer)
                    break
                with contextlib.suppress(OSError):
                    drip.sendall(b"a")
                    dripped += 1
            else:
                self.fail(f"{name} is not ended")
            if name == "HTTP/1.1":
                self.assertTrue(got.startswith(b"HTTP/1.1 408 "), got)
        self.assertTrue(self.rest(drip).startswith(b"HTTP/1.1 408 "))
        self.assertGreater(dripped, 0)

    def test_half_open(self):
        """The peer's side is closed after its request: it is answered, and the connection ends."""
        sent = (f"GET /v1/db HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.key}\r\n\r\n"
                .encode())
        peer = self.connect(sent)
        peer.shutdown(socket.SHUT_WR)
        self.assertTrue(self.rest(peer).startswith(b"HTTP/1.1 200 "))
        peer = self.connect(sent[:-2])
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rest(peer), b"")


class Many(Served):
    def resident(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def test_idle_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < IDLE + 200:
            self.skipTest(f"{hard} descriptors are too few")
        self.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server's, too
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.start()
        self.ok(200, "GET", "/db")
        before = self.resident()
        request = (f"GET /v1/db HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.key}\r\n\r\n"
                   .encode())
        peers = []
        for _ in range(IDLE):
            peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            peer.sendall(request)
            peers.append(peer)
        for peer in peers:
            self.assertTrue(peer.recv(4096).startswith(b"HTTP/1.1 200 "))
        if "asan" not in os.environ["NACRE"] and "tsan" not in os.environ["NACRE"]:
            self.assertLess(self.resident() - before, 150 << 20)
        for peer in peers:
            peer.close()
        self.ok(200, "GET", "/db")

    def test_who_never_reads(self):
        """Replies wait for room, not in memory."""
        lines = b"".join(b'{"_id":%d,"t":"%s"}\n' % (i, b"x" * 1000) for i in range(20000))
        self.ok(200, "POST", "/collections/c:import", lines, "application/x-ndjson")
        head = f"Host: h\r\nAuthorization: Bearer {self.key}\r\n\r\n"
        before = self.resident()
        for path in ("/v1/collections/c:export", "/v1/collections/c/docs?limit=100"):
            for _ in range(10):
                peer = socket.create_connection(("127.0.0.1", self.port), timeout=0.2)
                self.addCleanup(peer.close)
                with contextlib.suppress(OSError):
                    for _ in range(2000):
                        peer.sendall(f"GET {path} HTTP/1.1\r\n{head}".encode())
        self.ok(200, "GET", "/db")
        self.assertLess(self.resident() - before, 300 << 20)


if __name__ == "__main__":
    unittest.main()
