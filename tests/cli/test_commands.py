#!/usr/bin/env python3
"""Every command: what it does, the shape of its JSON, its exit codes."""
import json
import os
import subprocess
import unittest

from tool import NACRE, Case, FILMS


class Documents(Case):
    def test_put_get_patch_rm(self):
        put = self.ok("put", "c", '{"_id":"a","n":1}').row
        self.assertEqual((put["id"], put["version"], put["created"]), ("a", 1, True))
        self.assertFalse(self.ok("put", "c", "a", '{"n":2}').row["created"])
        self.assertEqual(self.ok("patch", "c", "a", '{"$inc":{"n":5}}').row["version"], 3)
        self.ok("patch", "c", "a", '{"m":{"k":[1]}}', "--merge")
        self.ok("patch", "c", "a", '[{"op":"add","path":"/m/k/-","value":2}]', "--json-patch")
        got = self.ok("get", "c", "a", "--fields", "n,m.k,_version").row
        self.assertEqual(got, {"_id": "a", "n": 7, "m": {"k": [1, 2]}, "_version": 5})
        self.assertIn("version", self.ok("rm", "c", "a").row)
        self.fails(3, "document_not_found", "get", "c", "a")
        self.fails(3, "document_not_found", "rm", "c", "a")
        self.fails(3, "document_not_found", "patch", "c", "a", "{}")

    def test_ids(self):
        self.assertEqual(self.ok("put", "c", "~42", "{}").row["id"], "~42")
        self.assertEqual(self.ok("get", "c", "~42").row["_id"], 42)
        self.assertEqual(self.ok("put", "c", "~~x", "{}").row["id"], "~~x")
        self.assertEqual(self.ok("get", "c", "~~x").row["_id"], "~x")
        self.ok("put", "c", "--", "-dash", "{}")
        self.assertEqual(self.ok("get", "c", "--", "-dash").row["_id"], "-dash")
        made = self.ok("put", "c", '{"n":1}').row["id"]
        self.assertRegex(made, "^[0-9a-f]{8}-[0-9a-f]{4}-7")
        self.fails(2, "invalid_argument", "get", "c", "~x")

    def test_document_from_stdin_and_back(self):
        self.ok("put", "c", "a", "-", stdin='{"text":"é 日本"}')
        got = self.ok("put", "c", "a", "-", "--document", stdin='{"n":9007199254740993}').row
        self.assertEqual(got["n"], 9007199254740993)

    def test_conditions(self):
        self.ok("put", "c", "a", '{"n":1}', "--if-absent")
        self.fails(4, "version_mismatch", "put", "c", "a", '{"n":2}', "--if-absent")
        self.fails(4, "", "put", "c", "b", "{}", "--if-present")
        told = self.fails(4, "version_mismatch", "put", "c", "a", "{}", "--if-version", "2,3")
        self.assertIn("1", told.err)
        self.ok("put", "c", "a", '{"n":2}', "--if-version", "7,1")
        self.fails(4, "condition_failed", "patch", "c", "a", '{"$inc":{"n":1}}', "--if", "n > 2")
        self.ok("patch", "c", "a", '{"$inc":{"n":1}}', "--if", "n = 2")
        self.fails(4, "", "rm", "c", "a", "--if-version", "1")
        self.ok("rm", "c", "a", "--if-version", "3")

    def test_where(self):
        for i in range(5):
            self.ok("put", "c", str(i), '{"n":%d}' % i)
        told = self.ok("patch", "c", '{"$inc":{"n":10}}', "--where", "n >= 3").row
        self.assertEqual((told["matched"], told["changed"]), (2, 2))
        self.assertEqual(self.ok("count", "c", "n >= 13").out, "2\n")
        key = ("--where", '{"n":{"$lt":3}}', "--idempotency-key", "k")
        self.assertEqual(self.ok("patch", "c", '{"m":1}', *key, "--merge").row["changed"], 3)
        again = self.ok("patch", "c", '{"m":1}', *key, "--merge").row
        self.assertEqual((again["changed"], again["replayed"]), (3, True))
        self.fails(4, "idempotency_key_reused", "patch", "c", '{"m":2}', *key)
        ops = '[{"op":"replace","path":"/m","value":2}]'
        told = self.fails(2, "invalid_argument", "patch", "c", ops, "--json-patch", "--atomic",
                          "--where", "{}")
        self.assertIn('document "3"', told.err)
        self.assertEqual(self.ok("count", "c", "m = 2").out, "0\n")
        self.assertEqual(self.ok("rm", "c", "--where", "m = 1", "--atomic").row["changed"], 3)
        self.assertEqual(self.ok("rm", "c", "--where", "{}").row["changed"], 2)
        self.assertEqual(self.ok("count", "c").out, "0\n")
        self.fails(2, "invalid_filter", "rm", "c", "--where", "n >")
        self.fails(3, "collection_not_found", "rm", "d", "--where", "{}")

    def test_where_is_used_rightly(self):
        self.ok("put", "c", "a", "{}")
        for words in (("rm", "c"), ("rm", "c", "a", "--where", "{}"), ("rm", "c", "a", "--atomic"),
                      ("patch", "c", "{}"), ("patch", "c", "a", "{}", "--where", "{}"),
                      ("patch", "c", "{}", "--where", "{}", "--if-version", "1"),
                      ("patch", "c", "{}", "--where", "{}", "--ttl", "1"),
                      ("rm", "c", "--where", "{}", "--lease", "x")):
            self.fails(2, "usage", *words)
        self.ok("get", "c", "a")

    def test_as_of(self):
        self.ok("collection", "create", "c", "--history-seconds", "3600")
        self.ok("put", "c", "a", '{"n":1}')
        was = self.ok("get", "c", "a", "--fields", "_updated").row["_updated"]
        self.ok("patch", "c", "a", '{"n":2}', "--merge")
        self.ok("put", "c", "b", '{"n":3}')
        self.assertEqual(self.ok("get", "c", "a", "--as-of", was).row["n"], 1)
        self.assertEqual([r["n"] for r in self.ok("find", "c", "--as-of", was).rows], [1])
        self.assertEqual(self.ok("count", "c", "--as-of", was).out, "1\n")
        self.assertEqual(self.ok("export", "c", "--as-of", was).rows[0], {"_id": "a", "n": 1})
        self.fails(3, "document_not_found", "get", "c", "b", "--as-of", was)
        self.fails(2, "invalid_argument", "get", "c", "a", "--as-of", "x")
        self.ok("put", "d", "a", "{}")
        self.fails(3, "history_expired", "get", "d", "a", "--as-of", was)

    def test_versions(self):
        self.ok("collection", "create", "c", "--history-seconds", "3600")
        self.ok("put", "c", "a", '{"n":1}')
        self.ok("put", "c", "a", '{"n":2}')
        self.ok("rm", "c", "a")
        rows = self.ok("versions", "c", "a").rows
        self.assertEqual([(r["version"], r["op"]) for r in rows],
                         [(3, "delete"), (2, "update"), (1, "insert")])
        self.assertEqual([r.get("document", {}).get("n") for r in rows], [None, 2, 1])
        self.assertEqual(self.ok("get", "c", "a", "--as-of", rows[1]["time"]).row["n"], 2)
        self.fails(3, "document_not_found", "versions", "c", "b")

    def test_watch(self):
        sequence = self.ok("put", "c", "a", '{"n":1}').row["sequence"]
        self.ok("put", "c", "b", '{"n":2}')
        self.ok("rm", "c", "a")
        rows = self.ok("watch", "c", "--no-follow").rows
        self.assertEqual([(r["op"], r["id"]) for r in rows],
                         [("insert", "a"), ("insert", "b"), ("delete", "a")])
        self.assertEqual(rows[1]["document"]["n"], 2)
        self.assertNotIn("document", rows[2])
        rest = self.ok("watch", "c", "n = 2", "--since", sequence, "--no-follow", "--end").rows
        self.assertEqual([r["op"] for r in rest[:2]], ["insert", "delete"])
        end = rest[2]["$end"]["seq"]
        self.assertEqual(self.ok("watch", "c", "--since", end, "--no-follow").out, "")
        self.fails(2, "invalid_argument", "watch", "c", "--since", "x", "--no-follow")
        self.fails(6, "timeout", "watch", "c", "--timeout-ms", "50")
        self.fails(3, "collection_not_found", "watch", "d", "--no-follow")

    def test_ttl_durability_and_key(self):
        row = self.ok("put", "c", "a", "{}", "--ttl", "1000", "--document").row
        self.assertIn("_expires", row)
        self.ok("put", "c", "a", "{}", "--durability", "memory")
        first = self.ok("put", "c", '{"k":1}', "--idempotency-key", "once").row
        again = self.ok("put", "c", '{"k":1}', "--idempotency-key", "once").row
        self.assertEqual((again["id"], again["replayed"]), (first["id"], True))
        self.fails(4, "idempotency_key_reused", "put", "c", '{"k":2}', "--idempotency-key", "once")

    def test_wrong_documents_store_nothing(self):
        self.fails(2, "invalid_json", "put", "c", '{"a":1')
        for wrong in ("[1]", '"x"', "12", "null"):
            self.fails(2, "invalid_argument", "put", "c", wrong)
        self.fails(2, "invalid_json", "put", "c", "not json")
        self.assertFalse(os.path.exists(self.dir))
        self.fails(2, "invalid_json", "put", "c", '{"a":01}')
        self.fails(2, "", "put", "c", '{"a":{"$x":1}}')
        self.fails(2, "", "put", "c", '{"_created":"2020-01-01T00:00:00Z"}')
        self.fails(2, "invalid_argument", "put", "9c", "{}")
        self.fails(1, "document_too_large", "put", "c", "-",
                   stdin='{"a":"' + "x" * (17 << 20) + '"}')
        deep = self.run_tool("put", "c", "-", stdin='{"a":' + "[" * 100 + "]" * 100 + "}")
        self.assertIn("100 levels", deep.err)
        self.assertEqual(self.ok("db", "get", "main").row["documents"], 0)

    def test_reading_makes_no_database(self):
        for words in (["get", "c", "a"], ["find", "c"], ["count", "c"], ["export", "c"],
                      ["rm", "c", "a"], ["patch", "c", "a", "{}"], ["claim", "c"], ["check"],
                      ["collection", "list"], ["index", "list", "c"], ["db", "list"],
                      ["explain", "c"], ["collection", "drop", "c"]):
            told = self.fails(3, "there is no database", *words)
            self.assertIn("--dir", told.err)
        self.assertFalse(os.path.exists(self.dir))


