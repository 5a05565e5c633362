#!/usr/bin/env python3
"""TLS on the one port: versions, protocols, certificates that are renewed, those of clients."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import unittest

import test_http2
from test_serve import Served
from tool import NACRE, PATIENCE


class Authority:
    """Makes keys and certificates in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", self.path(name, "key"), "-out", self.path(name, "pem"),
                     "-subj", "/CN=" + name, "-days", "2")

    def path(self, name, kind):
        return os.path.join(self.folder, f"{name}.{kind}")

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=PATIENCE)

    def issue(self, name, out=None):
        out = out or name
        extra = self.path(out, "ext")
        with open(extra, "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", self.path(out, "key"), "-out", self.path(out, "csr"),
                     "-subj", "/CN=" + name)
        self.openssl("x509", "-req", "-in", self.path(out, "csr"),
                     "-CA", self.path(self.name, "pem"), "-CAkey", self.path(self.name, "key"),
                     "-CAcreateserial", "-days", "2",
                     "-extfile", extra, "-out", self.path(out, "pem"))
        return self.path(out, "pem"), self.path(out, "key")


class Secure(Served):
    """With a certificate of an authority of its own."""

    def setUp(self):
        self.process = None
        super(Served, self).setUp()
        self.authority = Authority(self.folder.name, "authority")
        self.cert, self.private = self.authority.issue("localhost", "server")
        self.start("--tls-cert", self.cert, "--tls-key", self.private, *self.options())

    def options(self):
        return ()

    def context(self, *protocols):
        context = ssl.create_default_context(cafile=self.authority.path("authority", "pem"))
        if protocols:
            context.set_alpn_protocols(protocols)
        return context

    def connect(self, context=None, port=None):
        plain = socket.create_connection(("127.0.0.1", port or self.port), timeout=PATIENCE)
        self.addCleanup(plain.close)
        peer = (context or self.context()).wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(peer.close)
        return peer

    def request(self, verb, path, body=b"", more=""):
        return (f"{verb} /v1{path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.key}\r\n"
                f"Content-Length: {len(body)}\r\n{more}\r\n").encode() + body

    def ask(self, peer, *words):
        peer.sendall(self.request(*words))
        head = b""
        while b"\r\n\r\n" not in head:
            piece = peer.recv(1)
            self.assertTrue(piece, head)
            head += piece
        size = int(re.search(rb"Content-Length: (\d+)", head)[1])
        body = b""
        while len(body) < size:
            body += peer.recv(size - len(body))
        return head.decode(), json.loads(body) if body else None


