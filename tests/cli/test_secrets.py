#!/usr/bin/env python3
"""Planted secrets: keys, passwords, tokens and documents, through every kind of error, are told
nowhere: not on stderr, in the audit log, the slow log or the metrics; nor, of who asks, in what is
answered to errors."""
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
import threading
import unittest

import test_http2
import test_permissions
import test_tokens
import test_ws
from test_serve import Answer, Served
from tool import PATIENCE, ROOT

sys.path.append(str(ROOT / "tests/conformance"))
import frames  # noqa: E402 pylint: disable=wrong-import-position
import messages  # noqa: E402 pylint: disable=wrong-import-position

PASSWORD, WRONG_PASSWORD = "Planted-password-1", "Planted-password-2"
WRONG_KEY = "nacre_key_0123456789abcdef_PlantedPlantedPlantedPlantedPlantedPlantedX"
WRONG_TOKEN = ".".join(test_tokens.encode(part) for part in (
    {"alg": "HS256"}, {"sub": "Planted-subject"}, b"Planted-signature-Planted-signature"))
WRONG_LEASE = "Planted-lease-Planted-lease"
OF_DOCUMENTS = "Planted-document"   # in ids and values of documents, filters, patches
ODD = "Planted-in-what-is-no-request"


def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


class Secrets(Served):
    def start(self, *words):
        super().start("--slow-ms", "1", "--log-requests", *words)
        self.errors = []    # lines of stderr; what nobody reads would be left out
        self.reader = threading.Thread(target=self.errors.extend, args=[self.process.stderr])
        self.reader.start()
        self.addCleanup(self.reader.join)
        self.addCleanup(self.process.kill)

    def setUp(self):
        super().setUp()
        made = {role: self.ok(201, "POST", "/keys", {"name": role, "role": role}).json
                for role in ("reader", "writer", "admin")}
        self.keys = {role: key["key"] for role, key in made.items()}
        self.revoked = self.ok(201, "POST", "/keys", {"name": "r", "role": "admin"}).json
        self.ok(204, "DELETE", "/keys/" + self.revoked["id"])
        self.ok(201, "PUT", "/users/ann", {"password": PASSWORD, "role": "reader"})
        for name in ("one", "two"):
            self.ok(201, "PUT", f"/collections/c/docs/{name}", {"n": OF_DOCUMENTS + name})
        self.lease = self.ok(200, "POST", "/collections/c:claim", {}).json["_lease"]["token"]
        self.credentials = [
            self.key, *self.keys.values(), self.revoked["key"], PASSWORD, WRONG_PASSWORD, WRONG_KEY,
            WRONG_TOKEN, *WRONG_TOKEN.split(".")[1:], WRONG_LEASE, self.lease, ODD,
            basic("ann", PASSWORD), basic("ann", WRONG_PASSWORD)]
        # Of a key also its secret half alone.
        self.credentials += [key.split("_", 3)[3] for key in [
            *self.keys.values(), self.revoked["key"], WRONG_KEY]] + [self.key.split("_", 1)[1]]
        self.told = []  # answers to errors

    @staticmethod
    def search(place, text, secrets):
        """What of them stands there, with what is around it."""
        return [(place, text[max(0, found.start() - 300):found.end() + 100])
                for secret in secrets for found in re.finditer(re.escape(secret), text)]

    def note(self, answer):
        """An answer that may tell an error: kept with its head."""
        if answer.status >= 400 or "$error" in answer.text or '"error"' in answer.text:
            self.told.append(f"{answer.status} {answer.headers}{answer.text}")
        return answer

    def ask(self, verb, path, body=None, authorization=None, media=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = authorization or "Bearer " + self.key
        if media:
            sent["Content-Type"] = media
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        connection.request(verb, path, body=body and body.encode(), headers=sent)
        return self.note(Answer(connection.getresponse()))

    # What provokes errors.

    def wrong_credentials(self):
        admin = self.keys["admin"]
        for text in ("Bearer " + WRONG_KEY, "Bearer " + WRONG_TOKEN,
                     "Bearer " + self.revoked["key"], f"Bearer {admin}x", f"Bearer {admin[:-1]}",
                     "Basic " + basic("ann", WRONG_PASSWORD), "Basic " + basic("bob", PASSWORD),
                     "Basic " + WRONG_KEY, "Bearer " + PASSWORD, ODD, "Digest " + ODD):
            for verb, path in (("GET", "/v1"), ("PUT", "/v1/collections/c/docs/a"),
                               ("GET", "/metrics"), ("GET", "/v1/nothing")):
                self.assertEqual(self.ask(verb, path, authorization=text).status, 401)
        self.assertEqual(self.ask("GET", "/v1/keys",
                                  authorization="Basic " + basic("ann", PASSWORD)).status, 403)

    def operations(self):
        """Each operation, as reader and as admin, with bodies, parameters and headers that are
        wrong and hold secrets."""
        openapi = self.ok(200, "GET", "/../openapi.json").json
        names = {"collection": "c", "database": "main", "id": OF_DOCUMENTS}
        secret = {"password": PASSWORD, "key": WRONG_KEY, "token": self.lease,
                  "document": {"n": OF_DOCUMENTS}, "filter": {"n": {"$regex": "(" + OF_DOCUMENTS}}}
        bodies = (None, secret, json.dumps(secret)[:-1], f'"{PASSWORD}"', {"filter": OF_DOCUMENTS},
                  {"token": WRONG_LEASE, "id": "one"}, [WRONG_KEY])
        ops = test_permissions.operations(openapi)
        self.assertGreater(len(ops), 40)
        for _, verb, path, _ in ops:
            path = "/v1" + re.sub(r"\{(\w+)\}", lambda name: names.get(name[1], "none"), path)
            self.ask(verb, path, secret, "Bearer " + self.keys["reader"])
            self.ask(verb, path + "?key=" + WRONG_KEY)
            self.ask(verb, path + "?timeout_ms=" + WRONG_KEY)
            for body in bodies if verb != "GET" else ():
                self.ask(verb, path, body, Nacre_Lease=WRONG_LEASE)

    def documents(self):
        self.ask("PUT", "/v1/collections/u/indexes/i", {"fields": ["n"], "unique": True})
        self.ask("PUT", "/v1/collections/u/docs/a", {"n": OF_DOCUMENTS})
        self.ask("PUT", "/v1/collections/u/docs/b", {"n": OF_DOCUMENTS})
        self.ask("POST", "/v1/collections/c/docs", {"_id": "one", "n": OF_DOCUMENTS})
        self.ask("PUT", "/v1/collections/s",
                 {"schema": {"properties": {"n": {"type": "number"}, "t": {"enum": ["x"]}}}})
        for document in ({"n": OF_DOCUMENTS}, {"t": OF_DOCUMENTS}):
            self.assertEqual(self.ask("PUT", "/v1/collections/s/docs/a", document).status, 422)
        self.ask("PATCH", "/v1/collections/c/docs/two", {"$inc": {"n": 1}})
        self.ask("PATCH", "/v1/collections/c/docs/two",
                 [{"op": "test", "path": "/n", "value": "x"}], media="application/json-patch+json")
        self.ask("PUT", "/v1/collections/c/docs/two", {}, If_Match='"9"')
        for _ in range(2):
            self.ask("POST", "/v1/collections/c/docs", {"n": os.urandom(4).hex()},
                     Idempotency_Key=WRONG_LEASE)
        self.ask("POST", "/v1/collections/c:import",
                 f'{{"n":"{OF_DOCUMENTS}\n{{"password":"{PASSWORD}"\n', on_error="skip")

    def leases(self):
        for path, body in (("c:release", {"id": "two", "token": self.lease}),
                           ("c:release", {"id": "one", "token": WRONG_LEASE}),
                           ("c:extend", {"id": "one", "token": WRONG_LEASE, "lease_ms": 1000}),
                           ("c:extend", {"id": "one", "token": self.lease, "lease_ms": 0}),
                           ("c:extend", {"id": "two", "token": self.lease, "lease_ms": 1000})):
            self.assertGreaterEqual(self.ask("POST", "/v1/collections/" + path, body).status, 400)
        for verb in ("PUT", "PATCH", "DELETE"):
            for token in (WRONG_LEASE, self.lease):
                answer = self.ask(verb, "/v1/collections/c/docs/two", {}, Nacre_Lease=token)
                self.assertEqual(answer.json["code"], "lease_lost")

    def administration(self):
        for name, body in (("ann", {"password": PASSWORD}), ("a$", {"password": PASSWORD}),
                           ("bob", {"password": PASSWORD[:7], "role": "reader"}),
                           ("bob", {"password": [PASSWORD], "role": "reader"}),
                           ("bob", {"password": PASSWORD * 30, "role": "reader"}),
                           ("bob", {"password": PASSWORD, "role": "nobody"}),
                           ("bob", {"passwort": PASSWORD, "role": "reader"})):
            self.assertEqual(self.ask("PUT", "/v1/users/" + name, body).status, 400)
        # Who gives the whole key where its id is meant.
        for verb in ("GET", "DELETE"):
            for key in (self.keys["writer"], self.key, WRONG_KEY):
                for who in (self.key, self.keys["reader"]):
                    self.assertIn(self.ask(verb, "/v1/keys/" + key, None, "Bearer " + who).status,
                                  (403, 404))

    def no_requests(self):
        """What is no HTTP, HTTP/2, native protocol or message of a WebSocket."""
        for text in (f"GET /v1 HTTP/1.1\r\nHost: h\r\nAuthorization : Bearer {ODD}\r\n\r\n",
                     f"GET /v1 HTTP/1.1\r\nHost: h\r\nAuthorization: {ODD}\0\r\n\r\n",
                     f"GET /v1 HTTP/1.1\r\nHost: h\r\nAuthorization: {ODD}\r\nAuthorization: x\r\n"
                     "\r\n", f"{ODD} / HTTP/1.1\r\nHost: h\r\n\r\n", f"GET {ODD} HTTP/1.1\r\n\r\n",
                     f"GET / HTTP/9.{ODD}\r\n\r\n", f"{ODD}\r\n\r\n",
                     f"GET /v1 HTTP/1.1\r\nHost: h\r\nContent-Length: {ODD}\r\n\r\n",
                     f"GET /v1 HTTP/1.1\r\nHost: h\r\nAuthorization: {ODD}{'x' * 200000}\r\n\r\n"):
            with contextlib.suppress(ConnectionError):
                self.told.append(self.raw(text.encode()))
        for key in (WRONG_KEY, ODD):
            with contextlib.closing(frames.Connection(("127.0.0.1", self.port), key,
                                                      PATIENCE)) as connection:
                self.told.append(messages.problem_answer(connection.reply(0)[1]).text)
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as peer:
            peer.sendall(frames.PREFACE + ODD.encode() * 9)
            peer.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                self.told.append(peer.recv(65536).decode(errors="replace"))
        peer = test_http2.Peer(self)
        for path, authorization in (("/../nacre.v1.Documents/Get", "Bearer " + WRONG_KEY),
                                    ("/../nacre.v1.Documents/Get", "Bearer " + self.key),
                                    ("/../nacre.v1.Documents/Nothing", "Bearer " + self.key),
                                    ("/collections", ODD)):
            answer = peer.call("POST", path, ODD.encode(), authorization=authorization,
                               te="trailers", content_type="application/grpc")
            details = answer["headers"].get("grpc-status-details-bin", "")
            details = base64.b64decode(details + "=" * (-len(details) % 4))
            self.told.append(f"{answer['headers']} {answer['body']} {details}")
        socket_peer = test_permissions.Socket(self, self.key)
        for text in (ODD, json.dumps({"id": 1, "op": "changes", "collection": "c",
                                      "key": WRONG_KEY, "filter": PASSWORD}),
                     json.dumps({"id": 1, "op": "changes", "collection": "c",
                                 "since": WRONG_LEASE})):
            socket_peer.send(test_ws.TEXT, text.encode())
            self.told.append(socket_peer.read()[1].decode())

    def logs(self):
        """What stands in the logs, of the running server and of one that has ended."""
        found = {"the slow log": self.ok(200, "GET", "/slowlog").text,
                 "the metrics": self.ok(200, "GET", "/../metrics").text,
                 "what runs": self.ok(200, "GET", "/queries").text}
        self.assertIn("user_put", found["the slow log"])    # a password takes long
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)
        self.reader.join()
        found["stderr"] = "".join(self.errors)
        self.assertIn("request_id", found["stderr"])
        audit = os.path.join(self.dir, "audit")
        for name in os.listdir(audit):
            with open(os.path.join(audit, name), encoding="utf-8") as file:
                found["audit/" + name] = file.read()
        return found

    def test_nothing_tells_them(self):
        self.wrong_credentials()
        self.leases()
        self.documents()
        self.administration()
        self.operations()
        self.no_requests()
        self.assertGreater(len(self.told), 300)
        wrong = []
        for answer in self.told:
            wrong += self.search("an error", answer, self.credentials)
        logs = self.logs()
        self.assertIn("audit/00000001.log", logs)
        for place, text in logs.items():
            wrong += self.search(place, text, [*self.credentials, "Planted"])
        self.assertEqual(wrong, [])

    def test_wrong_files(self):
        """A server that does not start says which file it was, not what stands in it."""
        self.stop()
        with open(os.path.join(self.dir, "admin.key"), "w", encoding="ascii") as file:
            file.write("Planted" * 2 + "\n")
        result = self.run_tool("serve", self.dir, "--listen", "127.0.0.1:0")
        self.assertNotEqual(result.code, 0)
        self.assertIn("admin.key", result.err)
        self.assertNotIn("Planted", result.err + result.out)


if __name__ == "__main__":
    unittest.main()
