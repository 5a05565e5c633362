#!/usr/bin/env python3
"""Every operation × role × database: refused where the role does not grant it, nowhere else.

The operations and their permissions come from the server's own OpenAPI document. A protocol is a
function from (operation, names, key) to the code of the answer's problem, "" for none: another one
is another entry of PROTOCOLS."""
import base64
import itertools
import json
import os
import re
import shutil
import struct
import sys
import unittest

import test_http2
import test_ws
from test_serve import Served
from tool import PATIENCE, ROOT

sys.path.append(str(ROOT / "tests/conformance"))
import frames  # noqa: E402 pylint: disable=wrong-import-position
import messages  # noqa: E402 pylint: disable=wrong-import-position

DATABASES = ("main", "mine", "other")
COLLECTION, OTHER_COLLECTION = "things", "secrets"
READ = {"none", "documents:read", "databases:read"}
WRITE = READ | {"documents:write"}
ALL = WRITE | {"collections:write", "databases:write", "server:admin", "metrics:read"}
OF_SERVER = {"databases:write", "server:admin", "metrics:read"}
# Of each: its permissions, the databases and the collection it is bound to (None: all).
ROLES = {
    "reader": (READ, None, None), "writer": (WRITE, None, None), "admin": (ALL, None, None),
    "nothing": ({"none"}, None, None),
    "reader of mine": (READ, {"mine"}, None), "admin of mine": (ALL - OF_SERVER, {"mine"}, None),
    "clerk": ({"none", "documents:read", "documents:write"}, {"mine"}, COLLECTION),
    "monitor": ({"none", "metrics:read"}, None, None),
}
# What ends a list of operations that would change what the others meet.
LAST = ("collection_delete", "database_delete", "key_delete", "role_delete", "user_delete")


def operations(openapi):
    """(name, verb, path below /v1, permission) of each, those of a database with its path."""
    found = {}
    for path, verbs in openapi["paths"].items():
        for verb, about in verbs.items():
            if "x-permission" in about and path.startswith("/v1"):
                name = re.sub(r"_in$", "", about["operationId"])
                if name not in found or "{database}" in path:
                    found[name] = (name, verb.upper(), path[3:], about["x-permission"])
    return sorted(found.values(), key=lambda op: (op[0] in LAST, op[0]))


def may(role, op, database, collection):
    """What the documentation says; None: this operation does not tell by its answer."""
    permissions, databases, only = ROLES[role]
    name, _, path, permission = op
    if permission not in permissions:
        return False
    if "{database}" not in path:
        return databases is None and only is None or permission in ("none", "databases:read")
    if databases is not None and database not in databases:
        return False
    if only and "{collection}" in path:
        return collection == only
    return not only or permission in ("documents:read", "documents:write", "databases:read")


