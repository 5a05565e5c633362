#!/usr/bin/env python3
"""HTTP/2 by prior knowledge: calls as over HTTP/1.1, many at a time, and peers that do harm."""
import json
import socket
import struct
import unittest

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from test_serve import Served
from tool import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Peer:
    """A client's side of one connection."""

    def __init__(self, test, window=None):
        connected = socket.create_connection(("127.0.0.1", test.port), timeout=PATIENCE)
        test.addCleanup(connected.close)
        self.start(test, connected, window)

    def start(self, test, connected, window=None):
        self.test, self.socket = test, connected
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.answers, self.goaway = {}, None
        self.flush()
        if window:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
            self.flush()
        while window and self.h2.local_settings.initial_window_size != window:
            self.step()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, verb, path, body=None, end=True, **headers):
        stream = self.h2.get_next_available_stream_id()
        names = {"authorization": "Bearer " + self.test.key}
        names |= {name.lower().replace("_", "-"): value for name, value in headers.items()}
        place = path[3:] if path.startswith("/../") else "/v1" + path
        self.h2.send_headers(stream, [
            (":method", verb), (":path", place), (":scheme", "http"), (":authority", "h"),
            *(pair for pair in names.items() if pair[1])], end_stream=end and body is None)
        self.answers[stream] = {"status": 0, "body": b"", "done": False, "reset": None,
                                "continued": False}
        if body is not None:
            self.send(stream, body, end)
        self.flush()
        return stream

    def send(self, stream, body, end=True):
        """As the windows allow."""
        at = 0
        while at < len(body):
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.flush()
                self.step()
                continue
            self.h2.send_data(stream, body[at:at + room])
            at += room
        if end:
            self.h2.end_stream(stream)
        self.flush()

    def step(self, acknowledge=True):
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("closed")
        for event in self.h2.receive_data(got):
            answer = self.answers.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event
            elif answer is None:
                continue
            elif isinstance(event, h2.events.ResponseReceived):
                answer["headers"] = dict(event.headers)
                answer["status"] = int(answer["headers"][":status"])
            elif isinstance(event, h2.events.TrailersReceived):
                answer["headers"] |= dict(event.headers)
            elif isinstance(event, h2.events.InformationalResponseReceived):
                answer["continued"] = True
            elif isinstance(event, h2.events.DataReceived):
                answer["body"] += event.data
                if acknowledge:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                answer["done"] = True
            elif isinstance(event, h2.events.StreamReset):
                answer["reset"] = event.error_code
        self.flush()

    def wait(self, stream, until="done"):
        answer = self.answers[stream]
        while not answer[until] and answer["reset"] is None:
            self.step()
        return answer

    def call(self, *words, **headers):
        return self.wait(self.ask(*words, **headers))


class Calls(Served):
    def test_calls(self):
        peer = Peer(self)
        put = peer.call("PUT", "/collections/c/docs/a", b'{"n":1}')
        self.assertEqual((put["status"], put["headers"]["etag"]), (201, '"1"'))
        got = peer.call("GET", "/collections/c/docs/a?fields=n")
        self.assertEqual(json.loads(got["body"]), {"_id": "a", "n": 1})
        head = peer.call("HEAD", "/collections/c/docs/a")
        self.assertEqual((head["status"], head["body"]), (200, b""))
        self.assertGreater(int(head["headers"]["content-length"]), 10)
        self.assertEqual(peer.call("DELETE", "/collections/c/docs/a")["status"], 204)
        missed = peer.call("GET", "/collections/c/docs/a")
        self.assertEqual((missed["status"], json.loads(missed["body"])["code"]),
                         (404, "document_not_found"))
        self.assertEqual(peer.call("PUT", "/collections/c/docs/a", b"{}", if_match='"7"')["status"],
                         412)

    def test_many_at_a_time(self):
        peer = Peer(self)
        asked = [peer.ask("PUT", f"/collections/c/docs/{i}", b'{"n":%d}' % i) for i in range(100)]
        for stream in asked:
            self.assertEqual(peer.wait(stream)["status"], 201)
        asked = [peer.ask("GET", f"/collections/c/docs/{i}") for i in range(100)]
        self.assertEqual([json.loads(peer.wait(stream)["body"])["n"] for stream in asked],
                         [*range(100)])

    def test_streams(self):
        """Bodies larger than the windows, both ways, while other calls go on."""
        peer = Peer(self)
        lines = b"".join(b'{"_id":%d,"t":"%s"}\n' % (i, b"x" * 500) for i in range(6000))
        stream = peer.ask("POST", "/collections/c:import", end=False,
                          content_type="application/x-ndjson")
        peer.send(stream, lines[:1000000], end=False)
        self.assertEqual(peer.call("GET", "/db")["status"], 200)
        peer.send(stream, lines[1000000:])
        end = json.loads(peer.wait(stream)["body"].splitlines()[-1])
        self.assertEqual(end["$end"]["documents"], 6000)
        small = Peer(self, window=10000)
        stream = small.ask("GET", "/collections/c:export")
        while len(small.answers[stream]["body"]) < 5000:
            small.step(acknowledge=False)
        self.assertEqual(small.call("GET", "/db")["status"], 200)
        small.h2.acknowledge_received_data(len(small.answers[stream]["body"]), stream)
        small.flush()
        got = small.wait(stream)["body"].splitlines()
        self.assertEqual((len(got), json.loads(got[-1])["$end"]["documents"]), (6001, 6000))

    def test_continue(self):
        peer = Peer(self)
        stream = peer.ask("PUT", "/collections/c/docs/a", end=False, expect="100-continue")
        peer.wait(stream, "continued")
        peer.send(stream, b'{"n":1}')
        self.assertEqual(peer.wait(stream)["status"], 201)
        self.key = "x"
        stream = peer.ask("PUT", "/collections/c/docs/a", end=False, expect="100-continue")
        answer = peer.wait(stream)
        self.assertEqual((answer["status"], answer["continued"]), (401, False))

    def test_trailers_of_a_request(self):
        peer = Peer(self)
        stream = peer.ask("PUT", "/collections/c/docs/a", b'{"n":1}', end=False)
        peer.h2.send_headers(stream, [("checksum", "7")], end_stream=True)
        peer.flush()
        self.assertEqual(peer.wait(stream)["status"], 201)

    def test_end_of_the_server(self):
        peer = Peer(self)
        self.ok(201, "PUT", "/collections/c", {})
        stream = peer.ask("GET", "/collections/c/changes?follow=true")
        peer.wait(stream, "status")
        self.stop()
        got = b""
        while piece := peer.socket.recv(65536):
            got += piece
        self.assertIn(frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)), got)
        self.assertIn(b'"$error"', got)


