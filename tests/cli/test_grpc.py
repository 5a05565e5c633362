#!/usr/bin/env python3
"""gRPC as stock clients use it: grpcio with generated stubs, and (where npm is) @grpc/grpc-js with
the .proto files read at run time. Both come from their registries into a cache; skipped where those
cannot be reached."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import test_tls
from stock_grpc import in_cache, quietly, with_grpcio
from test_serve import Served
from tool import PATIENCE, ROOT

MODULES = ["@grpc/grpc-js@1.14.0", "@grpc/proto-loader@0.8.0"]
PROTO = ROOT / "proto"


def make_node(folder):
    folder.mkdir()
    quietly("npm", "install", "--fetch-retries=1", "--no-audit", "--no-fund",
            "--prefix", str(folder), *MODULES)


def make_stubs(folder):
    quietly(sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={folder}",
            f"--grpc_python_out={folder}", f"--descriptor_set_out={folder}/all.protoset",
            *map(str, sorted(PROTO.rglob("*.proto"))))


try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool
    from google.rpc import error_details_pb2
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase)
    from grpc_status import rpc_status
except ImportError:
    grpc = None


class Grpc(Served):
    """grpcio."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not grpc:
            raise unittest.SkipTest("grpcio is not here and cannot be installed")
        folder = tempfile.TemporaryDirectory(prefix="nacre-stubs-")
        cls.addClassCleanup(folder.cleanup)
        cls.stubs = Path(folder.name)
        make_stubs(cls.stubs)
        sys.path.insert(0, folder.name)

    def setUp(self):
        super().setUp()
        self.channel = self.open()

    def open(self, target=None):
        channel = grpc.insecure_channel(target or f"127.0.0.1:{self.port}")
        self.addCleanup(channel.close)
        return channel

    def stub(self, service, channel=None):
        module = __import__(f"nacre.v1.{service.lower()}_pb2_grpc", fromlist=["x"])
        return getattr(module, f"{service}Stub")(channel or self.channel)

    def message(self, name):
        for file in ("types", "documents", "query", "search", "sql", "transactions", "changes",
                     "admin"):
            module = __import__(f"nacre.v1.{file}_pb2", fromlist=["x"])
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)

    def call(self, path, key=None, timeout=PATIENCE, **fields):
        """The reply, or the list of them; fails as gRPC does."""
        service, method = path.split(".")
        metadata = [("authorization", f"Bearer {key or self.key}")]
        request = self.message(f"{method}Request")(**fields)
        if method == "Import":
            request = iter([request])
        got = getattr(self.stub(service), method)(request, metadata=metadata, timeout=timeout)
        return list(got) if hasattr(got, "__next__") else got

    def fails(self, code, path, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(path, **fields)
        self.assertEqual(caught.exception.code().name, code, caught.exception)
        return caught.exception

    def put(self, text, document, **fields):
        return self.call("Documents.Put", collection="c", id={"text": text},
                         document=json.dumps(document).encode(), **fields)

    def test_documents(self):
        reply = self.put("a", {"n": 1})
        self.assertTrue(reply.created)
        self.assertEqual((reply.version, json.loads(reply.document)["n"]), (1, 1))
        self.assertTrue(reply.sequence)
        reply = self.call("Documents.Patch", collection="c", id={"text": "a"}, minimal=True,
                          patch=b'{"$inc":{"n":1}}', if_versions=[1])
        self.assertEqual((reply.version, reply.document), (2, b""))
        reply = self.call("Documents.Get", collection="c", id={"text": "a"}, fields=["n"])
        self.assertEqual(json.loads(reply.document), {"_id": "a", "n": 2})
        reply = self.call("Documents.Get", collection="c", id={"text": "a"}, unless_versions=[2])
        self.assertTrue(reply.not_modified)
        reply = self.call("Documents.Insert", collection="c", document=b'{"_id":-7}')
        self.assertEqual(reply.id.integer, -7)
        self.call("Documents.Delete", collection="c", id={"integer": -7})
        self.fails("NOT_FOUND", "Documents.Get", collection="c", id={"integer": -7})
        self.assertEqual(len(self.call("Documents.Versions", collection="c",
                                       id={"text": "a"})[0].rows), 1)

    def test_log(self):
        """A line of the log for each call, with the trace of its metadata."""
        self.stop()
        self.start("--log-requests")
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        metadata = [("authorization", f"Bearer {self.key}"),
                    ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")]
        request = self.message("GetRequest")(collection="c", id={"text": "cuttlefish"})
        with self.assertRaises(grpc.RpcError):
            self.stub("Documents", self.open()).Get(request, metadata=metadata, timeout=PATIENCE)
        self.process.send_signal(signal.SIGTERM)
        told = self.process.communicate(timeout=PATIENCE)[1]
        line = json.loads(told.splitlines()[0])
        names = ("protocol", "op", "code", "principal", "trace_id")
        self.assertEqual([line[name] for name in names],
                         ["grpc", "document_get", "collection_not_found", "admin", trace])
        self.assertNotIn("cuttlefish", told)

    def test_batch_and_where(self):
        reply = self.call("Documents.Batch", collection="c", atomic=False, operations=[
            {"op": "WRITE_KIND_PUT", "id": {"text": "x"}, "document": b'{"n":1}'},
            {"op": "WRITE_KIND_GET", "id": {"text": "none"}},
            {"op": "WRITE_KIND_PATCH", "id": {"text": "x"}, "patch": b'{"m":2}', "if_version": 1}])
        self.assertEqual([result.status for result in reply.results], [201, 404, 200])
        self.assertEqual(json.loads(reply.results[1].error)["code"], "document_not_found")
        self.assertEqual(reply.results[2].version, 2)
        reply = self.call("Documents.UpdateWhere", collection="c", filter="n = 1",
                          patch=b'{"$set":{"n":5}}')
        self.assertEqual(reply.updated, 1)
        reply = self.call("Documents.DeleteWhere", collection="c", filter='{"n":5}')
        self.assertEqual(reply.deleted, 1)

    def test_queries(self):
        for i in range(300):
            self.put(f"d{i:03}", {"n": i % 3, "t": "x" * 500})
        found = self.call("Query.Query", collection="c", filter="n = 1", sort=["-_id"], limit=90,
                          count="COUNT_EXACT")
        rows = [json.loads(row) for reply in found for row in reply.rows]
        self.assertEqual((len(rows), rows[0]["_id"], found[-1].total), (90, "d298", 100))
        rest = self.call("Query.Query", collection="c", filter="n = 1", sort=["-_id"],
                         cursor=found[-1].next_cursor)
        self.assertEqual(sum(len(reply.rows) for reply in rest), 10)
        self.assertEqual(self.call("Query.Count", collection="c").count, 300)
        groups = self.call("Query.Aggregate", collection="c", group_by=["n"],
                           aggregates=b'{"k":{"count":"*"}}')
        self.assertEqual([json.loads(row) for row in groups[0].rows],
                         [{"n": n, "k": 100} for n in range(3)])
        plan = self.call("Query.Explain", collection="c", request=b'{"query":{"filter":"n = 1"}}')
        self.assertIn("plan", json.loads(plan.json))
        listed = self.call("Query.List", collection="c", limit=2, fields=["n"])
        self.assertEqual(len(listed[0].rows), 2)
        exported = self.call("Query.Export", collection="c")
        self.assertGreater(len(exported), 1)    # about 64 KiB each
        self.assertEqual(sum(len(reply.rows) for reply in exported), 300)
        self.assertEqual(exported[-1].documents, 300)
        csv = self.call("Query.Export", collection="c", fields=["n"], filter="_id = 'd000'",
                        format="FORMAT_CSV")
        self.assertEqual(b"".join(reply.csv for reply in csv), b"_id,n\r\nd000,0\r\n")

    def test_import(self):
        request = self.message("ImportRequest")
        line = b'{"t":"' + b"x" * 1000 + b'"}\n'

        def requests():
            yield request(collection="c", on_error="ON_ERROR_SKIP", data=b'{"_id":1}\n{"_')
            yield request(data=b'id":2}\nno JSON\n')
            for _ in range(40):
                yield request(data=line * 100)
        replies = list(self.stub("Documents").Import(
            requests(), metadata=[("authorization", f"Bearer {self.key}")], timeout=PATIENCE))
        self.assertEqual((replies[-1].documents, replies[-1].failed), (4002, 1))
        refused = [one for reply in replies for one in reply.refused]
        self.assertEqual([one.line for one in refused], [3])
        self.assertEqual(json.loads(refused[0].error)["code"], "invalid_json")
        error = self.fails("INVALID_ARGUMENT", "Documents.Import", collection="c", data=b"{}\nno\n")
        self.assertIn("nacre", str(rpc_status.from_call(error)))

    def test_changes(self):
        self.put("a", {"n": 1})
        stream = self.stub("Changes").Watch(
            self.message("WatchRequest")(collection="c", follow=True),
            metadata=[("authorization", f"Bearer {self.key}")])
        self.assertEqual(len(next(stream).changes), 0)  # it stands
        self.put("b", {"n": 2})
        change = next(stream).changes[0]
        self.assertEqual((change.id.text, change.version), ("b", 1))
        self.assertEqual(json.loads(change.document)["n"], 2)
        stream.cancel()
        told = self.call("Changes.Watch", collection="c")
        changes = [one for reply in told for one in reply.changes]
        self.assertEqual([one.id.text for one in changes], ["a", "b"])
        after = self.call("Changes.Watch", collection="c", since=changes[0].sequence)
        self.assertEqual([one.id.text for reply in after for one in reply.changes], ["b"])
        self.stop()     # also the stream that was cancelled is over

    def test_claims(self):
        self.put("a", {"n": 1})
        reply = self.call("Documents.Claim", collection="c", filter="n = 1", lease_ms=60000)
        token = json.loads(reply.document)["_lease"]["token"]
        self.assertEqual(self.call("Documents.Claim", collection="c").document, b"")
        self.fails("ABORTED", "Documents.Put", collection="c", id={"text": "a"}, document=b"{}",
                   lease="none")
        self.call("Documents.Extend", collection="c", id={"text": "a"}, token=token, lease_ms=1000)
        reply = self.call("Documents.Release", collection="c", id={"text": "a"}, token=token,
                          set=b'{"done":true}')
        self.assertTrue(json.loads(reply.document)["done"])

    def test_transactions(self):
        self.put("b", {})
        begun = self.call("Transactions.Begin", isolation="ISOLATION_SERIALIZABLE",
                          transaction_ms=60000)
        self.put("a", {"n": 1}, transaction=begun.transaction)
        self.fails("NOT_FOUND", "Documents.Get", collection="c", id={"text": "a"})
        self.assertTrue(self.call("Transactions.Commit",
                                  transaction=begun.transaction).sequence)
        self.call("Documents.Get", collection="c", id={"text": "a"})
        begun = self.call("Transactions.Begin")
        self.call("Transactions.Rollback", transaction=begun.transaction)
        self.fails("NOT_FOUND", "Transactions.Commit", transaction=begun.transaction)

    def test_admin(self):
        def told(path, **fields):
            return json.loads(self.call(path, **fields).json)
        self.assertEqual(told("Admin.GetServer")["name"], "nacre")
        self.assertTrue(self.call("Admin.PutDatabase", database="d").created)
        self.assertEqual(told("Admin.GetDatabase", database="d")["name"], "d")
        self.assertEqual(len(told("Admin.ListDatabases")["items"]), 2)
        self.call("Admin.PutCollection", collection="c", settings=b'{"ttl_seconds":60}')
        self.assertEqual(told("Admin.PatchCollection", collection="c",
                              settings=b'{"ttl_seconds":90}')["ttl_seconds"], 90)
        self.assertEqual(told("Admin.GetCollection", collection="c")["documents"], 0)
        self.assertEqual(len(told("Admin.ListCollections")["items"]), 1)
        self.call("Admin.PutIndex", collection="c", index="i", settings=b'{"fields":["n"]}')
        self.assertEqual(told("Admin.GetIndex", collection="c", index="i")["name"], "i")
        self.assertEqual(len(told("Admin.ListIndexes", collection="c")["items"]), 1)
        self.call("Admin.DeleteIndex", collection="c", index="i")
        self.call("Admin.DeleteCollection", collection="c")
        self.assertIn("items", told("Admin.ListQueries"))
        self.call("Admin.DeleteDatabase", database="d")
        self.fails("NOT_FOUND", "Admin.GetDatabase", database="d")
        self.fails("INVALID_ARGUMENT", "Admin.DeleteDatabase")

    def test_every_operation_is_there(self):
        """None is unknown: each answers, or says why not, as its operation would."""
        for path in sorted((ROOT / "api/ops").glob("*.json")):
            op = json.loads(path.read_text(encoding="utf-8"))
            try:
                self.call(op["grpc"])
            except grpc.RpcError as error:
                status = rpc_status.from_call(error)
                self.assertIsNotNone(status, op["name"])
                problem = self.problem(status)
                unknown = "there is no method" in problem["detail"]
                self.assertFalse(unknown, problem)
                if problem["code"] == "unimplemented":
                    self.assertTrue(op.get("unimplemented"), problem)

    def problem(self, status):
        for detail in status.details:
            if detail.type_url.endswith("nacre.v1.Problem"):
                return json.loads(self.message("Problem").FromString(detail.value).json)
        raise AssertionError(status)

    def test_errors(self):
        self.put("a", {"n": 1})
        error = self.fails("FAILED_PRECONDITION", "Documents.Put", collection="c",
                           id={"text": "a"}, document=b"{}", if_versions=[7])
        status = rpc_status.from_call(error)
        info = error_details_pb2.ErrorInfo.FromString(status.details[0].value)
        self.assertEqual((info.reason, info.domain), ("version_mismatch", "nacre"))
        problem = self.problem(status)
        self.assertEqual((problem["code"], problem["current_version"]), ("version_mismatch", 1))
        self.assertIn("request_id", problem)
        self.assertEqual(status.message, problem["detail"])
        self.fails("UNAUTHENTICATED", "Documents.Get", key="wrong")
        self.fails("UNIMPLEMENTED", "Search.Search", collection="c")
        self.fails("INVALID_ARGUMENT", "Query.Query", collection="c", filter="n = = 1")
        self.fails("ALREADY_EXISTS", "Documents.Insert", collection="c", document=b'{"_id":"a"}')
        for text in ("", "é%\n"):
            self.fails("NOT_FOUND", "Documents.Get", collection="c", id={"text": text or "-"})
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary("/nacre.v1.Documents/Nothing")(
                b"", metadata=[("authorization", f"Bearer {self.key}")])
        self.assertEqual(caught.exception.code().name, "UNIMPLEMENTED")
        with self.assertRaises(grpc.RpcError) as caught:    # a field of a later version
            self.channel.unary_unary("/nacre.v1.Documents/Get")(
                b"\xfa\x3f\x01x", metadata=[("authorization", f"Bearer {self.key}")])
        self.assertEqual(caught.exception.code().name, "INVALID_ARGUMENT")

    def test_without_trailers(self):
        """HTTP/1.1 could not tell how it went: there is no such path."""
        answer = self.call_http("POST", "/../nacre.v1.Documents/Get", b"\0\0\0\0\0",
                                "application/grpc")
        self.assertEqual(answer.status, 404)

    call_http = Served.call

    def test_deadline(self):
        self.put("a", {"n": 1})
        self.fails("DEADLINE_EXCEEDED", "Changes.Watch", collection="c", follow=True, timeout=0.5)
        self.call("Documents.Get", collection="c", id={"text": "a"})

    def test_compressed_requests_are_refused(self):
        get = self.stub("Documents").Get
        with self.assertRaises(grpc.RpcError) as caught:
            get(self.message("GetRequest")(collection="c" * 500), compression=grpc.Compression.Gzip,
                metadata=[("authorization", f"Bearer {self.key}")])
        self.assertEqual(caught.exception.code().name, "UNIMPLEMENTED")

    def test_unix_socket(self):
        channel = self.open(f"unix:{os.path.join(self.dir, 'nacre.sock')}")
        reply = self.stub("Admin", channel).GetServer(
            self.message("GetServerRequest")(), metadata=[("authorization", f"Bearer {self.key}")])
        self.assertIn(b"nacre", reply.json)

    def test_tls(self):
        secure = test_tls.Secure("run")
        self.addCleanup(secure.doCleanups)
        secure.setUp()
        credentials = grpc.ssl_channel_credentials(
            Path(secure.authority.path("authority", "pem")).read_bytes())
        channel = grpc.secure_channel(f"localhost:{secure.port}", credentials)
        self.addCleanup(channel.close)
        reply = self.stub("Admin", channel).GetServer(
            self.message("GetServerRequest")(),
            metadata=[("authorization", f"Bearer {secure.key}")], timeout=PATIENCE)
        self.assertIn(b"nacre", reply.json)

    def test_health(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", "nacre.v1.Documents"):
            reply = health.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(reply.status, health_pb2.HealthCheckResponse.SERVING)
        with self.assertRaises(grpc.RpcError) as caught:
            health.Check(health_pb2.HealthCheckRequest(service="nothing"))
        self.assertEqual(caught.exception.code().name, "NOT_FOUND")

    def test_reflection(self):
        intercepted = grpc.intercept_channel(self.channel, WithKey(self.key))
        database = ProtoReflectionDescriptorDatabase(intercepted)
        services = set(database.get_services())
        self.assertIn("nacre.v1.Documents", services)
        pool = descriptor_pool.DescriptorPool(database)
        for name in services:
            self.assertTrue(pool.FindServiceByName(name).methods)
        put = pool.FindMessageTypeByName("nacre.v1.PutRequest")
        self.assertEqual(put.fields_by_name["id"].number, 2)
        with self.assertRaises(KeyError):
            pool.FindMessageTypeByName("nacre.v1.Nothing")

    def test_descriptors_are_those_of_protoc(self):
        ours = descriptor_pb2.FileDescriptorSet.FromString(
            (PROTO / "nacre.protoset").read_bytes())
        stock = descriptor_pb2.FileDescriptorSet.FromString(
            (self.stubs / "all.protoset").read_bytes())
        self.assertEqual({file.name: file for file in ours.file},
                         {file.name: file for file in stock.file})


if grpc:
    class WithKey(grpc.StreamStreamClientInterceptor):
        def __init__(self, key):
            self.key = key

        def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
            details = client_call_details._replace(
                metadata=[("authorization", f"Bearer {self.key}")])
            return continuation(details, request_iterator)


SCRIPT = """
const grpc = require("@grpc/grpc-js"), loader = require("@grpc/proto-loader");
const [proto, address, key] = process.argv.slice(2);
const files = ["documents", "query", "changes"].map(name => `nacre/v1/${name}.proto`);
const api = grpc.loadPackageDefinition(loader.loadSync(files, {includeDirs: [proto],
    keepCase: true, longs: String, enums: String, oneofs: true})).nacre.v1;
const open = service => new api[service](address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${key}`);
const unary = (client, method, request) => new Promise((good, bad) =>
    client[method](request, metadata, (error, reply) => error ? bad(error) : good(reply)));
(async () => {
    const documents = open("Documents"), query = open("Query"), told = {};
    for (let i = 0; i < 50; i++)
        await unary(documents, "Put", {collection: "c", id: {text: `d${i}`},
            document: Buffer.from(JSON.stringify({n: i}))});
    const got = await unary(documents, "Get", {collection: "c", id: {text: "d7"}, fields: ["n"]});
    told.got = JSON.parse(got.document);
    told.version = got.version;
    await unary(documents, "Get", {collection: "c", id: {integer: "7"}})
        .catch(error => told.code = error.code);
    told.rows = [];
    const asked = {collection: "c", filter: "n >= 48", sort: ["n"]};
    for await (const reply of query.Query(asked, metadata))
        told.rows.push(...reply.rows.map(row => JSON.parse(row).n));
    const stream = documents.Import(metadata);
    const ended = (async () => {
        for await (const reply of stream) told.documents = reply.documents;
    })();
    stream.write({collection: "d", data: Buffer.from('{"_id":1}\\n{"_')});
    stream.write({data: Buffer.from('id":2}\\n')});
    stream.end();
    await ended;
    console.log(JSON.stringify(told));
    process.exit(0);
})();
"""


class Node(Served):
    """@grpc/grpc-js."""

    def test_calls(self):
        modules = in_cache("node", make_node) if shutil.which("npm") else None
        if not modules:
            self.skipTest("npm or its registry is not here")
        script = modules / f"calls-{os.getpid()}.js"
        script.write_text(SCRIPT, encoding="utf-8")
        self.addCleanup(script.unlink)
        done = subprocess.run(["node", str(script), str(PROTO), f"127.0.0.1:{self.port}", self.key],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout),
                         {"got": {"_id": "d7", "n": 7}, "version": "1", "code": 5,
                          "rows": [48, 49], "documents": "2"})


if __name__ == "__main__":
    with_grpcio()
    unittest.main()