class Calls(Secure):
    def test_http1(self):
        peer = self.connect(self.context("http/1.1"))
        self.assertEqual((peer.version(), peer.selected_alpn_protocol()), ("TLSv1.3", "http/1.1"))
        head, _ = self.ask(peer, "PUT", "/collections/c/docs/a", b'{"n":1}')
        self.assertIn("201 Created", head)
        self.assertIn("Strict-Transport-Security: max-age=", head)
        self.assertEqual(self.ask(peer, "GET", "/collections/c/docs/a")[1]["n"], 1)
        plain = self.ok(200, "GET", "/collections/c/docs/a")  # this address is this machine's
        self.assertNotIn("Strict-Transport-Security", plain.headers)

    def test_http2(self):
        peer = test_http2.Peer.__new__(test_http2.Peer)
        peer.start(self, self.connect(self.context("h2", "http/1.1")))
        self.assertEqual(peer.socket.selected_alpn_protocol(), "h2")
        self.assertEqual(peer.call("PUT", "/collections/c/docs/a", b'{"n":1}')["status"], 201)
        got = peer.call("GET", "/collections/c/docs/a")
        self.assertEqual(json.loads(got["body"])["n"], 1)
        self.assertIn("strict-transport-security", got["headers"])

    def test_large_bodies(self):
        lines = b"".join(b'{"_id":%d,"t":"%s"}\n' % (i, b"x" * 500) for i in range(6000))
        peer = self.connect()
        peer.sendall(self.request("POST", "/collections/c:import", lines,
                                  "Content-Type: application/x-ndjson\r\nConnection: close\r\n"))
        got = b""
        while piece := peer.recv(65536):
            got += piece
        self.assertIn(b'"documents":6000', got)
        peer = self.connect()
        peer.sendall(self.request("GET", "/collections/c:export", b"", "Connection: close\r\n"))
        got = b""
        while piece := peer.recv(65536):
            got += piece
        self.assertEqual(got.count(b'"_id"'), 6000)

    def test_protocols_nobody_speaks(self):
        with self.assertRaises(ssl.SSLError):
            self.connect(self.context("smtp"))

    def test_old_versions(self):
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError):
            self.connect(context)

    def test_renewal(self):
        serial = self.connect().getpeercert()["serialNumber"]
        old = self.connect()
        self.authority.issue("localhost", "server")
        self.process.send_signal(signal.SIGHUP)
        self.assertIn("read again", self.process.stderr.readline())
        self.assertNotEqual(self.connect().getpeercert()["serialNumber"], serial)
        self.assertIn("200 OK", self.ask(old, "GET", "")[0])
        with open(self.cert, "w", encoding="ascii") as file:
            file.write("nothing\n")
        self.process.send_signal(signal.SIGHUP)
        self.assertIn("nothing changed", self.process.stderr.readline())
        self.assertIn("200 OK", self.ask(self.connect(), "GET", "")[0])

    def test_broken_handshakes(self):
        hello = bytes.fromhex("160301")
        for bytes_ in (hello, hello + b"\0\5hello", hello + b"\xff\xff" + b"x" * 70000, b"\x16"):
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as peer:
                try:
                    peer.sendall(bytes_)
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(65536):
                        pass
                except OSError:
                    pass
        self.assertIn("200 OK", self.ask(self.connect(), "GET", "")[0])

    def test_slow_handshake(self):
        """Who does not end a handshake is cut, however it drips."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as peer:
            peer.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            for _ in range(80):
                try:
                    got = peer.recv(100)
                except TimeoutError:
                    peer.sendall(b"x")
                    continue
                except ConnectionResetError:
                    got = b""
                if not got:
                    break
            else:
                self.fail("it is not cut")

    def test_in_pieces(self):
        """A handshake byte by byte, by hand over memory."""
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        peer = self.context().wrap_bio(into, out, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    peer.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in out.read():
                        plain.sendall(bytes([byte]))
                    into.write(plain.recv(65536))
            peer.write(self.request("GET", "", b""))
            for byte in out.read():
                plain.sendall(bytes([byte]))
            got = b""
            while b"200 OK" not in got:
                into.write(plain.recv(65536))
                try:
                    got += peer.read(65536)
                except ssl.SSLWantReadError:
                    pass


class OldVersions(Secure):
    def options(self):
        return ("--tls-min", "1.2")

    def test_old_versions(self):
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        peer = self.connect(context)
        self.assertEqual(peer.version(), "TLSv1.2")
        self.assertIn("200 OK", self.ask(peer, "GET", "")[0])


class Clients(Secure):
    def options(self):
        return ("--tls-client-ca", self.authority.path("authority", "pem"))

    def test_who_comes_in(self):
        context = self.context()
        context.load_cert_chain(*self.authority.issue("somebody"))
        self.assertIn("200 OK", self.ask(self.connect(context), "GET", "")[0])
        other = Authority(self.folder.name, "other")
        stranger = self.context()
        stranger.load_cert_chain(*other.issue("stranger"))
        for refused in (self.context(), stranger):
            with self.assertRaises((ssl.SSLError, ConnectionError, AssertionError)):
                self.ask(self.connect(refused), "GET", "")  # in TLS 1.3 the first read tells


class Open(Secure):
    listen = "127.0.0.1:0,0.0.0.0:0"

    def test_other_machines(self):
        """An address that they reach takes nothing plain."""
        self.assertIn("200 OK", self.ask(self.connect(port=self.last_port), "GET", "")[0])
        self.port = self.last_port
        for sent in (self.request("GET", ""), test_http2.PREFACE, b"NACRE/1\n"):
            got = self.raw(sent)
            self.assertTrue(got.startswith("HTTP/1.1 400 "), got)
            self.assertIn("speaks TLS", got)

    def test_options(self):
        self.stop()
        for told, words in (("go together", ["--tls-cert", self.cert]),
                            ("1.2|1.3", ["--tls-cert", self.cert, "--tls-key", self.private,
                                            "--tls-min", "1.1"]),
                            ("No such file", ["--tls-cert", self.cert + "x", "--tls-key",
                                              self.private]),
                            ("key", ["--tls-cert", self.cert, "--tls-key",
                                     self.authority.path("authority", "key")]),
                            ("need TLS", ["--tls-client-ca", self.cert])):
            done = subprocess.run([NACRE, "serve", self.dir, "--listen", "127.0.0.1:0", *words],
                                  capture_output=True, text=True, timeout=PATIENCE,
                                  env=self.environment())
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(told, done.stderr)


if __name__ == "__main__":
    unittest.main()
