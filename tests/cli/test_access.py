#!/usr/bin/env python3
"""Keys and roles: who may do what, over REST."""
import base64
import datetime
import http.client
import json
import os
import signal
import unittest

from test_serve import Answer, Served
from tool import PATIENCE

GRANT = {"databases": ["shop"], "collections": ["orders", "log-*"],
         "permissions": ["documents:write"]}


def soon(**delta):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Access(Served):
    def make(self, role, **more):
        made = self.ok(201, "POST", "/keys", {"name": role, "role": role, **more})
        self.assertEqual(made.headers["Location"], "/v1/keys/" + made.json["id"])
        return made.json

    def as_key(self, key, status, verb, path, *more, **headers):
        answer = self.call(verb, path, *more, key=key, **headers)
        self.assertEqual(answer.status, status, answer.text)
        return answer


class Keys(Access):
    def test_made_listed_revoked(self):
        made = self.make("writer", databases=["main"], expires=soon(days=1))
        self.assertRegex(made["key"], r"^nacre_key_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$")
        shown = self.ok(200, "GET", "/keys/" + made["id"])
        self.assertEqual(shown.json, {name: value for name, value in made.items()
                                      if name != "key"})
        self.assertEqual(self.ok(200, "GET", "/keys").json["items"], [shown.json])
        self.as_key(made["key"], 201, "PUT", "/collections/c/docs/a", {"n": 1})
        self.assertIn("last_used", self.ok(200, "GET", "/keys/" + made["id"]).json)
        self.ok(204, "DELETE", "/keys/" + made["id"])
        self.as_key(made["key"], 401, "GET", "/collections/c/docs/a")
        self.refused(404, "not_found", "GET", "/keys/" + made["id"])
        self.refused(404, "not_found", "DELETE", "/keys/" + made["id"])

    def test_wrong_bodies(self):
        for body, pointer in (({"role": "reader"}, "/name"), ({"name": "x"}, "/role"),
                              ({"name": "x", "role": "nobody"}, "/role"),
                              ({"name": "x", "role": "reader", "databases": []}, "/databases"),
                              ({"name": "x", "role": "reader", "databases": ["$system"]},
                               "/databases/0"),
                              ({"name": "x", "role": "reader", "expires": "tomorrow"}, "/expires"),
                              ({"name": "x", "role": "reader", "expires": soon(days=-1)},
                               "/expires"),
                              ({"name": "x", "role": "reader", "database": ["a"]}, "/database")):
            answer = self.refused(400, "invalid_argument", "POST", "/keys", body)
            self.assertEqual(answer.json["errors"][0]["pointer"], pointer, answer.text)
        self.assertEqual(self.ok(200, "GET", "/keys").json["items"], [])

    def test_wrong_keys(self):
        made = self.make("reader")["key"]
        for key in (made[:-1] + ("A" if made[-1] != "A" else "B"), made + "A", made[:-1],
                    "nacre_key_" + "0" * 16 + made[26:], "nacre_key_", "x", self.key + "x"):
            self.as_key(key, 401, "GET", "/collections")

    def test_followers_end(self):
        made = self.make("reader")
        self.since = self.ok(201, "PUT", "/collections/c/docs/0", {}).headers["Nacre-Sequence"]
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        with self.follow(made["key"]) as stream:
            self.assertEqual(json.loads(stream.readline())["id"], "a")
            self.ok(204, "DELETE", "/keys/" + made["id"])
            self.ok(201, "PUT", "/collections/c/docs/b", {"n": 1})
            line = json.loads(stream.readline())
            self.assertEqual(line["$error"]["code"], "unauthenticated")

    def follow(self, key):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/collections/c/changes?follow=true&since=" + self.since,
                           headers={"Authorization": "Bearer " + key})
        return connection.getresponse()

    def test_kill(self):
        keys = [self.make("writer") for _ in range(3)]
        self.ok(204, "DELETE", "/keys/" + keys[1]["id"])
        self.ok(201, "PUT", "/roles/clerk", {"grants": [GRANT]})
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()
        self.as_key(keys[0]["key"], 201, "PUT", "/collections/c/docs/a", {})
        self.as_key(keys[1]["key"], 401, "GET", "/collections/c/docs/a")
        self.as_key(keys[2]["key"], 200, "GET", "/collections/c/docs/a")
        self.assertEqual(self.ok(200, "GET", "/roles/clerk").json["built_in"], False)

    def test_hidden_database(self):
        self.make("reader")
        self.assertEqual([one["name"] for one in self.ok(200, "GET", "/db").json["items"]],
                         ["main"])
        for name in ("$system", "%24system"):
            self.refused(400, "invalid_argument", "GET", f"/db/{name}")
            self.refused(400, "invalid_argument", "GET", f"/db/{name}/collections/keys/docs")
            self.refused(400, "invalid_argument", "DELETE", f"/db/{name}")
        for name in ("system", "Ssystem"):
            self.assertNotIn("$", self.refused(404, "database_not_found", "GET",
                                               f"/db/{name}").text)
        self.assertNotIn("$system", self.call("GET", "/../metrics").text)


