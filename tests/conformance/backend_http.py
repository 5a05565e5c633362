"""rest: HTTP/1.1 over TCP. unix: the same over the server's socket."""
import http.client
import os
import socket

from backend import PATIENCE, Answer, Server


class Rest(Server):
    is_http = True

    def __init__(self, folder):
        super().__init__(folder)
        self.connection = None

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def send(self, request, headers):
        """The answer; on the connection of the call before, where that is still open."""
        verb = request.op["verb"] if request.op else request.verb
        for fresh in (self.connection is None, True):
            if fresh:
                self.connection = self.connect()
            try:
                self.connection.request(verb, request.target, body=request.body, headers=headers)
                return self.connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                self.connection.close()
                if fresh:
                    raise
        return None

    def call(self, request):
        headers = {name: value.encode() for name, value in request.headers.items()}
        if request.media:
            headers["Content-Type"] = request.media
        if request.accept:
            headers["Accept"] = request.accept
        if request.key != "":
            headers["Authorization"] = "Bearer " + (request.key or self.key)
        answer = self.send(request, headers)
        if request.take:
            lines = []
            while len(lines) < request.take:
                line = answer.readline()
                if not line:
                    break
                if line.strip() and not line.startswith(b":"):
                    lines.append(line)
            body = b"".join(lines)
            self.connection.close()
        else:
            body = answer.read()
        if request.take or answer.will_close:
            self.connection.close()
            self.connection = None
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()},
                      body.decode())

    def stop(self):
        if self.connection:
            self.connection.close()
        return super().stop()


class Unix(Rest):
    def connect(self):
        connection = super().connect()
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        connection.sock.connect(os.path.join(self.dir, "nacre.sock"))
        return connection