class Permissions(Served):
    def start(self, *words):
        # Without a directory of backups the admin is refused them too.
        backups = self.dir + ".backups"
        os.mkdir(backups)
        self.addCleanup(shutil.rmtree, backups)
        super().start("--backups", backups, *words)

    def setUp(self):
        super().setUp()
        for database in DATABASES[1:]:
            self.ok(201, "PUT", f"/db/{database}")
        self.ok(201, "PUT", "/roles/nothing", {"grants": []})
        self.ok(201, "PUT", "/roles/monitor", {"grants": [{"permissions": ["metrics:read"]}]})
        self.ok(201, "PUT", "/roles/clerk", {"grants": [
            {"databases": ["mine"], "collections": [COLLECTION],
             "permissions": ["documents:write"]}]})
        self.keys, self.connections = {}, {}
        for role in ROLES:
            body = {"name": role, "role": role.split(" ")[0]}
            if role.endswith("of mine"):
                body["databases"] = ["mine"]
            self.keys[role] = self.ok(201, "POST", "/keys", body).json["key"]

    def rest(self, op, names, key):
        path = re.sub(r"\{(\w+)\}", lambda name: names.get(name[1], "none"), op[2])
        verb = op[1]
        # No body: an operation that is permitted is refused for that, or finds nothing.
        answer = self.call(verb, path, key=key)
        return json.loads(answer.text)["code"] if answer.status >= 400 and answer.text else ""

    def kept(self, kind, key, make):
        """The connection of this protocol and key, made where there is none."""
        if (kind, key) not in self.connections:
            self.connections[kind, key] = make()
        return self.connections[kind, key]

    def connect_native(self, key):
        connection = frames.Connection(("127.0.0.1", self.port), key or None, PATIENCE)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def message(op, names):
        """A request with what its path names and no more."""
        return b"".join(messages.encode_field(field, names.get(field.target, "none"))
                        for field in messages.MODEL.requests[op[0]].fields
                        if field.place == "PATH")

    def native(self, op, names, key):
        connection = self.kept("native", key, lambda: self.connect_native(key))
        _, status = connection.call(messages.OPS[op[0]]["number"], self.message(op, names))
        return code_of(status)

    def grpc_path(self, path, message, key):
        """Status and problem of a call; over frames, so that no client's package is needed."""
        peer = self.kept("grpc", None, lambda: test_http2.Peer(self))
        answer = peer.call("POST", "/../" + path, b"\0" + struct.pack(">I", len(message)) + message,
                           authorization=f"Bearer {key}" if key else "", te="trailers",
                           content_type="application/grpc")
        self.assertEqual(answer["status"], 200, answer)
        text = answer["headers"].get("grpc-status-details-bin", "")
        status = int(answer["headers"]["grpc-status"])
        self.assertEqual(bool(status), bool(text), answer)
        return status, code_of(base64.b64decode(text + "=" * (-len(text) % 4)))

    def grpc(self, op, names, key):
        path = "nacre.v1." + messages.OPS[op[0]]["grpc"].replace(".", "/")
        return self.grpc_path(path, self.message(op, names), key)[1]

    PROTOCOLS = {"rest": rest, "native": native, "grpc": grpc}

    def operations(self):
        found = operations(self.ok(200, "GET", "/../openapi.json").json)
        self.assertEqual({op[0] for op in found}, set(messages.OPS))
        return found

    def check_matrix(self, protocol):
        wrong, calls = [], 0
        for op in self.operations():
            databases = DATABASES if "{database}" in op[2] else ("",)
            collections = (COLLECTION, OTHER_COLLECTION) if "{collection}" in op[2] else ("",)
            for role, database, collection in itertools.product(ROLES, databases, collections):
                names = {"database": database, "collection": collection}
                code = self.PROTOCOLS[protocol](self, op, names, self.keys[role])
                calls += 1
                if (code != "permission_denied") != may(role, op, database, collection):
                    wrong.append((op[0], role, database, collection, code))
        self.assertEqual(wrong, [])
        self.assertGreater(calls, 1000)

    def test_rest(self):
        self.check_matrix("rest")

    def test_native(self):
        self.check_matrix("native")

    def test_grpc(self):
        self.check_matrix("grpc")

    def test_sockets(self):
        """What can be followed: it answers nothing while there is no change, so the refusal of a
        second subscription of the same name tells that the first stands."""
        op = next(op for op in self.operations() if op[0] == "changes")
        for database in DATABASES:
            for collection in (COLLECTION, OTHER_COLLECTION):
                self.ok(201, "PUT", f"/db/{database}/collections/{collection}")
        wrong = []
        for role, key in self.keys.items():
            peer = Socket(self, key)
            for kind, database, collection in itertools.product(
                    ("changes", "live"), DATABASES, (COLLECTION, OTHER_COLLECTION)):
                code = peer.subscribe(kind, database, collection)
                if (code != "permission_denied") != may(role, op, database, collection):
                    wrong.append((kind, role, database, collection, code))
        self.assertEqual(wrong, [])

    def test_without_a_key(self):
        names = {"database": "main", "collection": "c"}
        for op in self.operations():
            for key in ("", "nacre_" + "A" * 43):
                self.assertEqual(self.rest(op, names, key), "unauthenticated", op)
                self.assertEqual(self.grpc(op, names, key), "unauthenticated", op)
            # A wrong hello ends the connection: it is answered alone.
            connection = self.connect_native("")
            _, status = connection.call(messages.OPS[op[0]]["number"], self.message(op, names))
            self.assertEqual(code_of(status), "unauthenticated", op)
        _, status = self.connect_native("nacre_" + "A" * 43).reply(0)
        self.assertEqual(code_of(status), "unauthenticated")

    def test_pages_without_a_key(self):
        for path, needs in (("/livez", False), ("/readyz", False), ("/ui/", False),
                            ("/metrics", True), ("/openapi.json", True), ("/ws", True),
                            ("/", True), ("/ui2", True), ("/livez/x", True)):
            status = self.call("GET", "/.." + path, key="wrong").status
            self.assertEqual(status == 401, needs, (path, status))

    def test_what_is_no_operation(self):
        """Numbers and paths that the table does not have lead nowhere, for the admin too."""
        known = {op["number"] for op in messages.OPS.values()} | {0}
        connection = self.connect_native(self.key)
        self.assertIsNone(connection.reply(0)[1])
        for number in [*range(300), 0x7fff, 0x8000, 0xffff]:
            if number not in known:
                self.assertEqual(code_of(connection.call(number, b"")[1]), "unimplemented", number)
        for path in ("nacre.v1.Documents/", "nacre.v1.Documents/get", "nacre.v1.Documents/Get/",
                     "nacre.v2.Documents/Get", "/Get", "nacre.v1.Admin/Get", "x",
                     "grpc.health.v1.Health/Nothing"):
            self.assertEqual(self.grpc_path(path, b"", self.key), (12, "unimplemented"), path)
            self.assertEqual(self.grpc_path(path, b"", ""), (16, "unauthenticated"), path)
        for version in ("v1", "v1alpha"):
            path = f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            self.assertEqual(self.grpc_path(path, b"", "x")[0], 16)
        # As /livez: none needs a key to ask whether it serves.
        self.assertEqual(self.grpc_path("grpc.health.v1.Health/Check", b"", "")[0], 0)


def code_of(status):
    """Of a google.rpc.Status; "" where there is none."""
    return json.loads(messages.problem_answer(status).text)["code"] if status else ""


class Socket(test_ws.Raw):
    def __init__(self, test, key):
        asking = test_ws.Sockets("run")
        asking.key, asking.port, asking.addCleanup = key, test.port, test.addCleanup
        super().__init__(asking)
        self.number = 0

    def subscribe(self, kind, database, collection):
        """The code of the answer, "" where it stands."""
        self.number += 1
        asked = {"id": self.number, "op": kind, "database": database, "collection": collection}
        for _ in range(2):
            self.send(test_ws.TEXT, json.dumps(asked).encode())
        codes = []
        while len(codes) < 2:
            told = json.loads(self.read()[1])
            if "error" in told:
                codes.append(told["error"]["code"])
            elif codes != []:
                raise AssertionError(told)
            if codes == ["invalid_argument"]:
                return ""
        if codes[0] != codes[1]:
            raise AssertionError(codes)
        return codes[0]


if __name__ == "__main__":
    unittest.main()