class Roles(Access):
    def test_built_in(self):
        reader, writer, admin = (self.make(role)["key"] for role in ("reader", "writer", "admin"))
        self.as_key(reader, 403, "PUT", "/collections/c/docs/a", {})
        self.as_key(writer, 201, "PUT", "/collections/c/docs/a", {})
        self.as_key(reader, 200, "GET", "/collections/c/docs/a")
        self.as_key(writer, 403, "DELETE", "/collections/c")
        for key in (reader, writer):
            self.as_key(key, 403, "GET", "/keys")
            self.as_key(key, 403, "POST", "/keys", {"name": "x", "role": "admin"})
            self.as_key(key, 403, "PUT", "/db/d")
            self.as_key(key, 403, "GET", "/../metrics")
        self.as_key(admin, 201, "PUT", "/db/d")
        self.as_key(admin, 200, "GET", "/../metrics")
        self.as_key(admin, 201, "POST", "/keys", {"name": "x", "role": "admin"})
        self.refused(409, "already_exists", "PUT", "/roles/reader", {"grants": []})
        self.refused(409, "already_exists", "DELETE", "/roles/admin")
        self.assertEqual([role["name"] for role in self.ok(200, "GET", "/roles").json["items"]],
                         ["admin", "reader", "writer"])

    def test_custom(self):
        for name in ("shop", "shop2"):
            self.ok(201, "PUT", f"/db/{name}")
            for collection in ("orders", "log-1", "people"):
                self.ok(201, "PUT", f"/db/{name}/collections/{collection}")
        self.assertEqual(self.ok(201, "PUT", "/roles/clerk", {"grants": [GRANT]}).json, {
            "name": "clerk", "built_in": False,
            "grants": [{**GRANT, "permissions": ["documents:read", "documents:write"]}]})
        key = self.make("clerk")["key"]
        self.as_key(key, 201, "PUT", "/db/shop/collections/orders/docs/a", {})
        self.as_key(key, 201, "PUT", "/db/shop/collections/log-2/docs/a", {})
        for path in ("/db/shop/collections/people", "/db/shop2/collections/orders",
                     "/db/none/collections/orders", "/db/shop/collections/none",
                     "/collections/orders"):
            denied = self.as_key(key, 403, "PUT", path + "/docs/a", {}).json
            self.assertEqual(denied["code"], "permission_denied")
            self.assertIn("documents:write", denied["detail"])
            self.as_key(key, 403, "GET", path)
        # What is not there and what it may not see are told alike.
        there, missing = (self.as_key(key, 403, "GET", f"/db/shop/collections/{c}").json
                          for c in ("people", "absent"))
        self.assertEqual(there["detail"].replace("people", "?"),
                         missing["detail"].replace("absent", "?"))
        listed = self.as_key(key, 200, "GET", "/db/shop/collections").json["items"]
        self.assertEqual([one["name"] for one in listed], ["log-1", "log-2", "orders"])
        self.as_key(key, 403, "GET", "/db")
        # A change holds at once, for keys that are there.
        self.ok(200, "PUT", "/roles/clerk", {"grants": [{**GRANT, "permissions":
                                                         ["documents:read"]}]})
        self.as_key(key, 403, "PUT", "/db/shop/collections/orders/docs/a", {})
        self.as_key(key, 200, "GET", "/db/shop/collections/orders/docs/a")
        self.ok(204, "DELETE", "/roles/clerk")
        self.as_key(key, 403, "GET", "/db/shop/collections/orders/docs/a")

    def test_wrong_roles(self):
        for grants, pointer in ((1, "/grants"), ([1], "/grants/0"), ([{}], "/grants/0"),
                                ([GRANT, {"permissions": ["documents:raed"]}],
                                 "/grants/1/permissions"),
                                ([{**GRANT, "databases": ["*x"]}], "/grants/0/databases/0")):
            answer = self.refused(400, "invalid_argument", "PUT", "/roles/r", {"grants": grants})
            self.assertEqual(answer.json["errors"][0]["pointer"], pointer, answer.text)
        self.assertIn("documents:read", self.refused(
            400, "invalid_argument", "PUT", "/roles/r",
            {"grants": [{"permissions": ["documents:raed"]}]}).text)
        self.refused(400, "invalid_argument", "PUT", "/roles/$r", {"grants": []})

    def test_some_databases(self):
        for name in ("a1", "a2", "b"):
            self.ok(201, "PUT", f"/db/{name}")
        key = self.make("admin", databases=["a*"])["key"]
        self.as_key(key, 201, "PUT", "/db/a1/collections/c")
        self.as_key(key, 204, "DELETE", "/db/a1/collections/c")
        self.as_key(key, 403, "GET", "/db/b")
        listed = self.as_key(key, 200, "GET", "/db").json["items"]
        self.assertEqual([one["name"] for one in listed], ["a1", "a2"])
        for verb, path in (("PUT", "/db/a3"), ("DELETE", "/db/a2"), ("GET", "/keys"),
                           ("GET", "/../metrics")):
            self.as_key(key, 403, verb, path)
        # Names that it may not see are not suggested.
        self.ok(201, "PUT", "/db/a1/collections/people")
        hidden = self.make("reader", databases=["a3"])["key"]
        answer = self.as_key(hidden, 404, "GET", "/db/a3/collections/peopel")
        self.assertEqual(answer.json["detail"], "there is no database a3")
        self.assertNotIn("suggestions", answer.json)


