"""embedded: the operations in a process of their own (conformance_embedded.c), through pipes."""
import os
import struct
import subprocess

from backend import PATIENCE, Answer


def message_of(fields):
    parts = [struct.pack("<I", len(fields))]
    for name, value in fields.items():
        for text in (name.encode(), value if isinstance(value, bytes) else value.encode()):
            parts += [struct.pack("<I", len(text)), text]
    return b"".join(parts)


def plain_id(value):
    """As a path of the library writes it."""
    if isinstance(value, int):
        return f"~{value}"
    return "~" + value if value.startswith("~") else value


class Embedded:
    is_http = False
    signs = False  # problems have no request_id: there is no request
    has_keys = False

    def __init__(self, folder):
        tool = os.environ.get("NACRE", "build/dev/nacre")
        program = os.path.join(os.path.dirname(os.path.abspath(tool)), "conformance_embedded")
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([program, os.path.join(folder, "data")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, size):
        data = self.process.stdout.read(size)
        if len(data) != size:
            raise EOFError("the program ended")
        return data

    def read_number(self):
        return struct.unpack("<I", self.read(4))[0]

    def call(self, request):
        fields = {"op": request.op["name"], "body": request.body or b""}
        fields |= {f"path.{name}": plain_id(value) if name == "id" else str(value)
                   for name, value in request.path.items()}
        fields |= {f"param.{name}": value for name, value in request.params.items()}
        fields |= {f"header.{name}": value for name, value in request.headers.items()}
        fields |= {"media": request.media} if request.media else {}
        fields |= {"accept": request.accept} if request.accept else {}
        self.process.stdin.write(message_of(fields))
        self.process.stdin.flush()
        answer = {}
        for _ in range(self.read_number()):
            name = self.read(self.read_number()).decode()
            answer[name] = self.read(self.read_number()).decode()
        headers = {"content-type": answer["media"], "nacre-sequence": answer["sequence"],
                   "etag": answer["version"] and f'"{answer["version"]}"',
                   "location": answer["location"], "idempotency-replayed": answer["replayed"]}
        return Answer(int(answer["status"]), {name: text for name, text in headers.items() if text},
                      answer["body"])

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(PATIENCE)