class Films(Case):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.folder.name, "films.ndjson")
        with open(path, "wb") as out:
            data = subprocess.run(["zstdcat", FILMS], capture_output=True, check=True).stdout
            out.write(b"\n".join(data.split(b"\n")[-3001:]))
        self.ok("import", "films", path)

    def test_find(self):
        rows = self.ok("find", "films", "year > 2020 AND genres CONTAINS 'Drama'",
                       "--sort", "-year,title", "--limit", "7", "--fields", "title,year").rows
        self.assertEqual(len(rows), 7)
        self.assertEqual(set(rows[0]), {"_id", "title", "year"})
        self.assertEqual(rows, sorted(rows, key=lambda r: (-r["year"], r["title"])))
        same = self.ok("find", "films", '{"year":{"$gt":2020},"genres":{"$contains":"Drama"}}',
                       "--sort", "-year,title", "-n7", "-f", "title,year", "--json").rows
        self.assertEqual(rows, same)

    def test_pages_and_total(self):
        first = self.run_tool("find", "films", "--limit", "2", "--sort", "title", "--total",
                              "--end").rows
        end = first[-1]["$end"]
        self.assertEqual(end["total"], 3000)
        second = self.ok("find", "films", "--limit", "2", "--sort", "title", "--cursor",
                         end["next_cursor"]).rows
        both = self.ok("find", "films", "--limit", "4", "--sort", "title").rows
        self.assertEqual(first[:2] + second, both)
        told = self.ok("find", "films", "--limit", "2", "--total")
        self.assertIn("--cursor ", told.err)
        self.assertIn("3,000 in all", told.err)
        self.assertEqual(self.ok("find", "films", "--limit", "2", "-q").err, "")
        self.fails(2, "", "find", "films", "--cursor", "nonsense")

    def test_count_and_explain(self):
        self.assertEqual(self.ok("count", "films").out, "3000\n")
        self.assertEqual(self.ok("count", "films", "--json").row, {"count": 3000})
        count = int(self.ok("count", "films", "year = 2022").out)
        before = self.ok("explain", "films", "year = 2022", "--limit", "1000").row
        self.assertEqual(before["plan"]["access"], "scan")
        made = self.ok("index", "create", "films", "by_year", "--fields", "year,-title",
                       "--wait").row
        self.assertEqual(made, {"name": "by_year", "done": "created"})
        after = self.ok("explain", "films", "year = 2022", "--limit", "1000").row
        self.assertEqual(after["plan"], {**after["plan"], "access": "index", "index": "by_year"})
        self.assertEqual(after["rows_returned"], count)
        self.assertEqual(int(self.ok("count", "films", "year = 2022").out), count)
        self.assertLess(after["keys_examined"], before["keys_examined"])
        change = self.ok("explain", "films", "year = 2022", "--update", '{"year":2022}').row
        self.assertEqual(change["plan"]["index"], "by_year")
        self.assertEqual(change["steps"][-1]["name"], "patch")
        self.assertEqual(change["steps"][-1]["rows"], count)
        change = self.ok("explain", "films", "year = 2022", "--delete").row
        self.assertEqual(change["rows_returned"], count)
        self.assertEqual(int(self.ok("count", "films", "year = 2022").out), count)
        self.fails(2, "needs a FILTER", "explain", "films", "--delete")
        self.fails(2, "--limit", "explain", "films", "{}", "--delete", "--limit", "3")
        self.fails(2, "not both", "explain", "films", "{}", "--delete", "--update", "{}")
        self.fails(2, "no groups", "explain", "films", "{}", "--delete", "--count", "n")

    def test_offset(self):
        rows = self.ok("find", "films", "--sort", "-year", "--limit", "9", "-q").rows
        self.assertEqual(self.ok("find", "films", "--sort", "-year", "--limit", "4", "--offset",
                                 "5", "-q").rows, rows[5:])

    def test_aggregate(self):
        rows = self.ok("aggregate", "films", "--group-by", "year", "--count", "n",
                       "--sort", "-n,year", "--limit", "3").rows
        self.assertEqual([list(row) for row in rows], [["year", "n"]] * 3)
        for row in rows:
            self.assertEqual(int(self.ok("count", "films", f"year = {row['year']}").out), row["n"])
        row = self.ok("aggregate", "films", "year >= 2022", "--count", "n,t=title", "--min",
                      "first=year", "--max", "last=year", "--sum", "s=year", "--avg", "a=year",
                      "--count-distinct", "d=year").row
        self.assertEqual((row["n"], row["first"]), (row["t"], 2022))
        self.assertAlmostEqual(row["s"] / row["n"], row["a"])
        self.assertEqual(list(row), ["n", "t", "s", "a", "first", "last", "d"])
        out = self.ok("aggregate", "films", "-g", "year", "--count", "n", "--having", "n > 0",
                      "--limit", "1", "--end")
        cursor = out.rows[1]["$end"]["next_cursor"]
        second = self.ok("aggregate", "films", "-g", "year", "--count", "n", "--having", "n > 0",
                         "--limit", "1", "--cursor", cursor, "-q").row
        self.assertGreater(second["year"], out.rows[0]["year"])
        plan = self.ok("explain", "films", "-g", "year", "--count", "n").row
        self.assertEqual(plan["steps"][-1]["name"], "group")
        self.fails(2, "NAME=PATH", "aggregate", "films", "--sum", "year")
        self.fails(2, "two aggregates", "aggregate", "films", "--count", "n", "--sum", "n=year")
        self.fails(2, "no column", "aggregate", "films", "--count", "n", "--sort", "m")

    def test_export_goes_in_again(self):
        out = self.ok("export", "films", "year = 2022")
        count = int(self.ok("count", "films", "year = 2022").out)
        self.assertEqual(len(out.rows), count + 1)
        self.assertEqual(out.rows[-1]["$end"]["documents"], count)
        self.ok("import", "copy", "-", stdin=out.out)
        self.assertEqual(self.ok("export", "copy").rows[:-1], out.rows[:-1])
        fields = self.ok("export", "films", "year = 2022", "--fields", "title").rows[0]
        self.assertEqual(set(fields), {"_id", "title"})

    def test_filter_errors_point(self):
        told = self.fails(2, "invalid_filter", "find", "films", "year >> 3")
        self.assertIn("  year >> 3\n        ^\n", told.err)
        told = self.fails(2, "", "count", "films", "title = 'é' ADN year = 3")
        self.assertIn("\n              ^^^\n", told.err)
        self.assertIn("AND", told.err)
        told = self.fails(2, "", "find", "films", '{"year":{"$gtt":1}}')
        self.assertIn("did you mean $gt?", told.err)
        problem = json.loads(self.fails(2, "", "find", "films", "year >> 3", "--json").err)
        self.assertEqual(problem["code"], "invalid_filter")
        self.assertEqual(problem["span"], {"offset": 6, "length": 1})
        self.fails(2, "", "find", "films", '{"a":1},"limit":2')

    def test_closed_pipe(self):
        done = subprocess.run(["bash", "-c", f"'{NACRE}' export films | head -n 1"],
                              capture_output=True, env=self.environment(), timeout=100)
        self.assertEqual((len(done.stdout.splitlines()), done.stderr), (1, b""))
        self.ok("check")

    def test_full_disk_on_stdout(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for words in (["find", "films"], ["export", "films"], ["count", "films"], ["help"]):
                done = subprocess.run([NACRE, *words], stdout=full, stderr=subprocess.PIPE,
                                      env=self.environment(), timeout=100)
                self.assertEqual(done.returncode, 1, words)
                self.assertIn(b"No space left", done.stderr)


class Transactions(Case):
    def shell(self, *lines, bail=True):
        words = ["shell", "--quiet"] + (["--bail"] if bail else [])
        return self.run_tool(*words, stdin="\n".join(lines) + "\n")

    def test_commit_and_rollback(self):
        self.ok("put", "c", "a", '{"n":1}')
        done = self.shell("begin --isolation serializable", 'patch c a {"$inc":{"n":1}}',
                          'put c b {"n":5}', "count c", "commit", "begin", "rm c a", "count c",
                          "rollback", "count c")
        self.assertEqual((done.code, done.err), (0, ""))
        counts = [row for row in done.rows if isinstance(row, int)]
        self.assertEqual(counts, [2, 1, 2])
        self.assertEqual(self.ok("get", "c", "a", "--fields", "n").row["n"], 2)

    def test_what_is_not_committed_is_forgotten(self):
        self.ok("put", "c", "a", '{"n":1}')
        self.assertEqual(self.shell("begin", "rm c a").code, 0)
        self.assertEqual(self.ok("count", "c").row, 1)

    def test_wrong_use(self):
        self.ok("put", "c", "a", '{"n":1}')
        self.fails(2, "nacre shell", "begin")
        alone = self.shell("commit", "rollback", "begin", "begin", "collection drop c", bail=False)
        self.assertEqual(alone.err.count("transaction_not_found"), 2)
        self.assertIn("one at a time", alone.err)
        self.assertIn("cannot be part of a transaction", alone.err)


class Claims(Case):
    def test_claims(self):
        for i in range(2):
            self.ok("put", "jobs", f"~{i}", f'{{"state":"waiting","priority":{2 - i}}}')
        take = ["claim", "jobs", "state = 'waiting'", "--sort", "priority", "--set",
                '{"state":"running"}', "--lease-ms", "60000", "--holder", "me"]
        job = self.ok(*take).row
        self.assertEqual((job["_id"], job["state"], job["_lease"]["holder"]), (1, "running", "me"))
        token = job["_lease"]["token"]
        self.assertEqual(self.ok(*take).row["_id"], 0)
        self.fails(3, "nothing to claim", *take)
        self.ok("claim", "extend", "jobs", "~1", token, "--lease-ms", "70000")
        self.ok("patch", "jobs", "~1", '{"$set":{"step":1}}', "--lease", token)
        self.ok("claim", "release", "jobs", "~1", token, "--set", '{"state":"done"}')
        self.assertEqual(self.ok("get", "jobs", "~1").row["state"], "done")
        self.fails(4, "lease_lost", "claim", "release", "jobs", "~1", token)
        self.fails(4, "lease_lost", "claim", "extend", "jobs", "~1", token)
        self.fails(4, "lease_lost", "put", "jobs", "~1", "{}", "--lease", token)

    def test_wrong_claims(self):
        self.ok("put", "jobs", "~1", "{}")
        self.fails(2, "--set", "claim", "jobs", "--set", '{"a":1},"lease_ms":5')
        self.fails(2, "", "claim", "jobs", "--set", "[1]")
        self.fails(2, "--lease-ms", "claim", "jobs", "--lease-ms", "0")
        told = self.fails(2, "invalid_filter", "claim", "jobs", "a >> 1")
        self.assertIn("  a >> 1\n     ^\n", told.err)
        self.assertEqual(self.ok("claim", "jobs").row["_id"], 1)


class Catalog(Case):
    def test_collections(self):
        self.assertEqual(self.ok("collection", "create", "c", "--ttl-seconds", "9").row,
                         {"name": "c", "done": "created"})
        self.assertEqual(self.ok("collection", "create", "c", '{"ttl_seconds":9}').row["done"],
                         "there already")
        self.fails(4, "already_exists", "collection", "create", "c", "--ttl-seconds", "8")
        self.assertEqual(self.ok("collection", "get", "c").row["ttl_seconds"], 9)
        self.ok("collection", "alter", "c", "--ttl-seconds", "5")
        self.assertEqual(self.ok("collection", "get", "c").row["ttl_seconds"], 5)
        self.ok("collection", "alter", "c", '{"ttl_seconds":null}')
        self.assertNotIn("ttl_seconds", self.ok("collection", "get", "c").row)
        self.ok("collection", "create", "k", "--primary-key", "key.id")
        self.assertEqual(self.ok("put", "k", '{"key":{"id":"x"}}').row["id"], "x")
        self.assertEqual([c["name"] for c in self.ok("collection", "list").rows], ["c", "k"])
        self.ok("collection", "drop", "c")
        self.fails(3, "collection_not_found", "collection", "get", "c")
        self.fails(3, "collection_not_found", "collection", "drop", "c")
        self.fails(2, "JSON or as options", "collection", "create", "d", "{}", "--ttl-seconds",
                   "1")
        self.fails(2, "", "collection", "create", "d", '{"ttl_second":1}')

    def test_indexes(self):
        self.ok("put", "c", '{"_id":"1","a":1,"b":{"c":2}}')
        self.ok("put", "c", '{"_id":"2","a":1}')
        self.ok("index", "create", "c", "i", "--fields", "a,-b.c", "--where", "a > 0", "--wait")
        index = self.ok("index", "get", "c", "i").row
        self.assertEqual((index["state"], index["progress"]), ("ready", 1))
        self.assertEqual(index["fields"], [{"path": "a"}, {"path": "b.c", "order": "desc"}])
        told = self.fails(4, "unique_violation", "index", "create", "c", "u", "--fields", "a",
                          "--unique", "--wait")
        self.assertIn("error:", told.err)
        states = {i["name"]: i["state"] for i in self.ok("index", "list", "c").rows}
        self.assertEqual(states, {"i": "ready", "u": "failed"})
        self.ok("index", "drop", "c", "u")
        self.fails(3, "index_not_found", "index", "drop", "c", "u")
        self.fails(3, "index_not_found", "index", "get", "c", "u")
        self.fails(2, "--fields", "index", "create", "c", "v")
        self.fails(2, "", "index", "create", "c", "v", "--fields", "a", "--where", "a >> 1")

    def test_databases(self):
        self.assertEqual(self.ok("db", "create", "shop", "--documents", "2").row["done"],
                         "created")
        self.ok("put", "c", "a", "{}", "--db", "shop")
        self.ok("--db", "shop", "put", "c", "b", "{}")
        self.fails(1, "quota_exceeded", "put", "c", "d", "{}", "--db", "shop")
        self.ok("db", "alter", "shop", "--documents", "3")
        self.ok("put", "c", "d", "{}", "--db=shop")
        self.assertEqual(self.ok("db", "get", "shop").row["documents"], 3)
        self.assertEqual([d["name"] for d in self.ok("db", "list").rows], ["main", "shop"])
        self.fails(3, "collection_not_found", "get", "c", "a")
        self.fails(3, "database_not_found", "put", "c", "a", "{}", "--db", "sho")
        self.ok("db", "drop", "shop")
        self.fails(3, "database_not_found", "db", "get", "shop")
        self.fails(2, "", "db", "drop", "main")


class Whole(Case):
    def test_check(self):
        self.ok("put", "c", "a", "{}")
        row = self.ok("check").row
        self.assertEqual((row["problems"], row["documents"]), (0, 1))
        self.ok("check", self.dir)
        self.fails(3, "there is no database", "check", self.dir + "x")

    def test_damage_is_reported(self):
        self.ok("import", "c", self.lines(2000))
        store = os.path.join(self.dir, "store")
        tables = [name for name in os.listdir(store) if name.endswith(".sst")]
        path = os.path.join(store, max(tables, key=lambda n: os.path.getsize(f"{store}/{n}")))
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 3)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        result = self.run_tool("check")
        self.assertEqual(result.code, 1)
        self.assertIn(os.path.basename(path), result.out + result.err)

    def test_locked(self):
        self.ok("put", "c", "a", "{}")
        with subprocess.Popen([NACRE, "shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=self.environment()) as shell:
            shell.stdin.write(b"count c\n")
            shell.stdin.flush()
            shell.stdout.readline()
            self.fails(6, "locked", "get", "c", "a")
            shell.stdin.close()
            shell.stdout.read()
            self.assertEqual(shell.wait(100), 0)
        self.ok("get", "c", "a")

    def test_not_a_database(self):
        path = os.path.join(self.folder.name, "file")
        with open(path, "w", encoding="utf-8") as file:
            file.write("x")
        self.assertIn(self.run_tool("get", "c", "a", "--dir", path).code, (1, 3))
        self.fails(1, "unimplemented", "get", "c", "a", "--dir", "nacre://host:7700")

    def test_version(self):
        row = self.ok("version").row
        self.assertRegex(row["version"], r"^\d+\.\d+\.\d+$")
        self.assertNotIn("store", row)
        self.assertEqual(self.ok("--version").row, row)
        self.ok("put", "c", "a", "{}")
        self.assertIn("RocksDB", self.ok("version", "--json").row["store"])

    def test_bench(self):
        rows = self.ok("bench", self.folder.name, "--count", "500").rows
        self.assertGreaterEqual(len(rows), 6)
        for row in rows:
            self.assertEqual(set(row), {"measure", "operations", "seconds", "per_second",
                                        "microseconds"})
            self.assertGreater(row["per_second"], 0)
        self.assertEqual(os.listdir(self.folder.name), [])


if __name__ == "__main__":
    unittest.main()
