#!/usr/bin/env python3
"""The native protocol as frames: pipelining, streams with credit, cancelling, what is no frame."""
import os
import signal
import struct
import sys
import unittest

import test_tls
from test_serve import Served
from tool import PATIENCE, ROOT

sys.path[:0] = [str(ROOT / "tests/conformance"), str(ROOT / "tools")]
import frames  # noqa: E402 pylint: disable=wrong-import-position
from frames import CANCEL, CREDIT, FAILED, MORE, NEXT, PING, frame  # noqa: E402
from gen_proto import bytes_field, number_field  # noqa: E402

GET, PUT, QUERY, IMPORT, EXPORT, CHANGES = 32, 33, 40, 60, 61, 62
COLLECTION = bytes_field(1, "c")


def with_id(text):
    return COLLECTION + bytes_field(2, bytes_field(1, text))


def code_of(status):
    """Of a google.rpc.Status."""
    return status[1] if status[:1] == b"\x08" else None


class Native(Served):
    def connect(self, key=None):
        connection = frames.Connection(("127.0.0.1", self.port), key or self.key, PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def open(self):
        connection = self.connect()
        self.assertEqual(connection.reply(0), ([b""], None))
        return connection

    def closed(self, connection):
        """Waits for the end; the frames before it."""
        got = []
        try:
            while True:
                got.append(connection.receive())
        except (EOFError, ConnectionError):
            return got

    def test_hello(self):
        connection = self.connect(key="wrong" * 8)
        number, _, flags, payload = connection.receive()
        self.assertEqual((number, flags, code_of(payload)), (0, FAILED, 16))
        self.assertNotIn(b"wrong", payload)
        self.assertEqual(self.closed(connection), [])

    def test_no_hello(self):
        connection = frames.Connection(("127.0.0.1", self.port), None, PATIENCE)
        self.addCleanup(connection.close)
        _, status = connection.call(GET, with_id("a"))
        self.assertEqual(code_of(status), 16)

    def test_no_body_is_held_without_a_key(self):
        connection = frames.Connection(("127.0.0.1", self.port), None, PATIENCE)
        self.addCleanup(connection.close)
        connection.send(struct.pack("<IQHH", 12 + (60 << 20), 1, PUT, 0))
        _, status = connection.reply(1)     # before the payload has come
        self.assertEqual(code_of(status), 16)

    def test_unix_socket(self):
        connection = frames.Connection(os.path.join(self.dir, "nacre.sock"), self.key, PATIENCE)
        self.addCleanup(connection.close)
        self.assertEqual(connection.reply(0), ([b""], None))

    def test_tls(self):
        secure = test_tls.Secure("run")
        self.addCleanup(secure.doCleanups)
        secure.setUp()
        connection = frames.Connection(None, secure.key, PATIENCE, secure.connect(secure.context()))
        self.assertEqual(connection.reply(0), ([b""], None))
        for i in range(1, 300):
            connection.send(frame(i, PUT, 0, with_id(f"d{i}") + bytes_field(3, b'{"n":1}')))
        self.assertEqual({connection.receive()[2] for _ in range(1, 300)}, {0})

    def test_pipelined(self):
        connection, count = self.open(), 2000
        sent = b"".join(frame(i, PUT, 0, with_id(f"d{i}") + bytes_field(3, b'{"n":1}'))
                        for i in range(1, count + 1))
        connection.send(sent)
        seen = {}
        while len(seen) < count:
            number, method, flags, payload = connection.receive()
            self.assertEqual((method, flags), (PUT, 0), payload)
            seen[number] = payload
        self.assertEqual(set(seen), set(range(1, count + 1)))
        replies, status = connection.call(42, COLLECTION)   # count
        self.assertEqual((replies, status), ([number_field(12, count)], None))

    def test_replies_that_nobody_reads(self):
        connection = self.open()
        large = with_id("a") + bytes_field(3, b'{"t":"' + b"x" * 500000 + b'"}')
        self.assertIsNone(connection.call(PUT, large)[1])
        asked = b"".join(frame(i, GET, 0, with_id("a")) for i in range(1000, 3000))
        connection.send(asked)
        other = self.open()     # the server goes on, in bounded memory
        self.assertEqual(code_of(other.call(GET, with_id("none"))[1]), 5)
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.assertLess(resident, 700 << 20)    # all of them are 1 GB
        seen = {connection.receive()[0] for _ in range(2000)}
        self.assertEqual(seen, set(range(1000, 3000)))

    def test_cut_anywhere(self):
        whole = frames.PREFACE + frame(0, 0, 0, f"Bearer {self.key}".encode()) \
            + frame(7, GET, 0, with_id("none"))
        for step in (1, 5, 17):
            connection = frames.Connection(("127.0.0.1", self.port), None, PATIENCE)
            self.addCleanup(connection.close)
            for at in range(len(frames.PREFACE), len(whole), step):
                connection.send(whole[at:at + step])
            self.assertEqual(connection.reply(0), ([b""], None))
            _, status = connection.reply(7)
            self.assertEqual(code_of(status), 5)

    def test_stream_waits_for_credit(self):
        connection = self.open()
        line = b'{"t":"' + b"x" * 1000 + b'"}\n'
        connection.send(frame(1, IMPORT, MORE, COLLECTION))
        left, window = 6000, (1 << 20) - len(COLLECTION)
        while left:     # as much as there is credit for
            count = min(left, 500)
            while window <= 0:
                number, _, flags, payload = connection.receive()
                self.assertEqual((number, flags), (1, CREDIT))
                window += struct.unpack("<I", payload)[0]
            data = bytes_field(46, line * count)
            connection.send(frame(1, IMPORT, MORE | NEXT, data))
            left, window = left - count, window - len(data)
        connection.send(frame(1, IMPORT, NEXT))
        replies, status = connection.reply(1)
        self.assertIsNone(status)
        self.assertIn(number_field(20, 6000), replies[-1])
        connection.send(frame(2, EXPORT, 0, COLLECTION))
        got = 0
        while True:     # without credit it stops, and other requests go on
            connection.send(frame(3, 0, PING, b"p"))
            stopped = False
            while not stopped:
                number, _, flags, payload = connection.receive()
                stopped = flags == PING
                got += len(payload) if number == 2 else 0
            if got >= 1 << 20:
                break
        self.assertLess(got, (1 << 20) + (128 << 10))
        _, status = connection.call(GET, with_id("none"))
        self.assertEqual(code_of(status), 5)
        connection.send(frame(2, EXPORT, CREDIT, struct.pack("<I", 64 << 20)))
        _, status = connection.reply(2)
        self.assertIsNone(status)

    def test_cancel(self):
        connection = self.open()
        self.assertIsNone(connection.call(PUT, with_id("a") + bytes_field(3, b"{}"))[1])
        for number in range(100, 110):
            connection.send(frame(number, CHANGES, 0, COLLECTION + number_field(49, 1)))
            got, _, flags, _ = connection.receive()
            self.assertEqual((got, flags), (number, MORE))  # it stands
            connection.send(frame(number, CHANGES, CANCEL))
        _, status = connection.call(GET, with_id("none"))
        self.assertEqual(code_of(status), 5)
        self.stop()     # none of them is left

    def test_follow(self):
        connection = self.open()
        self.assertIsNone(connection.call(PUT, with_id("a") + bytes_field(3, b"{}"))[1])
        connection.send(frame(9, CHANGES, 0, COLLECTION + number_field(49, 1)))
        self.assertEqual(connection.receive()[:3], (9, CHANGES, MORE))
        other = self.open()
        self.assertIsNone(other.call(PUT, with_id("b") + bytes_field(3, b"{}"))[1])
        number, _, flags, payload = connection.receive()
        self.assertEqual((number, flags), (9, MORE))
        self.assertIn(b'"_id":"b"', payload)

    def test_the_end_of_the_server_ends_followers(self):
        connection = self.open()
        self.assertIsNone(connection.call(PUT, with_id("a") + bytes_field(3, b"{}"))[1])
        connection.send(frame(9, CHANGES, 0, COLLECTION + number_field(49, 1)))
        self.assertEqual(connection.receive()[:3], (9, CHANGES, MORE))
        self.process.send_signal(signal.SIGTERM)
        number, _, flags, payload = connection.receive()
        self.assertEqual((number, flags, code_of(payload)), (9, FAILED, 1))
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def test_too_many_followers(self):
        connections = [self.open(), self.open()]
        self.assertIsNone(connections[0].call(PUT, with_id("a") + bytes_field(3, b"{}"))[1])
        answers = []
        for connection in connections:
            for number in range(1000, 1100):
                connection.send(frame(number, CHANGES, 0, COLLECTION + number_field(49, 1)))
            answers += [connection.receive() for _ in range(100)]
        stand = [flags for _, _, flags, _ in answers if flags == MORE]
        refused = [code_of(payload) for _, _, flags, payload in answers if flags == FAILED]
        self.assertEqual((len(stand), refused), (192, [14] * 8))

    def test_too_many_streams(self):
        connection = self.open()
        self.assertIsNone(connection.call(PUT, with_id("a") + bytes_field(3, b"{}"))[1])
        for number in range(1000, 1101):
            connection.send(frame(number, CHANGES, 0, COLLECTION + number_field(49, 1)))
        refused = []
        while not refused:
            number, _, flags, payload = connection.receive()
            refused += [(number, code_of(payload))] if flags == FAILED else []
        self.assertEqual(refused, [(1100, 8)])

    def test_unknown_method(self):
        _, status = self.open().call(65535, b"")
        self.assertEqual(code_of(status), 12)

    def test_too_large(self):
        connection = self.open()
        connection.send(struct.pack("<IQHH", 12 + (64 << 20) + 1, 1, PUT, 0))
        self.assertEqual(code_of(connection.reply(1)[1]), 8)
        rest = (64 << 20) + 1
        while rest:
            rest -= connection.socket.send(b"x" * min(rest, 1 << 20))
        self.assertEqual(code_of(connection.call(GET, with_id("a"))[1]), 5)

    def test_bad_frames(self):
        long = struct.pack("<IQHH", 0xffffffff, 1, GET, 0)
        short = struct.pack("<IQHH", 11, 1, GET, 0)
        for bad in (long, short, frame(1, GET, 64), frame(1, GET, FAILED), frame(1, 0, MORE),
                    frame(1, GET, CREDIT | CANCEL), frame(1, GET, CREDIT, b"abc"),
                    frame(1, 0, 0, b"Bearer \0"), frame(1, GET, CREDIT | MORE, b"\0\0\0\0")):
            connection = self.open()
            connection.send(bad)
            self.assertEqual([code_of(got[3]) for got in self.closed(connection)], [3], bad)

    def test_id_twice(self):
        connection = self.open()
        self.assertIsNone(connection.call(PUT, with_id("a") + bytes_field(3, b"{}"))[1])
        follow = frame(5, CHANGES, 0, COLLECTION + number_field(49, 1))
        connection.send(follow + follow)
        last = self.closed(connection)[-1]
        self.assertEqual((last[0], code_of(last[3])), (0, 3))

    def test_credit_of_a_stream_is_bounded(self):
        connection = self.open()
        connection.send(frame(1, IMPORT, MORE, COLLECTION + bytes_field(46, b'{"_id":1')))
        data = frame(1, IMPORT, MORE | NEXT, bytes_field(46, b" " * 1000000))
        try:
            for _ in range(80):     # one line without an end, and nobody looks at the credit
                connection.send(data)
        except ConnectionError:
            pass
        got = self.closed(connection)
        self.assertTrue(all(flags in (CREDIT, FAILED) for _, _, flags, _ in got), got[-1:])


if __name__ == "__main__":
    unittest.main()
