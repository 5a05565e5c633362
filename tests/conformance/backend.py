"""What a way into Nacre offers the runner: start, call, stop; each way has a file of its own."""
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

OPS = {op["name"]: op for op in (json.loads(path.read_text(encoding="utf-8")) for path in
                                 (Path(__file__).resolve().parents[2] / "api/ops").glob("*.json"))}
PATIENCE = 100  # seconds
MEDIA = {"merge": "application/merge-patch+json", "json-patch": "application/json-patch+json",
         "json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv",
         "events": "text/event-stream"}


@dataclass
class Request:
    """A call of an operation; a step of HTTP itself has no op, but a verb and a target."""
    op: dict | None
    path: dict = field(default_factory=dict)     # names in the operation's path; id: text or int
    params: dict = field(default_factory=dict)   # texts
    headers: dict = field(default_factory=dict)  # texts
    body: bytes | None = None
    media: str | None = None   # of the body
    accept: str | None = None
    key: str | None = None    # the credential; None: the admin's; "": none
    verb: str = ""
    raw_target: str = ""
    take: int = 0              # of a stream without end: leave after so many lines

    @property
    def target(self):
        """The path of HTTP."""
        if not self.op:
            return self.raw_target
        path = self.op["path"]
        for name in re.findall(r"\{(\w+)\}", path):
            value = self.path[name]
            path = path.replace("{" + name + "}", written_id(value) if name == "id"
                                else quote(str(value), safe=""))
        if self.op["scope"] == "database":
            path = f"db/{quote(self.path['database'], safe='')}/{path}"
        query = "?" + urlencode(self.params) if self.params else ""
        return "/v1" + ("/" + path if path else "") + query


@dataclass
class Answer:
    """HTTP's words, whichever way it came. headers: by lower-case name."""
    status: int
    headers: dict
    text: str


def written_id(value):
    if isinstance(value, int):
        return f"~{value}"
    return quote("~" + value if value.startswith("~") else value, safe="~")


class Server:
    """A `nacre serve` of its own, for all scenarios; a way over sockets derives from it."""
    is_http = False  # whether it can carry steps of HTTP itself (do: http)
    signs = True     # whether problems have a request_id
    has_keys = True  # whether who asks is somebody: steps with `as`, keys, roles, users

    def __init__(self, folder):
        self.dir = os.path.join(folder, "data")
        tool = os.path.abspath(os.environ.get("NACRE", "build/dev/nacre"))
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([tool, "serve", self.dir, "--listen", "127.0.0.1:0"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", self.process.stderr.readline())[1])
        self.key = Path(self.dir, "admin.key").read_text(encoding="ascii").strip()

    def call(self, request: Request) -> Answer:
        raise NotImplementedError

    def stop(self):
        """The exit code."""
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self.process.stderr.close()
        return code