class Callers(Access):
    def test_idempotency_keys_are_of_a_caller(self):
        one, two = self.make("writer")["key"], self.make("writer")["key"]
        headers = {"Idempotency_Key": "k"}
        first = self.as_key(one, 201, "POST", "/collections/c/docs", {"n": 1}, **headers)
        again = self.as_key(one, 201, "POST", "/collections/c/docs", {"n": 1}, **headers)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        other = self.as_key(two, 201, "POST", "/collections/c/docs", {"n": 1}, **headers)
        self.assertNotIn("Idempotency-Replayed", other.headers)
        self.assertNotEqual(first.json["_id"], other.json["_id"])

    def test_transactions_are_of_a_caller(self):
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        one, two = self.make("reader")["key"], self.make("writer")["key"]
        tx = self.as_key(one, 201, "POST", "/tx").json["id"]
        headers = {"Nacre_Transaction": tx}
        self.as_key(one, 200, "GET", "/collections/c/docs/a", **headers)
        self.as_key(one, 403, "PUT", "/collections/c/docs/a", {}, **headers)
        self.as_key(two, 404, "GET", "/collections/c/docs/a", **headers)
        self.as_key(two, 404, "POST", f"/tx/{tx}:commit")
        self.as_key(one, 200, "POST", f"/tx/{tx}:commit")

    def test_what_runs(self):
        one, two = self.make("reader")["key"], self.make("reader")["key"]
        self.as_key(one, 200, "GET", "/queries")
        self.as_key(two, 404, "DELETE", "/queries/1")

    def test_expired(self):
        made = self.make("reader", expires=soon(seconds=2))
        until = datetime.datetime.fromisoformat(made["expires"].replace("Z", "+00:00"))
        while datetime.datetime.now(datetime.timezone.utc) < until:
            self.assertIn(self.call("GET", "/collections", key=made["key"]).status, (200, 401))
        self.as_key(made["key"], 401, "GET", "/collections")


