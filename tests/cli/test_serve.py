#!/usr/bin/env python3
"""The server as its clients see it: over TCP and the Unix socket, with requests good and bad."""
import contextlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import unittest
from urllib.parse import quote

from tool import Case, FILMS, NACRE, PATIENCE, ROOT


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def lines(self):
        return [json.loads(line) for line in self.text.splitlines() if line]


class Served(Case):
    """A test with a server of its own."""
    listen = "127.0.0.1:0"

    def setUp(self):
        super().setUp()
        self.process = None
        self.start()

    def start(self, *words):
        self.process = subprocess.Popen(
            [NACRE, "serve", self.dir, "--listen", self.listen, *words], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment(), text=True)
        self.addCleanup(self.kill, self.process)
        line = self.process.stderr.readline()
        found = re.findall(r"https?://[0-9.]+:(\d+)", line)
        self.assertTrue(found, line)
        self.port, self.last_port = int(found[0]), int(found[-1])
        with open(os.path.join(self.dir, "admin.key"), encoding="ascii") as file:
            self.key = file.read().strip()

    @staticmethod
    def kill(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE), 0)

    def call(self, verb, path, body=None, media=None, key=None, **headers):
        """path below /v1; body: what JSON can hold, or text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = "Bearer " + (self.key if key is None else key)
        if media:
            sent["Content-Type"] = media
        place = path[3:] if path.startswith("/../") else "/v1" + path
        connection.request(verb, place, body=body and body if isinstance(body, bytes) else
                           body and body.encode(), headers=sent)
        return Answer(connection.getresponse())

    def ok(self, status, verb, path, *more, **headers):
        answer = self.call(verb, path, *more, **headers)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def refused(self, status, code, verb, path, *more, **headers):
        answer = self.call(verb, path, *more, **headers)
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(answer.json["code"], code, answer.text)
        self.assertEqual(answer.json["request_id"], answer.headers["Nacre-Request-Id"])
        return answer

    def raw(self, *parts):
        """What comes back for bytes as they are, until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as peer:
            for part in parts:
                peer.sendall(part)
            peer.shutdown(socket.SHUT_WR)
            got = b""
            while piece := peer.recv(65536):
                got += piece
        return got.decode()


