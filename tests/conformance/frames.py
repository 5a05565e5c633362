"""The native protocol, as a client speaks it."""
import socket
import struct

PREFACE = b"NACRE/1\n"
MORE, NEXT, FAILED, CREDIT, CANCEL, PING = 1, 2, 4, 8, 16, 32


def frame(number, method, flags=0, payload=b""):
    return struct.pack("<IQHH", 12 + len(payload), number, method, flags) + payload


class Connection:
    """Frames over a socket; a hello is the first unless key is None."""

    def __init__(self, address, key, patience, connected=None):
        """connected: a socket to use instead of one to the address."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = connected or socket.socket(family)
        self.socket.settimeout(patience)
        if not connected:
            self.socket.connect(address)
        self.number = 0
        self.others = []    # frames that reply() was not asked for
        self.send(PREFACE)
        if key is not None:
            self.send(frame(0, 0, 0, f"Bearer {key}".encode()))

    def send(self, data):
        self.socket.sendall(data)

    def next_number(self):
        self.number += 1
        return self.number

    def read(self, size):
        parts = []
        while size:
            part = self.socket.recv(min(size, 1 << 20))
            if not part:
                raise EOFError("the server has closed")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def receive(self):
        """Request id, method, flags, payload of the next frame."""
        size, number, method, flags = struct.unpack("<IQHH", self.read(16))
        return number, method, flags, self.read(size - 12)

    def reply(self, number):
        """Messages and the status of a request, None where it did not fail; credit as it goes."""
        messages = []
        waiting = [one for one in self.others if one[0] == number]
        self.others = [one for one in self.others if one[0] != number]
        while True:
            got, method, flags, payload = waiting.pop(0) if waiting else self.receive()
            if got != number:
                self.others.append((got, method, flags, payload))
            if got != number or flags & CREDIT:
                continue
            if flags & FAILED:
                return messages, payload
            if flags & MORE:
                messages.append(payload)
                self.send(frame(number, method, CREDIT, struct.pack("<I", len(payload))))
                continue
            return (messages + [payload] if payload or not messages else messages), None

    def call(self, method, payload):
        number = self.next_number()
        self.send(frame(number, method, 0, payload))
        return self.reply(number)

    def close(self):
        self.socket.close()