class Users(Access):
    def as_user(self, user, password, status, verb, path, *more):
        sent = base64.b64encode(f"{user}:{password}".encode()).decode()
        answer = self.authorized("Basic " + sent, verb, path, *more)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def authorized(self, text, verb, path, *more):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request(verb, "/v1" + path, body=json.dumps(more[0]) if more else None,
                           headers={"Authorization": text})
        return Answer(connection.getresponse())

    def test_made_changed_deleted(self):
        body = {"password": "correct horse", "role": "writer", "databases": ["main"]}
        made = self.ok(201, "PUT", "/users/ann", body)
        self.assertNotIn("correct", made.text)
        self.assertNotIn("argon2", made.text)
        self.assertEqual(made.json["name"], "ann")
        self.as_user("ann", "correct horse", 201, "PUT", "/collections/c/docs/a", {"n": 1})
        self.as_user("ann", "correct horse", 403, "GET", "/users")
        for user, password in (("ann", "correct horsf"), ("ann", ""), ("bob", "correct horse"),
                               ("", ""), ("ANN", "correct horse"), ("ann", "x" * 300)):
            self.as_user(user, password, 401, "GET", "/collections")
        self.ok(200, "PUT", "/users/ann", {"role": "reader"})
        self.as_user("ann", "correct horse", 403, "PUT", "/collections/c/docs/a", {"n": 1})
        self.ok(200, "PUT", "/users/ann", {"role": "reader", "password": "another one"})
        self.as_user("ann", "correct horse", 401, "GET", "/collections")
        self.as_user("ann", "another one", 200, "GET", "/collections")
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()
        self.as_user("ann", "another one", 200, "GET", "/collections")
        self.assertEqual([user["name"] for user in self.ok(200, "GET", "/users").json["items"]],
                         ["ann"])
        self.ok(204, "DELETE", "/users/ann")
        self.as_user("ann", "another one", 401, "GET", "/collections")
        self.refused(404, "not_found", "GET", "/users/ann")

    def test_wrong_bodies(self):
        for body, pointer in (({"role": "reader"}, "/password"),
                              ({"password": "12345678"}, "/role"),
                              ({"role": "reader", "password": "1234567"}, "/password"),
                              ({"role": "reader", "name": "x"}, "/name")):
            answer = self.refused(400, "invalid_argument", "PUT", "/users/ann", body)
            self.assertEqual(answer.json["errors"][0]["pointer"], pointer, answer.text)
            self.assertNotIn("1234567", answer.text)
        for text in ("Basic", "Basic ", "Basic !!!", "Basic YW5u", "Basic " + "QUFB" * 400):
            self.assertEqual(self.authorized(text, "GET", "/collections").status, 401)


class Secrets(Access):
    def test_no_secret_on_disk(self):
        made = self.make("reader")
        self.stop()
        secret = made["key"][27:].encode()
        for place, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(place, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.assertNotIn(secret, file.read(), path)


if __name__ == "__main__":
    unittest.main()
