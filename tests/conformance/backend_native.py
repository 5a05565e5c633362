"""native: the native protocol over TCP."""
import frames
import messages
from backend import PATIENCE, Answer, Server


class Native(Server):
    def __init__(self, folder):
        super().__init__(folder)
        self.connection = frames.Connection(("127.0.0.1", self.port), self.key, PATIENCE)
        assert self.connection.reply(0) == ([b""], None)

    def call(self, request) -> Answer:
        message, streams = messages.reply_of(request.op)
        replies, status = self.connection.call(request.op["number"],
                                               messages.request_message(request))
        if status is not None:
            rows = messages.stream_rows(message, replies) if streams else None
            return messages.problem_answer(status, rows)
        if streams:
            return messages.stream_answer(request, message, replies)
        return messages.unary_answer(request, message, replies[0])

    def stop(self):
        self.connection.close()
        return super().stop()
