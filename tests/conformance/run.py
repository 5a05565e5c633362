#!/usr/bin/env python3
"""Scenarios of the contract (*.yaml beside this file; README.md tells their form), over one way in.

    run.py WAY [FILE…]      WAY: rest (TCP) or unix (the server's socket). $NACRE is the tool.
"""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

import yaml

HERE = Path(__file__).resolve().parent
OPS = {op["name"]: op for op in (json.loads(path.read_text(encoding="utf-8"))
                                 for path in (HERE.parents[1] / "api/ops").glob("*.json"))}
PATIENCE = 100  # seconds
MEDIA = {"merge": "application/merge-patch+json", "json-patch": "application/json-patch+json",
         "ndjson": "application/x-ndjson", "csv": "text/csv", "events": "text/event-stream"}


class Different(Exception):
    pass


class Server:
    """A server of its own for all scenarios; each has a database."""

    def __init__(self, folder, over_unix):
        self.dir, self.over_unix = os.path.join(folder, "data"), over_unix
        tool = os.path.abspath(os.environ.get("NACRE", "build/dev/nacre"))
        self.process = subprocess.Popen([tool, "serve", self.dir, "--listen", "127.0.0.1:0"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", self.process.stderr.readline())[1])
        self.key = Path(self.dir, "admin.key").read_text(encoding="ascii").strip()

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        if self.over_unix:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(os.path.join(self.dir, "nacre.sock"))
        return connection

    def stop(self):
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self.process.stderr.close()
        return code


def written_id(value):
    if isinstance(value, int):
        return f"~{value}"
    return quote("~" + value if value.startswith("~") else value, safe="~")


def request_of(step, database):
    """Verb, path, headers and body of a step."""
    op = OPS[step["do"]]
    path = op["path"]
    for name in re.findall(r"\{(\w+)\}", path):
        value = step[name] if name != "database" else step.get("database", database)
        path = path.replace("{" + name + "}",
                            written_id(value) if name == "id" else quote(str(value), safe=""))
    if op["scope"] == "database":
        path = f"db/{step.get('database', database)}/{path}"
    query = {name: json.dumps(step[name]) if not isinstance(step[name], str) else step[name]
             for name in op.get("params", []) if name in step}
    headers = {name: str(step[name]) for name in op.get("headers", []) if name in step}
    headers |= step.get("headers", {})
    if "accept" in step:
        headers["Accept"] = MEDIA[step["accept"]]
    body = step.get("text")
    if "lines" in step:
        body = "".join(json.dumps(line) + "\n" for line in step["lines"])
        headers.setdefault("Content-Type", MEDIA["ndjson"])
    elif "body" in step:
        body = json.dumps(step["body"])
    if "media" in step:
        headers["Content-Type"] = MEDIA.get(step["media"], step["media"])
    path = "/v1" + ("/" + path if path else "") + ("?" + urlencode(query) if query else "")
    return op["verb"], path, headers, body


def place(value, path):
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def fill(value, saved):
    """${name} in texts: what an earlier step saved."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{(\w+)\}", value)
        if whole:
            return saved[whole[1]]
        return re.sub(r"\$\{(\w+)\}", lambda found: str(saved[found[1]]), value)
    if isinstance(value, dict):
        return {name: fill(inner, saved) for name, inner in value.items()}
    return [fill(inner, saved) for inner in value] if isinstance(value, list) else value


def compare(want, got, where):
    """Objects: at least the members wanted; all else as it is."""
    if isinstance(want, dict) and "$match" in want:
        if not isinstance(got, str) or not re.search(want["$match"], got):
            raise Different(f"{where}: expected a text like {want['$match']!r}, got {got!r}")
    elif isinstance(want, dict) and "$keys" in want:
        if not isinstance(got, dict) or list(got) != want["$keys"]:
            raise Different(f"{where}: expected the members {want['$keys']}, got {got!r}")
    elif isinstance(want, dict):
        if not isinstance(got, dict):
            raise Different(f"{where}: expected an object, got {got!r}")
        for name, inner in want.items():
            if inner == {"$absent": True}:
                if name in got:
                    raise Different(f"{where}.{name}: expected to be absent, got {got[name]!r}")
            elif name not in got:
                raise Different(f"{where}.{name}: is absent in {got!r}")
            else:
                compare(inner, got[name], f"{where}.{name}")
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            raise Different(f"{where}: expected {len(want)} elements, got {got!r}")
        for i, inner in enumerate(want):
            compare(inner, got[i], f"{where}.{i}")
    elif want != got or isinstance(want, bool) != isinstance(got, bool) \
            or isinstance(want, float) != isinstance(got, float):
        raise Different(f"{where}: expected {want!r}, got {got!r}")


def check(step, answer, text, saved):
    want = dict(step.get("want", {}))
    status = want.pop("status", OPS[step["do"]]["status"])
    lines = "x-ndjson" in (answer.getheader("Content-Type") or "")
    body = None
    if text and lines:
        body = [json.loads(line) for line in text.splitlines()]
    elif text and "json" in (answer.getheader("Content-Type") or ""):
        body = json.loads(text)
    if answer.status != status:
        raise Different(f"status: expected {status}, got {answer.status} {text[:400]}")
    if status >= 400:
        compare({"status": status, "code": want.pop("code"), "request_id": {"$match": "."}}, body,
                "problem")
    for name, inner in want.pop("headers", {}).items():
        compare(inner, answer.getheader(name), f"header {name}")
    if "text" in want:
        compare(want.pop("text"), text, "text")
    if "body" in want:
        compare(want.pop("body"), body, "body")
    if want:
        raise Different(f"want: {list(want)} are not known")
    for name, path in step.get("save", {}).items():
        if path.startswith("header "):
            saved[name] = answer.getheader(path[7:])
        else:
            saved[name] = place(body, path)


def run_step(server, step, database, saved):
    verb, path, headers, body = request_of(fill(step, saved), database)
    headers["Authorization"] = "Bearer " + server.key
    connection = server.connect()
    try:
        connection.request(verb, path, body=None if body is None else body.encode(),
                           headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    check(fill(step, saved), answer, text, saved)


def run_scenario(server, scenario, number):
    database, saved = f"s{number}", {}
    run_step(server, {"do": "database_put", "database": database}, database, saved)
    for collection, documents in scenario.get("given", {}).items():
        run_step(server, {"do": "import", "collection": collection, "lines": documents,
                          "want": {"status": 200}}, database, saved)
    for i, step in enumerate(scenario["steps"], 1):
        try:
            run_step(server, step, database, saved)
        except Different as different:
            return f"step {i} ({step['do']}): {different}"
    run_step(server, {"do": "database_delete", "database": database}, database, saved)
    return None


def main():
    way, files = sys.argv[1], [Path(name) for name in sys.argv[2:]]
    scenarios = [(path.stem, scenario) for path in files or sorted(HERE.glob("*.yaml"))
                 for scenario in yaml.safe_load(path.read_text(encoding="utf-8"))]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="nacre-conformance-") as folder:
        server = Server(folder, way == "unix")
        try:
            for number, (file, scenario) in enumerate(scenarios):
                told = run_scenario(server, scenario, number)
                if told:
                    failed += 1
                    print(f"{file}: {scenario['scenario']}\n    {told}")
        finally:
            code = server.stop()
    print(f"{way}: {len(scenarios)} scenarios, {failed} failed, the server ended with {code}")
    return 1 if failed or code else 0


if __name__ == "__main__":
    sys.exit(main())