class Limits(Served):
    def status(self, peer, verb, path, body=None, **headers):
        return peer.call(verb, path, body, **headers)["status"]

    def test_heads(self):
        peer = Peer(self)
        self.assertEqual(self.status(peer, "GET", "/db", a="a" * 17000), 431)
        self.assertEqual(self.status(peer, "GET", "/db", **{f"a{i}": "1" for i in range(100)}), 431)
        self.assertEqual(self.status(peer, "GET", "/" + "a" * 9000), 414)
        self.assertIsNotNone(peer.call("GET", "/db?a b")["reset"])
        stream = peer.ask("PUT", "/collections/c/docs/a", end=False, content_length="99999999999")
        self.assertEqual(peer.wait(stream)["status"], 413)
        self.assertEqual(self.status(peer, "GET", "/db"), 200)

    def test_too_many_streams(self):
        peer = Peer(self)
        while not peer.h2.remote_settings.max_concurrent_streams == 100:
            peer.step()
        for _ in range(100):
            peer.ask("PUT", "/collections/c/docs/a", b"{", end=False)
        peer.h2.remote_settings.acknowledge()
        peer.h2.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
        peer.h2.remote_settings.acknowledge()
        stream = peer.ask("GET", "/db")
        with self.assertRaises(ConnectionError):
            peer.wait(stream)
        self.assertEqual(peer.goaway.error_code, h2.errors.ErrorCodes.PROTOCOL_ERROR)

    def hostile(self, *parts):
        """Sends the parts again and again; what the server says until it closes."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as peer:
            try:
                peer.sendall(PREFACE + frame(SETTINGS, 0, 0))
                for part in parts:
                    peer.sendall(part)
                while piece := peer.recv(65536):
                    got += piece
            except (ConnectionResetError, BrokenPipeError):
                pass
        self.assertEqual(self.call("GET", "/db").status, 200)
        return got

    def block(self, *more):
        """A request's header block without compression."""
        fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/v1/db"),
                  (b":authority", b"h"), (b"authorization", b"Bearer " + self.key.encode()), *more]
        return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
                        for name, value in fields)

    def test_rapid_resets(self):
        requests = (frame(HEADERS, END_STREAM | END_HEADERS, i, self.block()) +
                    frame(RST, 0, i, b"\0\0\0\x08") for i in range(1, 20001, 2))
        got = self.hostile(*requests)
        self.assertLess(len(got), 1 << 20)

    def test_continuations(self):
        parts = [frame(HEADERS, END_STREAM, 1, self.block())]
        parts += [frame(CONTINUATION, 0, 1, b"\0\1a\1b")] * 10000
        self.hostile(*parts)

    def test_a_head_that_does_not_fit(self):
        block = self.block() + b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000  # into the table…
        block += b"\xbe" * 5000  # …and named again and again
        parts = [frame(HEADERS, END_STREAM | END_HEADERS, 1, block)]
        self.hostile(*parts, frame(GOAWAY, 0, 0, b"\0" * 8))

    def test_pings_unread(self):
        self.hostile(*[frame(PING, 0, 0, b"12345678") * 1000] * 3000)

    def test_settings_unread(self):
        self.hostile(*[frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff") * 1000] * 3000)

    def test_bad_frames(self):
        head = frame(HEADERS, END_STREAM | END_HEADERS, 1, self.block())
        for bad in (frame(DATA, 0, 0, b"x"), frame(DATA, 0, 1, b"x"), frame(HEADERS, 4, 2, b"\x82"),
                    frame(SETTINGS, 0, 0, b"x"), frame(PING, 0, 0, b"x"), frame(CONTINUATION, 4, 1),
                    frame(DATA, 0, 1, b"x" * 20000), frame(SETTINGS, ACK, 0, b"123456"),
                    frame(HEADERS, END_HEADERS, 3, b"\xff\xff\xff\xff\xff\xff"), b"\xff" * 5000):
            got = self.hostile(head, bad)
            self.assertIn(bytes([GOAWAY]), got)

    def test_bad_heads(self):
        """No request: the stream is reset, the connection lives."""
        for bad in (self.block((b"Upper", b"1")), self.block((b"connection", b"close")),
                    self.block((b":late", b"1")), self.block((b"a", b"b\nc")),
                    self.block((b"content-length", b"x")), b"\x82"):
            peer = Peer(self)
            peer.socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, bad))
            got, reset = b"", frame(RST, 0, 1, b"\0\0\0\1")
            while reset not in got:
                piece = peer.socket.recv(65536)
                self.assertTrue(piece, bad)
                got += piece


if __name__ == "__main__":
    unittest.main()
