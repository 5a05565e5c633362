#!/usr/bin/env python3
"""Every operation × role × database: refused where the role does not grant it, nowhere else.

The operations and their permissions come from the server's own OpenAPI document. A protocol is a
function from (operation, names, key) to the code of the answer's problem, "" for none: another one
is another entry of PROTOCOLS."""
import json
import os
import re
import shutil
import sys
import unittest

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

    def native(self, op, names, key):
        if key not in self.connections:
            self.connections[key] = frames.Connection(("127.0.0.1", self.port), key, PATIENCE)
            self.addCleanup(self.connections[key].close)
        about = messages.OPS[op[0]]
        message = b"".join(
            messages.encode_field(field, names.get(field.target, "none"))
            for field in messages.MODEL.requests[op[0]].fields if field.place == "PATH")
        _, status = self.connections[key].call(about["number"], message)
        return json.loads(messages.problem_answer(status).text)["code"] if status else ""

    PROTOCOLS = {"rest": rest, "native": native}

    def test_matrix(self):
        ops = operations(self.ok(200, "GET", "/../openapi.json").json)
        self.assertGreater(len(ops), 40)
        wrong, calls = [], 0
        for protocol, call in self.PROTOCOLS.items():
            for op in ops:
                databases = DATABASES if "{database}" in op[2] else ("",)
                collections = ((COLLECTION, OTHER_COLLECTION) if "{collection}" in op[2]
                               else ("",))
                for role in ROLES:
                    for database in databases:
                        for collection in collections:
                            names = {"database": database, "collection": collection}
                            code = call(self, op, names, self.keys[role])
                            calls += 1
                            if (code != "permission_denied") != may(role, op, database, collection):
                                wrong.append((protocol, op[0], role, database, collection, code))
        self.assertEqual(wrong, [])
        self.assertGreater(calls, 1000)

    def test_without_a_key(self):
        ops = operations(self.ok(200, "GET", "/../openapi.json").json)
        self.assertGreater(len(ops), 40)
        for op in ops:
            for key in ("", "nacre_" + "A" * 43):
                self.assertEqual(self.rest(op, {"database": "main", "collection": "c"}, key),
                                 "unauthenticated", op)


if __name__ == "__main__":
    unittest.main()
