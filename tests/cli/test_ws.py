#!/usr/bin/env python3
"""Subscriptions over WebSocket: changes, live queries, a stock client, peers that do harm."""
import base64
import contextlib
import json
import os
import socket
import struct
import unittest

from websockets.exceptions import ConnectionClosed, InvalidStatusCode
from websockets.legacy.client import connect

import asyncio

from test_serve import Served
from tool import PATIENCE

TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0


def frame(kind, payload, final=True, masked=True, reserved=0):
    head = bytes([(128 if final else 0) | reserved | kind])
    mask = 128 if masked else 0
    if len(payload) < 126:
        head += bytes([mask | len(payload)])
    elif len(payload) < 65536:
        head += bytes([mask | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    key = b"\x01\x02\x03\x04"
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


class Raw:
    """A connection after its upgrade, frame by frame."""

    def __init__(self, test):
        self.socket = socket.create_connection(("127.0.0.1", test.port), timeout=PATIENCE)
        test.addCleanup(self.socket.close)
        self.socket.sendall(test.upgrade())
        self.got = b""
        head = self.take(self.until(b"\r\n\r\n"))
        test.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        self.got += piece

    def until(self, text):
        while text not in self.got:
            self.more()
        return self.got.index(text) + len(text)

    def take(self, size):
        while len(self.got) < size:
            self.more()
        taken, self.got = self.got[:size], self.got[size:]
        return taken

    def send(self, *words, **how):
        self.socket.sendall(frame(*words, **how))

    def read(self):
        """Kind and payload of the next frame."""
        kind, size = self.take(2)
        if size == 126:
            size = struct.unpack(">H", self.take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.take(8))[0]
        return kind & 15, self.take(size)

    def closed(self):
        """The code with which the server closes; then the connection ends."""
        kind, payload = self.read()
        while kind != CLOSE:
            kind, payload = self.read()
        with contextlib.suppress(ConnectionError):
            while True:
                self.more()
        return struct.unpack(">H", payload[:2])[0] if payload else 1005


class Sockets(Served):
    def upgrade(self, **other):
        headers = {"Host": "h", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
                   "Sec-WebSocket-Version": "13", "Authorization": "Bearer " + self.key,
                   "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode()}
        headers.update({name.replace("_", "-"): value for name, value in other.items()})
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        return f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode()

    def raw_peer(self):
        return Raw(self)


class Subscriptions(Sockets):
    def talk(self, conversation):
        """Runs what a coroutine says to a stock client."""
        async def run():
            async with connect(f"ws://127.0.0.1:{self.port}/ws",
                               extra_headers={"Authorization": "Bearer " + self.key}) as peer:
                async def ask(**members):
                    await peer.send(json.dumps(members))

                async def get():
                    return json.loads(await asyncio.wait_for(peer.recv(), PATIENCE))
                await conversation(ask, get, peer)
        asyncio.run(run())

    def test_changes(self):
        async def conversation(ask, get, _):
            await ask(id=1, op="changes", collection="c", since=since)
            await ask(id="two", op="changes", collection="c", since=since, filter={"n": 2})
            got = [await get() for _ in range(4)]
            self.assertEqual(sorted(m["change"]["id"] for m in got if m["id"] == 1),
                             ["a", "b", "d"])
            self.assertEqual([m["change"]["document"]["n"] for m in got if m["id"] == "two"], [2])
            self.ok(201, "PUT", "/collections/c/docs/e", {"n": 2})
            self.assertEqual({(await get())["id"] for _ in range(2)}, {1, "two"})
            await ask(id=1, op="cancel")
            await ask(id=3, op="nothing")  # answered in order: the cancel is done
            self.assertEqual((await get())["error"]["code"], "invalid_argument")
            self.ok(200, "PUT", "/collections/c/docs/e", {"n": 2})
            self.assertEqual((await get())["id"], "two")
        since = self.ok(201, "PUT", "/collections/c/docs/0", {}).headers["Nacre-Sequence"]
        for name, n in (("a", 1), ("b", 2), ("d", 3)):
            self.ok(201, "PUT", f"/collections/c/docs/{name}", {"n": n})
        self.talk(conversation)

    def test_credit(self):
        async def conversation(ask, get, peer):
            await ask(id=1, op="changes", collection="c", since=since, credit=2)
            got = [(await get())["change"]["id"] for _ in range(2)]
            await ask(id=9, op="nothing")
            self.assertEqual((await get())["id"], 9)  # no third change came before it
            await ask(id=1, op="credit", n=8)
            got += [(await get())["change"]["id"] for _ in range(8)]
            self.assertEqual(got, [str(i) for i in range(10)])
            self.assertTrue(peer.open)
        since = self.ok(201, "PUT", "/collections/c/docs/x", {}).headers["Nacre-Sequence"]
        for i in range(10):
            self.ok(201, "PUT", f"/collections/c/docs/{i}", {})
        self.talk(conversation)

    def test_live(self):
        async def conversation(ask, get, _):
            await ask(id=1, op="live", collection="c", filter="n > 1")
            got = [(await get())["change"] for _ in range(2)]
            self.assertEqual([m["op"] for m in got], ["enter", "ready"])
            self.assertEqual(got[0]["document"]["n"], 2)
            self.ok(200, "PUT", "/collections/c/docs/a", {"n": 3})
            self.assertEqual((await get())["change"]["op"], "enter")
            self.ok(204, "DELETE", "/collections/c/docs/b")
            self.assertEqual((await get())["change"]["op"], "leave")
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        self.ok(201, "PUT", "/collections/c/docs/b", {"n": 2})
        self.talk(conversation)

    def test_errors(self):
        async def conversation(ask, get, peer):
            for code, asked in (("collection_not_found", {"op": "changes", "collection": "d"}),
                                ("invalid_argument", {"op": "changes"}),
                                ("invalid_argument", {"op": "chnages", "collection": "c"}),
                                ("invalid_argument", {"op": "credit"}),
                                ("invalid_argument", {"op": "credit", "n": 0}),
                                ("invalid_argument", {"op": "changes", "collection": "c", "x": 1}),
                                ("invalid_filter", {"op": "changes", "collection": "c",
                                                    "filter": "n <"}),
                                ("invalid_argument", {"op": "changes", "collection": "c",
                                                      "since": "zzz"})):
                await ask(id="i", **asked)
                answer = await get()
                self.assertEqual((answer["id"], answer["error"]["code"]), ("i", code), asked)
            await peer.send("{")
            self.assertEqual((await get())["error"]["code"], "invalid_json")
            await peer.send('{"op":"changes","collection":"c"}')
            self.assertEqual((await get())["error"]["parameter"], "id")
            await ask(id=1, op="changes", collection="c")
            await ask(id=1, op="changes", collection="c")
            self.assertEqual((await get())["error"]["code"], "invalid_argument")
        self.ok(201, "PUT", "/collections/c", {})
        self.talk(conversation)

    def test_many(self):
        """More subscriptions than there are workers, over few connections."""
        self.ok(201, "PUT", "/collections/c", {})

        async def run():
            headers = {"Authorization": "Bearer " + self.key}
            url = f"ws://127.0.0.1:{self.port}/ws"
            peers = [await connect(url, extra_headers=headers) for _ in range(40)]
            for peer in peers:
                for i in range(10):
                    await peer.send(json.dumps({"id": i, "op": "changes", "collection": "c"}))
                await peer.send(json.dumps({"id": "last", "op": "nothing"}))
                self.assertEqual(json.loads(await peer.recv())["id"], "last")
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
                threads = int(file.read().split("Threads:")[1].split()[0])
            self.assertLess(threads, 60)
            await asyncio.to_thread(self.ok, 201, "PUT", "/collections/c/docs/a", {})
            for peer in peers:
                ids = {json.loads(await peer.recv())["id"] for _ in range(10)}
                self.assertEqual(ids, {*range(10)})
                await peer.close()
        asyncio.run(run())

    def test_end_of_the_server(self):
        async def conversation(ask, get, peer):
            await ask(id=1, op="changes", collection="c")
            await ask(id=2, op="nothing")
            await get()
            await asyncio.to_thread(self.stop)
            with self.assertRaises(ConnectionClosed) as caught:
                await peer.recv()
            self.assertEqual(caught.exception.rcvd.code, 1001)
        self.ok(201, "PUT", "/collections/c", {})
        self.talk(conversation)

    def test_who_may(self):
        async def run():
            with self.assertRaises(InvalidStatusCode) as caught:
                await connect(f"ws://127.0.0.1:{self.port}/ws")
            self.assertEqual(caught.exception.status_code, 401)
        asyncio.run(run())
        self.refused(426, "invalid_argument", "GET", "/../ws")
        for status, other in ((426, {"Sec_WebSocket_Version": "12"}), (426, {"Upgrade": "h2c"}),
                              (400, {"Sec_WebSocket_Key": "x"}), (426, {"Connection": "close"}),
                              (400, {"Content_Length": "5"})):
            self.assertTrue(self.raw(self.upgrade(**other) + b"hello")
                            .startswith(f"HTTP/1.1 {status} "), other)


class Frames(Sockets):
    def test_pieces(self):
        self.ok(201, "PUT", "/collections/c", {})
        peer = Raw(self)
        text = b'{"id":1,"op":"nothing","since":"\xc3\xa9"}'
        for i, byte in enumerate(text):
            for piece in frame(TEXT if i == 0 else CONTINUED, bytes([byte]), i == len(text) - 1):
                peer.socket.sendall(bytes([piece]))
            if i == 5:
                peer.send(PING, b"between")
        self.assertEqual(peer.read(), (PONG, b"between"))
        kind, answer = peer.read()
        self.assertEqual((kind, json.loads(answer)["id"]), (TEXT, 1))
        peer.send(CLOSE, struct.pack(">H", 1000))
        self.assertEqual(peer.closed(), 1000)

    def test_more_while_some_are_taken(self):
        """A message is taken whole or not yet, however fast they come."""
        peers = [self.raw_peer() for _ in range(4)]
        some = frame(TEXT, b'{"id":1,"op":"cancel"}') * 250
        for _ in range(50):
            for peer in peers:
                peer.socket.sendall(some)
        for peer in peers:
            peer.send(TEXT, b'{"id":1,"op":"nothing"}')
            self.assertEqual(json.loads(peer.read()[1])["error"]["code"], "invalid_argument")

    def test_with_the_upgrade(self):
        """A message in one packet with the request."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as peer:
            peer.sendall(self.upgrade() + frame(TEXT, b'{"id":7,"op":"nothing"}'))
            got = b""
            while b'"id":7' not in got:
                got += peer.recv(65536)

    def test_what_is_refused(self):
        for code, sent in ((1007, frame(TEXT, b"\xff\xfe")), (1003, frame(BINARY, b"x")),
                           (1009, frame(TEXT, b"x" * 70000)),
                           (1002, frame(TEXT, b"x", masked=False)),
                           (1002, frame(TEXT, b"x", reserved=64)), (1002, frame(CONTINUED, b"x")),
                           (1005, frame(PING, b"x" * 126)), (1002, frame(3, b"x")),
                           (1005, frame(PING, b"x", final=False)),
                           (1007, frame(TEXT, b"\xc3", final=False) + frame(CONTINUED, b"x")),
                           (1009, frame(TEXT, b"x" * 60000, final=False)
                            + frame(CONTINUED, b"x" * 60000))):
            peer = Raw(self)
            peer.socket.sendall(sent)
            with self.subTest(sent=sent[:20]):
                self.assertEqual(peer.closed(), code)
        self.assertEqual(self.call("GET", "").status, 200)

    def test_who_never_reads(self):
        """What waits for it is bounded, and others go on."""
        lines = b"".join(b'{"_id":%d,"t":"%s"}\n' % (i, b"x" * 1000) for i in range(20000))
        since = self.ok(201, "PUT", "/collections/c/docs/a", {}).headers["Nacre-Sequence"]
        self.ok(200, "POST", "/collections/c:import", lines, "application/x-ndjson")
        peer = Raw(self)
        for i in range(20):
            peer.send(TEXT, json.dumps({"id": i, "op": "changes", "collection": "c",
                                        "since": since, "credit": 100000}).encode())
        other = Raw(self)
        other.send(TEXT, json.dumps({"id": "x", "op": "changes", "collection": "c",
                                     "since": since, "credit": 20000}).encode())
        for i in range(20000):
            kind, payload = other.read()
            self.assertEqual((kind, json.loads(payload)["change"]["id"]), (TEXT, i))
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        self.assertLess(resident, 900 << 20)
        pings = frame(PING, b"12345678") * 1000
        with contextlib.suppress(OSError):
            peer.socket.settimeout(1)
            while True:
                peer.socket.sendall(pings)  # it is no more read
        self.assertEqual(self.call("GET", "").status, 200)


if __name__ == "__main__":
    unittest.main()