class Documents(Served):
    def test_one_document(self):
        put = self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        self.assertEqual(put.headers["ETag"], '"1"')
        self.assertTrue(put.headers["Nacre-Sequence"])
        got = self.ok(200, "GET", "/collections/c/docs/a")
        self.assertEqual(got.json, put.json)
        self.assertEqual(self.ok(200, "PUT", "/collections/c/docs/a", {"n": 2}).json["_version"], 2)
        fields = self.ok(200, "GET", "/collections/c/docs/a?fields=n").json
        self.assertEqual(fields, {"_id": "a", "n": 2})
        head = self.ok(200, "HEAD", "/collections/c/docs/a")
        self.assertEqual((head.text, head.headers["ETag"]), ("", '"2"'))
        self.assertGreater(int(head.headers["Content-Length"]), 10)
        self.ok(204, "DELETE", "/collections/c/docs/a")
        self.refused(404, "document_not_found", "GET", "/collections/c/docs/a")
        self.refused(404, "document_not_found", "DELETE", "/collections/c/docs/a")

    def test_insert(self):
        made = self.ok(201, "POST", "/collections/c/docs", {"_id": "a/b ~", "n": 1})
        self.assertEqual(made.headers["Location"], "/v1/collections/c/docs/a%2Fb%20~")
        self.ok(200, "GET", made.headers["Location"][3:])
        self.refused(409, "already_exists", "POST", "/collections/c/docs", {"_id": "a/b ~"})
        made = self.ok(201, "POST", "/collections/c/docs", {})
        self.assertRegex(made.json["_id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-7")

    def test_ids(self):
        for name, path in (("a:b", "a%3Ab"), ("a:b", "a:b"), ("é", "%C3%A9"), ("~x", "~~x"),
                           (42, "~42"), (-1, "~-1"), ("x" * 512, "x" * 512), ("a+b", "a+b")):
            self.ok(201 if path != "a:b" else 200, "PUT", "/collections/c/docs/" + path, {})
            self.assertEqual(self.ok(200, "GET", "/collections/c/docs/" + path).json["_id"], name)
        self.refused(400, "invalid_argument", "PUT", "/collections/c/docs/" + "x" * 513, {})
        self.refused(400, "invalid_argument", "PUT", "/collections/c/docs/%00", {})
        self.refused(400, "invalid_argument", "PUT", "/collections/c/docs/%FF", {})
        self.refused(400, "invalid_argument", "PUT", "/collections/c/docs/%4", {})
        self.refused(400, "invalid_argument", "PUT", "/collections/9c/docs/a", {})

    def test_conditions(self):
        one = "/collections/c/docs/a"
        self.ok(201, "PUT", one, {}, If_None_Match="*")
        self.refused(412, "version_mismatch", "PUT", one, {}, If_None_Match="*")
        answer = self.refused(412, "version_mismatch", "PUT", one, {}, If_Match='"7"')
        self.assertEqual((answer.json["current_version"], answer.headers["ETag"]), (1, '"1"'))
        self.ok(200, "PUT", one, {"n": 1}, If_Match='"9", "1"')
        self.ok(200, "PATCH", one, {"$inc": {"n": 1}}, If_Match="*")
        self.refused(412, "version_mismatch", "PUT", "/collections/c/docs/b", {}, If_Match="*")
        self.refused(412, "condition_failed", "PUT", one + "?if=n%20%3D%207", {})
        self.ok(200, "PUT", one + "?if=n%20%3D%202", {"n": 3})
        self.ok(304, "GET", one, If_None_Match='"4"')
        self.ok(304, "GET", one, If_None_Match='"1", "4"')
        self.ok(200, "GET", one, If_None_Match='"3"')
        for bad in ("7", '"7', '"1" "2"', ""):
            answer = self.refused(400, "invalid_argument", "PUT", one, {}, If_Match=bad)
            self.assertEqual(answer.json["header"], "If-Match")
        self.refused(400, "invalid_argument", "PUT", one, {}, If_None_Match='"1"')

    def test_patches(self):
        one = "/collections/c/docs/a"
        self.ok(201, "PUT", one, {"n": 1, "m": 1})
        merge, patch = "application/merge-patch+json", "application/json-patch+json"
        self.assertEqual(self.ok(200, "PATCH", one, {"$inc": {"n": 1}}).json["n"], 2)
        self.assertNotIn("m", self.ok(200, "PATCH", one, {"m": None}, merge).json)
        ops = [{"op": "replace", "path": "/n", "value": 9}]
        self.assertEqual(self.ok(200, "PATCH", one, ops, patch).json["n"], 9)
        self.refused(412, "condition_failed", "PATCH", one,
                     [{"op": "test", "path": "/n", "value": 1}], patch)
        self.refused(415, "unsupported_media_type", "PATCH", one, "n=1",
                     "application/x-www-form-urlencoded")
        self.refused(400, "invalid_argument", "PATCH", one, {"$inc": {"n": 1}, "a": 1})

    def test_prefer_and_durability(self):
        one = "/collections/c/docs/a"
        answer = self.ok(201, "PUT", one, {"n": 1}, Prefer="return=minimal")
        self.assertEqual(answer.text, "")
        self.assertEqual(self.ok(204, "PUT", one, {"n": 1}, Prefer="return=minimal").text, "")
        self.ok(200, "PUT", one + "?durability=memory", {"n": 1})
        self.refused(400, "invalid_argument", "PUT", one + "?durability=none", {"n": 1})
        self.ok(200, "PUT", one + "?ttl_seconds=1000", {"n": 1})
        self.assertIn("_expires", self.ok(200, "GET", one).json)

    def test_idempotency(self):
        path = "/collections/c/docs"
        first = self.ok(201, "POST", path, {"n": 1}, Idempotency_Key="k")
        again = self.ok(201, "POST", path, {"n": 1}, Idempotency_Key="k")
        self.assertEqual(again.json["_id"], first.json["_id"])
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        self.assertIsNone(first.headers["Idempotency-Replayed"])
        self.refused(422, "idempotency_key_reused", "POST", path, {"n": 2}, Idempotency_Key="k")
        self.refused(400, "invalid_argument", "GET", path, Idempotency_Key="k")

    def test_sequences(self):
        put = self.ok(201, "PUT", "/collections/c/docs/a", {})
        sequence = put.headers["Nacre-Sequence"]
        self.ok(200, "GET", "/collections/c/docs/a", Nacre_Min_Sequence=sequence)
        answer = self.refused(400, "invalid_argument", "GET", "/collections/c/docs/a",
                              Nacre_Min_Sequence="zzz")
        self.assertEqual(answer.json["header"], "Nacre-Min-Sequence")
        answer = self.refused(400, "invalid_argument", "PUT", "/collections/c/docs/a", {},
                              Idempotency_Key="k" * 256)
        self.assertEqual(answer.json["header"], "Idempotency-Key")

    def test_integers(self):
        self.ok(201, "PUT", "/collections/c/docs/a", '{"n":9007199254740993,"m":1,"d":1.0}')
        self.assertIn('"n":9007199254740993,"m":1,"d":1.0',
                      self.ok(200, "GET", "/collections/c/docs/a").text)
        text = self.ok(200, "GET", "/collections/c/docs/a?int64=string").text
        self.assertIn('"n":{"$int64":"9007199254740993"},"m":1,"d":1.0', text)
        self.refused(400, "invalid_argument", "GET", "/collections/c/docs/a?int64=text")

    def test_batch(self):
        ops = [{"op": "put", "id": 1, "document": {"n": 1}}, {"op": "get", "id": 1}]
        answer = self.ok(200, "POST", "/collections/c/docs:batch", {"operations": ops})
        self.assertEqual([r["status"] for r in answer.json["results"]], [201, 200])
        bad = [{"op": "insert", "id": 2, "document": {}}, {"op": "insert", "id": 1, "document": {}}]
        refused = self.refused(409, "already_exists", "POST", "/collections/c/docs:batch",
                               {"operations": bad})
        self.assertTrue(refused.json["errors"][0]["pointer"].startswith("/operations/1"))
        self.refused(404, "document_not_found", "GET", "/collections/c/docs/~2")
        lines = "\n".join(map(json.dumps, bad)) + "\n"
        answer = self.ok(200, "POST", "/collections/c/docs:batch?atomic=false", lines,
                         "application/x-ndjson")
        self.assertEqual([line.get("status") for line in answer.lines], [201, 409, None])
        self.assertEqual(answer.lines[-1], {"$end": {}})


class Queries(Served):
    def setUp(self):
        super().setUp()
        lines = "".join(f'{{"_id":{i},"n":{i % 10},"t":"é{i}"}}\n' for i in range(200))
        self.ok(200, "POST", "/collections/c:import", lines, "application/x-ndjson")

    def test_pages(self):
        seen, path = [], "/collections/c/docs?filter=n%20%3E%204&sort=-n,_id&limit=30"
        cursor = ""
        while cursor is not None:
            page = self.ok(200, "GET", path + (f"&cursor={quote(cursor)}" if cursor else "")).json
            seen += [(row["n"], row["_id"]) for row in page["items"]]
            cursor = page.get("next_cursor")
        self.assertEqual(len(seen), 100)
        self.assertEqual(seen, sorted(seen, key=lambda row: (-row[0], row[1])))
        self.refused(400, "invalid_argument", "GET", "/collections/c/docs?cursor=abc")
        for bad in ("limit=10001", "limit=-1", "limit=x", "limit=1&limit=1", "offset=-1", "sotr=a"):
            self.refused(400, "invalid_argument", "GET", "/collections/c/docs?" + bad)
        answer = self.refused(400, "invalid_argument", "GET", "/collections/c/docs?sotr=a")
        self.assertEqual((answer.json["parameter"], answer.json["suggestions"]), ("sotr", ["sort"]))

    def test_query(self):
        answer = self.ok(200, "POST", "/collections/c:query",
                         {"filter": {"n": 3}, "limit": 5, "count": "exact", "fields": ["t"]}).json
        self.assertEqual((len(answer["items"]), answer["total"]), (5, 20))
        self.assertEqual(answer["items"][0], {"_id": 3, "t": "é3"})
        lines = self.ok(200, "POST", "/collections/c:query", {"filter": {"n": 3}, "limit": 5},
                        Accept="application/x-ndjson").lines
        self.assertEqual((len(lines), list(lines[-1]["$end"])), (6, ["next_cursor"]))
        self.assertEqual(len(self.ok(200, "POST", "/collections/c:query").json["items"]), 100)
        self.assertEqual(self.ok(200, "POST", "/collections/c:count").json, {"count": 200})
        self.assertEqual(self.ok(200, "POST", "/collections/c:count",
                                 {"filter": "n < 2"}).json, {"count": 40})
        self.refused(400, "invalid_filter", "POST", "/collections/c:query", {"filter": "n <"})
        self.refused(400, "invalid_argument", "POST", "/collections/c:query", {"filtre": "n < 1"})
        self.refused(400, "invalid_json", "POST", "/collections/c:query", "{")
        self.refused(404, "collection_not_found", "POST", "/collections/d:query", {})

    def test_groups_plans_and_changes_by_filter(self):
        rows = self.ok(200, "POST", "/collections/c:aggregate",
                       {"group_by": ["n"], "aggregates": {"k": {"count": "*"}}}).json["items"]
        self.assertEqual(rows, [{"n": n, "k": 20} for n in range(10)])
        plan = self.ok(200, "POST", "/collections/c:explain", {"query": {"filter": "n = 1"}}).json
        self.assertEqual((plan["plan"]["access"], plan["rows_returned"]), ("scan", 20))
        answer = self.ok(200, "POST", "/collections/c:update",
                         {"filter": "n = 1", "patch": {"$set": {"m": 1}}})
        self.assertEqual(answer.json, {"updated": 20})
        self.assertEqual(self.ok(200, "POST", "/collections/c:delete",
                                 {"filter": {"m": 1}, "atomic": True}).json, {"deleted": 20})
        self.refused(400, "invalid_argument", "POST", "/collections/c:delete", {})
        self.assertEqual(self.ok(200, "POST", "/collections/c:count").json, {"count": 180})

    def test_export_and_changes(self):
        answer = self.ok(200, "GET", "/collections/c:export?filter=n%20%3D%200&fields=t")
        self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
        self.assertEqual(answer.lines[0], {"_id": 0, "t": "é0"})
        self.assertEqual(answer.lines[-1]["$end"]["documents"], 20)
        text = self.ok(200, "GET", "/collections/c:export", Accept="text/csv").text
        self.assertEqual(text.splitlines()[0], "_id,n,t")
        changes = self.ok(200, "GET", "/collections/c/changes").lines
        self.assertEqual([c.get("id") for c in changes], [*range(200), None])
        since = changes[-2]["seq"]
        put = self.ok(200, "PUT", "/collections/c/docs/~7", {"n": 77})
        again = self.ok(200, "GET", f"/collections/c/changes?since={since}").lines
        self.assertEqual([(c["op"], c["document"]["n"]) for c in again[:-1]], [("update", 77)])
        sequence = put.headers["Nacre-Sequence"]
        rest = self.ok(200, "GET", f"/collections/c/changes?since={sequence}").lines
        self.assertEqual(list(rest[0]), ["$end"])

    def test_claims(self):
        path = "/collections/c"
        got = self.ok(200, "POST", path + ":claim", {"filter": "n = 1", "set": {"s": "busy"}}).json
        token = got["_lease"]["token"]
        one = f"{path}/docs/~{got['_id']}"
        self.assertNotIn("token", self.ok(200, "GET", one).json["_lease"])
        self.refused(409, "lease_lost", "PUT", one, {}, Nacre_Lease="other")
        self.ok(200, "POST", path + ":extend", {"id": got["_id"], "token": token, "lease_ms": 9000})
        done = self.ok(200, "POST", path + ":release",
                       {"id": got["_id"], "token": token, "set": {"s": "done"}}).json
        self.assertEqual(done["s"], "done")
        self.refused(409, "lease_lost", "POST", path + ":release",
                     {"id": got["_id"], "token": token})
        self.ok(204, "POST", path + ":claim", {"filter": "n = 100"})

    def test_transactions(self):
        made = self.ok(201, "POST", "/tx", {"isolation": "serializable"}).json
        one, tx = "/collections/c/docs/~5", made["id"]
        self.ok(200, "PUT", one, {"n": 500}, Nacre_Transaction=tx)
        self.assertEqual(self.ok(200, "GET", one).json["n"], 5)
        self.assertEqual(self.ok(200, "GET", one, Nacre_Transaction=tx).json["n"], 500)
        committed = self.ok(200, "POST", f"/tx/{tx}:commit")
        self.assertTrue(committed.headers["Nacre-Sequence"])
        self.assertEqual(self.ok(200, "GET", one).json["n"], 500)
        self.refused(404, "transaction_not_found", "GET", one, Nacre_Transaction=tx)
        tx = self.ok(201, "POST", "/tx").json["id"]
        self.ok(204, "DELETE", one, Nacre_Transaction=tx)
        self.ok(204, "POST", f"/tx/{tx}:rollback")
        self.ok(200, "GET", one)
        first = self.ok(201, "POST", "/tx").json["id"]
        self.ok(200, "PUT", one, {"n": 1}, Nacre_Transaction=first)
        self.ok(200, "PUT", one, {"n": 2})
        self.refused(409, "conflict", "POST", f"/tx/{first}:commit")


class Catalog(Served):
    def test_databases_and_collections(self):
        self.assertEqual([d["name"] for d in self.ok(200, "GET", "/db").json["items"]], ["main"])
        self.ok(201, "PUT", "/db/shop", {"quota": {"documents": 1}})
        self.ok(200, "PUT", "/db/shop", {"quota": {"documents": 1}})
        self.ok(201, "PUT", "/db/shop/collections/c/docs/a", {})
        self.refused(507, "quota_exceeded", "PUT", "/db/shop/collections/c/docs/b", {})
        self.refused(404, "collection_not_found", "GET", "/collections/c")
        self.refused(404, "database_not_found", "PUT", "/db/none/collections/c/docs/b", {})
        self.ok(204, "DELETE", "/db/shop")
        made = self.ok(201, "PUT", "/collections/c", {"ttl_seconds": 60, "indexes": [
            {"name": "by_n", "fields": ["n"]}]})
        self.assertEqual(made.json["indexes"][0]["name"], "by_n")
        self.assertEqual(self.ok(200, "PATCH", "/collections/c",
                                 {"ttl_seconds": None}).json.get("ttl_seconds", 0), 0)
        self.ok(201, "PUT", "/collections/c/indexes/by_m", {"fields": ["m"], "unique": True})
        names = [i["name"] for i in self.ok(200, "GET", "/collections/c/indexes").json["items"]]
        self.assertEqual(sorted(names), ["by_m", "by_n"])
        self.ok(204, "DELETE", "/collections/c/indexes/by_m")
        self.refused(404, "index_not_found", "GET", "/collections/c/indexes/by_m")
        self.ok(204, "DELETE", "/collections/c")
        self.refused(404, "collection_not_found", "GET", "/collections/c")

    def test_paths_and_verbs(self):
        self.assertEqual(self.ok(200, "GET", "").json["name"], "nacre")
        self.refused(404, "not_found", "GET", "/nothing")
        self.refused(404, "not_found", "GET", "/collections/c/docs/a/b")
        answer = self.refused(405, "method_not_allowed", "DELETE", "/collections")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        answer = self.refused(405, "method_not_allowed", "OPTIONS", "/collections/c/docs/a")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD, PUT, PATCH, DELETE")
        self.refused(501, "unimplemented", "POST", "/sql", {"sql": "select 1"})
        self.refused(501, "unimplemented", "POST", "/collections/c:search", {})
        self.refused(400, "invalid_argument", "GET", "/collections?x=1")

    def test_metrics(self):
        self.ok(201, "PUT", "/collections/c/docs/a", {})
        self.ok(200, "GET", "/collections/c/docs/a")
        self.refused(404, "document_not_found", "GET", "/collections/c/docs/b")
        text = self.ok(200, "GET", "/../metrics").text
        for line in ('nacre_requests_total{op="document_get",code="ok"} 1',
                     'nacre_requests_total{op="document_get",code="document_not_found"} 1',
                     'nacre_request_duration_seconds_count{op="document_get"} 2',
                     'nacre_request_duration_seconds_bucket{op="document_get",le="+Inf"} 2',
                     'nacre_documents{database="main",collection="c"} 1'):
            self.assertIn(line + "\n", text)
        names = set()
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                self.assertNotIn(line.split()[2], names)
                names.add(line.split()[2])
            elif not line.startswith("#"):
                self.assertRegex(line, r'^[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [0-9.e+-]+$')
                base = re.sub(r"_(bucket|sum|count)$", "", re.split(r"[ {]", line)[0])
                self.assertTrue({base, re.split(r"[ {]", line)[0]} & names, line)

    def test_metrics_of_the_log(self):
        self.ok(201, "PUT", "/collections/c/docs/a", {"n": 1})
        text = self.ok(200, "GET", "/../metrics").text
        for name in ("nacre_log_sync_duration_seconds", "nacre_commit_batch_size"):
            found = re.search(rf"^{name}_count (\d+)$", text, re.M)
            self.assertGreater(int(found[1]), 0, name)
            self.assertIn(f'{name}_bucket{{le="+Inf"}} {found[1]}', text)
        self.assertRegex(text, r'nacre_storage_bytes\{part="log"\} [1-9]')
        if promtool := shutil.which("promtool"):
            done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", ""))

    def test_ready(self):
        for path, told in (("/../readyz", {"status": "ok"}),
                           ("/../readyz?verbose", {"status": "ok", "store_and_log": "ok",
                                                   "disk": "ok", "memory": "ok"})):
            self.assertEqual(self.ok(200, "GET", path, key="").json, told)

    def test_notified(self):
        self.stop()
        path = os.path.join(self.folder.name, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.bind(path)
            supervisor.settimeout(PATIENCE)
            environment = self.environment
            self.environment = lambda: environment(NOTIFY_SOCKET=path)
            self.start()
            self.assertEqual(supervisor.recv(100), b"READY=1")
            self.stop()
            self.assertEqual(supervisor.recv(100), b"STOPPING=1")

    def test_slowlog(self):
        self.assertEqual(self.ok(200, "GET", "/slowlog").json, {"items": []})
        self.stop()
        self.start("--slow-ms", "1")
        lines = "".join(f'{{"_id":{i},"n":{i},"secret":"swordfish"}}\n' for i in range(20000))
        self.ok(200, "POST", "/collections/c:import", lines, media="application/x-ndjson")
        self.ok(200, "POST", "/collections/c:query", {"filter": {"secret": "swordfish!"}})
        items = self.ok(200, "GET", "/slowlog").json["items"]
        self.assertEqual((items[0]["op"], items[0]["plan"], items[0]["examined"]),
                         ("query", "scan", 20000))
        self.assertEqual((items[0]["database"], items[0]["collection"], items[0]["code"]),
                         ("main", "c", "ok"))
        self.assertEqual(items[1]["op"], "import")
        self.assertNotIn("swordfish", json.dumps(items))

    def test_openapi(self):
        """Every operation of the document is there: an empty call of it is no unknown path."""
        page = self.ok(200, "GET", "/../openapi.json").json
        self.assertEqual(page["openapi"], "3.1.0")
        for path, verbs in page["paths"].items():
            for verb, about in verbs.items():
                place = re.sub(r"\{\w+\}", "x", path).replace("/v1", "", 1)
                answer = self.call(verb.upper(), place)
                self.assertNotEqual(answer.status, 405, (verb, path))
                if answer.status == 404:  # a path that is known names what it did not find
                    self.assertNotIn("there is no path", answer.json["detail"], (verb, path))
                for name in re.findall(r"\{(\w+)\}", path):
                    self.assertIn(name, [p["name"] for p in about["parameters"]])
        self.refused(405, "method_not_allowed", "POST", "/../openapi.json")

    def test_timeout(self):
        self.refused(400, "invalid_argument", "GET", "/collections?timeout_ms=0")
        self.ok(200, "GET", "/collections?timeout_ms=5000")


class Keys(Served):
    def test_who_may(self):
        for key in ("", "x", self.key[:-1], self.key + "x"):
            answer = self.refused(401, "unauthenticated", "GET", "/collections", key=key)
            self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
            self.assertNotIn(self.key, answer.text)
        for path in ("/livez", "/readyz"):
            self.assertIn("200 OK", self.raw(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()))
        self.assertIn("401 Unauth", self.raw(b"GET /v1 HTTP/1.1\r\nHost: h\r\n\r\n"))
        self.assertIn("401 Unauth", self.raw(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"))

    def test_files(self):
        path = os.path.join(self.dir, "admin.key")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        sock = os.path.join(self.dir, "nacre.sock")
        self.assertEqual(stat.S_IMODE(os.stat(sock).st_mode), 0o600)
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(PATIENCE)
        self.addCleanup(peer.close)
        peer.connect(sock)
        peer.sendall(f"GET /v1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.key}\r\n\r\n"
                     .encode())
        self.assertIn(b"200 OK", peer.recv(4096))
        self.stop()
        self.assertFalse(os.path.exists(sock))
        before = self.key
        self.start()
        self.assertEqual(self.key, before)
        self.stop()
        os.chmod(path, 0o644)
        self.refuses_to_start(5, "chmod 600")

    def refuses_to_start(self, code, told, *words):
        done = subprocess.run([NACRE, "serve", self.dir, *words], capture_output=True, text=True,
                              timeout=PATIENCE, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(told, done.stderr)

    def test_addresses(self):
        self.refuses_to_start(6, "another process")  # the directory is locked
        self.stop()
        self.refuses_to_start(2, "--insecure", "--listen", "0.0.0.0:0")
        self.refuses_to_start(2, "HOST:PORT", "--listen", "localhost")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.refuses_to_start(6, "another process serves", "--listen",
                                  f"127.0.0.1:{taken.getsockname()[1]}")


class Page(Case):
    def test_first_steps(self):
        """docs/server.md as it stands, on another port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        page = (ROOT / "docs/server.md").read_text(encoding="utf-8")
        script = re.search(r"```sh\n(.*?)```", page, re.S)[1].replace("7700", str(port))
        script = script.replace("nacre serve data", f"nacre serve data --listen 127.0.0.1:{port}")
        os.symlink(NACRE, os.path.join(self.folder.name, "nacre"))
        os.symlink(FILMS, os.path.join(self.folder.name, "films.ndjson.zst"))
        path = self.folder.name + ":" + os.environ["PATH"]
        with subprocess.Popen(["bash", "-e", "-c", script], stdout=subprocess.PIPE, text=True,
                              env=self.environment(PATH=path), cwd=self.folder.name,
                              start_new_session=True) as shell:
            try:
                out = shell.communicate(timeout=PATIENCE)[0]
            finally:
                with contextlib.suppress(ProcessLookupError):  # the group: what a failure left
                    os.killpg(shell.pid, signal.SIGKILL)
        self.assertEqual(shell.returncode, 0, out)
        self.assertIn('"documents":36273', out)
        self.assertIn('"title":"200 Cigarettes"', out)


class Wire(Served):
    def request(self, verb, path, body="", extra=""):
        return (f"{verb} /v1{path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self.key}\r\n"
                f"Content-Length: {len(body)}\r\n{extra}\r\n{body}").encode()

    def test_pipelined(self):
        sent = b"".join(self.request("PUT", f"/collections/c/docs/{i}", f'{{"n":{i}}}')
                        for i in range(20))
        sent += b"".join(self.request("GET", f"/collections/c/docs/{i}") for i in range(20))
        got = self.raw(sent)
        self.assertEqual(got.count("HTTP/1.1 201 Created"), 20)
        self.assertEqual(re.findall(r'"n":(\d+),"_version"', got), [*map(str, range(20))] * 2)

    def test_gets_from_memory_are_those_from_the_store(self):
        place = "/collections/c/docs/a"
        self.ok(201, "PUT", place, '{"n":1,"big":9007199254740993}')
        answers = {(a.status, a.text, a.headers["ETag"]) for a in
                   (self.call("GET", place) for _ in range(5))}  # the cache takes it on the way
        self.assertEqual(len(answers), 1)
        self.assertIn('{"$int64":"9007199254740993"}',
                      self.call("GET", place + "?int64=string&fields=big").text)
        self.assertEqual(self.call("GET", place, If_None_Match='"1"').status, 304)
        tx = self.ok(201, "POST", "/tx", "{}").json["id"]
        self.ok(200, "PUT", place, '{"n":2}', Nacre_Transaction=tx)
        got = self.raw(*[self.request("GET", place)] * 3,
                       self.request("GET", place, "", f"Nacre-Transaction: {tx}\r\n"),
                       self.request("PUT", place.replace("/a", "/b"), '{"n":3}'),
                       self.request("GET", place.replace("/a", "/b")), self.request("GET", place))
        self.assertEqual(re.findall(r'"n":(\d)', got), list("1112331"))
        self.call("POST", f"/tx/{tx}:commit")
        self.assertEqual([self.call("GET", place).json["n"] for _ in range(3)], [2] * 3)
        self.ok(204, "DELETE", place)
        self.assertEqual([self.call("GET", place).status for _ in range(3)], [404] * 3)
        key = self.ok(201, "POST", "/keys", '{"name":"k","role":"reader"}').json
        place = "/collections/c/docs/b"
        self.assertEqual([self.call("GET", place, key=key["key"]).status for _ in range(3)],
                         [200] * 3)
        self.ok(204, "DELETE", f"/keys/{key['id']}")
        self.assertEqual([self.call("GET", place, key=key["key"]).status for _ in range(2)],
                         [401] * 2)

    def test_in_pieces(self):
        whole = self.request("PUT", "/collections/c/docs/a", '{"n":1}')
        self.assertIn("201 Created", self.raw(*(whole[i:i + 1] for i in range(len(whole)))))
        chunked = (f"PUT /v1/collections/c/docs/b HTTP/1.1\r\nHost: h\r\nAuthorization: bearer "
                   f"{self.key}\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
        got = self.raw(chunked, b"3\r\n{\"n\r\n", b"4\r\n\":2}\r\n0\r\n\r\n")
        self.assertIn('"n":2', got)

    def test_continue_and_old_clients(self):
        got = self.raw(self.request("PUT", "/collections/c/docs/a", '{"n":1}',
                                    "Expect: 100-continue\r\n"))
        self.assertTrue(got.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201"), got)
        old = (f"GET /v1/collections/c:export HTTP/1.0\r\nAuthorization: Bearer {self.key}\r\n\r\n")
        got = self.raw(old.encode())
        self.assertNotIn("chunked", got)
        self.assertTrue(got.endswith("}}\n"), got)

    def test_refused_bytes(self):
        for status, sent in ((400, b"GET / HTTP/1.1\r\n\r\n"), (400, b"\x16\x03\x01\x02\x00\r\n"),
                             (400, b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n"),
                             (505, b"GET / HTTP/2.7\r\nHost: h\r\n\r\n"),
                             (431, b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 20000),
                             (413, self.request("PUT", "/collections/c/docs/a", "", "")
                                   .replace(b"Content-Length: 0", b"Content-Length: 99999999999"))):
            got = self.raw(sent)
            self.assertTrue(got.startswith(f"HTTP/1.1 {status} "), got)
            self.assertIn("Connection: close", got)
            self.assertEqual(json.loads(got.split("\r\n\r\n", 1)[1])["status"], status)
        self.assertEqual(self.call("GET", "").status, 200)

    def test_no_body_without_a_key(self):
        """Refused at its head: the body need not come, and is not held."""
        got = self.raw(b"PUT /v1/collections/c/docs/a HTTP/1.1\r\nHost: h\r\n"
                       b"Content-Length: 60000000\r\n\r\n" + b"x" * 100000)
        self.assertTrue(got.startswith("HTTP/1.1 401 "), got)
        self.assertIn("Connection: close", got)

    def test_no_continue_without_a_key(self):
        for path in ("/collections/c/docs/a", "/collections/c:import"):
            got = self.raw(f"POST /v1{path} HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n"
                           f"Expect: 100-continue\r\n\r\n".encode())
            self.assertTrue(got.startswith("HTTP/1.1 401 "), got)

    def test_compressed(self):
        """As the client likes it, whole and streamed; what is small or administration never is."""
        lines = b"".join(b'{"_id":%d,"t":"%s"}\n' % (i, b"x" * 100) for i in range(3000))
        self.ok(200, "POST", "/collections/c:import", lines, "application/x-ndjson")
        path = "/collections/c/docs?limit=500"
        plain = self.ok(200, "GET", path)
        self.assertEqual((plain.headers["Content-Encoding"], plain.headers["Vary"]),
                         (None, "Accept-Encoding"))
        unpack = {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dc"]}
        for accept, coding in (("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"),
                               ("zstd;q=0.5, gzip;q=0.8", "gzip"), ("*", "gzip"),
                               ("zstd;q=0, gzip;q=0.001", "gzip"), ("br", None), ("gzip;q=0", None),
                               ("identity", None), ("GZIP ; Q=1.0", "gzip")):
            for place in (path, "/collections/c:export"):
                answer = self.bytes(place, accept)
                self.assertEqual(answer[0].get("content-encoding"), coding, (accept, place))
                text = answer[1]
                if coding:
                    self.assertLess(len(text), 20000)
                    text = subprocess.run(unpack[coding], input=text, capture_output=True,
                                          check=True, timeout=PATIENCE).stdout
                if place == path:
                    self.assertEqual(text.decode(), plain.text)
                else:
                    self.assertEqual(text.count(b'"_id"'), 3000)
        self.assertNotIn("content-encoding", self.bytes("/collections/c/docs/~1", "gzip")[0])
        for i in range(20):
            self.ok(201, "POST", "/keys", {"name": f"k{i}", "role": "reader"})
        self.assertNotIn("content-encoding", self.bytes("/keys", "gzip")[0])
        self.refused(415, "unsupported_media_type", "PUT", "/collections/c/docs/a", {},
                     Content_Encoding="gzip")

    def bytes(self, path, accept):
        """Headers and content as they are."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1" + path, headers={
            "Authorization": "Bearer " + self.key, "Accept-Encoding": accept})
        answer = connection.getresponse()
        return {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def test_bad_chunks(self):
        head = (f"POST /v1/collections/c:import HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
                f"{self.key}\r\nTransfer-Encoding: chunked\r\n"
                f"Content-Type: application/x-ndjson\r\n\r\n").encode()
        got = self.raw(head, b'a\r\n{"_id":1}\n\r\nzz\r\n')
        self.assertIn("$error", got)

    def test_import_answers(self):
        lines = '{"_id":1}\n{"_id":2,\n{"_id":3}\n'
        answer = self.ok(200, "POST", "/collections/c:import?on_error=skip", lines,
                         "application/x-ndjson").lines
        self.assertEqual((answer[0]["line"], answer[0]["error"]["code"]), (2, "invalid_json"))
        self.assertEqual((answer[1]["$end"]["documents"], answer[1]["$end"]["failed"]), (2, 1))
        answer = self.ok(200, "POST", "/collections/c:import", lines, "application/x-ndjson").lines
        self.assertEqual(len(answer), 1)
        self.assertEqual((answer[0]["$error"]["line"], answer[0]["$error"]["code"]),
                         (2, "invalid_json"))
        self.refused(404, "database_not_found", "POST", "/db/none/collections/c:import", lines,
                     "application/x-ndjson")
        self.refused(415, "unsupported_media_type", "POST", "/collections/c:import", lines,
                     "text/plain")
        with open(FILMS, "rb") as file:
            answer = self.ok(200, "POST", "/collections/films:import", file.read(),
                             "application/x-ndjson").lines
        self.assertEqual(answer[-1]["$end"]["documents"], 36273)

    def test_followed(self):
        """Changes arrive while the stream is open; the server ends with followers connected."""
        self.ok(201, "PUT", "/collections/c", {})
        streams = []
        for accept in ("application/x-ndjson", "text/event-stream"):
            peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            self.addCleanup(peer.close)
            peer.sendall(self.request("GET", "/collections/c/changes?follow=true", "",
                                      f"Accept: {accept}\r\n"))
            self.until(peer, b"\r\n\r\n")
            streams.append(peer)
        for i in range(3):
            self.ok(201, "PUT", f"/collections/c/docs/{i}", {})
            for peer in streams:
                self.until(peer, f'"id":"{i}"'.encode())
        self.stop()

    def test_many_followers(self):
        """Those that follow leave workers to others: more than 192 are told to come back."""
        self.ok(201, "PUT", "/collections/c", {})
        ask = self.request("GET", "/collections/c/changes?follow=true", "")
        peers = [socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
                 for _ in range(300)]
        for peer in peers:
            self.addCleanup(peer.close)
            peer.sendall(ask)
        heads = [self.until(peer, b"\r\n\r\n") for peer in peers]
        stand = [peer for peer, head in zip(peers, heads) if head.startswith(b"HTTP/1.1 200 ")]
        refused = [head for head in heads if head.startswith(b"HTTP/1.1 503 ")]
        self.assertEqual((len(stand), len(refused)), (192, 108))
        self.assertIn(b"\r\nRetry-After: 1\r\n", refused[0])
        self.ok(201, "PUT", "/collections/c/docs/a", {})
        self.ok(200, "POST", "/collections/c:count")
        for peer in stand:
            self.until(peer, b'"id":"a"')
        for peer in peers:
            peer.close()
        while True:  # those that have gone make room, as soon as they are told something
            self.call("PUT", "/collections/c/docs/b", {})
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as peer:
                peer.sendall(ask)
                if self.until(peer, b"\r\n\r\n").startswith(b"HTTP/1.1 200 "):
                    break

    def until(self, peer, text):
        got = b""
        while text not in got:
            ready, _, _ = select.select([peer], [], [], PATIENCE)
            piece = peer.recv(65536) if ready else b""
            if not piece:
                raise AssertionError(f"no {text} in {got}")
            got += piece
        return got

    def test_kill(self):
        """What was answered is there after a kill."""
        for i in range(50):
            self.ok(201, "PUT", f"/collections/c/docs/{i}", {"n": i})
        self.process.kill()
        self.process.wait()
        self.start()
        self.assertEqual(self.ok(200, "POST", "/collections/c:count").json, {"count": 50})


if __name__ == "__main__":
    unittest.main()
