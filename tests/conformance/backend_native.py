"""native: the native protocol over TCP."""
import frames
import messages
from backend import PATIENCE, Answer, Server


class Native(Server):
    def __init__(self, folder):
        super().__init__(folder)
        self.connections = {}

    def connection(self, key):
        """That of a key, and the status of its hello; a hello that failed has ended it."""
        if key not in self.connections:
            opened = frames.Connection(("127.0.0.1", self.port), key or None, PATIENCE)
            status = opened.reply(0)[1] if key else None
            if status is not None:
                opened.close()
                return None, status
            self.connections[key] = opened
        return self.connections[key], None

    def call(self, request) -> Answer:
        message, streams = messages.reply_of(request.op)
        sent = messages.request_message(request)
        connection, status = self.connection(self.key if request.key is None else request.key)
        if status is not None:
            return messages.problem_answer(status)
        replies, status = connection.call(request.op["number"], sent)
        if request.key == "":   # it has ended
            self.connections.pop("").close()
        if status is not None:
            rows = messages.stream_rows(message, replies) if streams else None
            return messages.problem_answer(status, rows)
        if streams:
            return messages.stream_answer(request, message, replies)
        return messages.unary_answer(request, message, replies[0])

    def stop(self):
        for connection in self.connections.values():
            connection.close()
        return super().stop()
