"""grpc: gRPC over HTTP/2 with grpcio, messages as bytes. See tests/cli/stock_grpc.py."""
import sys
from pathlib import Path

import messages
from backend import PATIENCE, Server

sys.path.append(str(Path(__file__).resolve().parents[1] / "cli"))
import stock_grpc  # noqa: E402 pylint: disable=wrong-import-position


class Grpc(Server):
    def __init__(self, folder):
        grpc = stock_grpc.with_grpcio()
        if not grpc:
            raise ImportError("grpcio is not here and cannot be installed")
        super().__init__(folder)
        self.grpc = grpc
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}",
                                             options=[("grpc.max_receive_message_length", -1)])

    def replies(self, request, takes, gives):
        """The messages of a call, with its status (bytes) where it failed."""
        kind = ("stream" if takes else "unary") + ("_stream" if gives else "_unary")
        path = f"/nacre.v1.{request.op['grpc'].replace('.', '/')}"
        message, got = messages.request_message(request), []
        key = self.key if request.key is None else request.key
        try:
            answer = getattr(self.channel, kind)(path)(
                iter([message]) if takes else message, timeout=PATIENCE,
                metadata=[("authorization", f"Bearer {key}")] if key else [])
            for reply in answer if gives else [answer]:
                got.append(reply)
        except self.grpc.RpcError as error:
            found = dict(error.trailing_metadata() or ())
            if "grpc-status-details-bin" not in found:
                raise ValueError(f"no details: {error}") from error
            return got, found["grpc-status-details-bin"]
        return got, None

    def call(self, request):
        message, streams = messages.reply_of(request.op)
        got, status = self.replies(request, request.op.get("body") == "stream", streams)
        if status is not None:
            return messages.problem_answer(
                status, messages.stream_rows(message, got) if streams else None)
        if streams:
            return messages.stream_answer(request, message, got)
        return messages.unary_answer(request, message, got[0])

    def stop(self):
        self.channel.close()
        return super().stop()
