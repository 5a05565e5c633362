#!/usr/bin/env python3
"""Kills of a server under load over HTTP: crash_net.py [--cycles N] [--seed S] [--clients N].

Each cycle starts `nacre serve`, lets clients write over HTTP until a moment that the seed chooses,
kills it with SIGKILL, starts it again and holds what is there against what was answered. A write
without an answer may be there or not, as a whole. $NACRE is the tool.
"""
import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time

NACRE = os.path.abspath(os.environ.get("NACRE", "build/release/nacre"))
ACCOUNTS, EACH, COUNTERS = 20, 1000, 4
PATIENCE = 120


class Gone(Exception):
    """The server went before it answered."""


class Server:
    def __init__(self, folder):
        self.dir = os.path.join(folder, "data")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [NACRE, "serve", self.dir, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        if not found:
            raise SystemExit(f"crash_net: the server does not start: {said}"
                             f"{self.process.stderr.read()}")
        self.port = int(found[1])
        with open(os.path.join(self.dir, "admin.key"), encoding="ascii") as file:
            self.key = file.read().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self.process.stderr.close()
        return code


class Client:
    """One connection, one call at a time."""

    def __init__(self, server):
        self.server = server
        self.link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)

    def call(self, verb, path, body=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self.server.key}"
        try:
            self.link.request(verb, f"/v1{path}", None if body is None else json.dumps(body), sent)
            answer = self.link.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Gone from error
        return answer.status, json.loads(text) if text else None


class Book:
    """What was answered, and what was asked. Each actor writes its own."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.next, self.answered = 0, 0
        self.puts = {}     # id -> (number answered last, numbers asked since)
        self.deleted = {}  # id -> whether the delete was answered
        self.pairs = {}    # id -> whether it was answered
        self.sent = {}     # transfer -> whether its commit was answered
        self.counts = [[0, 0] for _ in range(COUNTERS)]  # answered, asked


class Actor:
    def __init__(self, number, seed):
        self.number, self.book = number, Book(seed * 1000 + number)

    def put(self, client):
        book = self.book
        book.next += 1
        name = f"{self.number}-{book.dice.randrange(book.next)}"
        book.deleted.pop(name, None)
        kept, asked = book.puts.get(name, (None, []))
        book.puts[name] = (kept, asked + [book.next])
        status, _ = client.call("PUT", f"/collections/puts/docs/{name}",
                                {"n": book.next, "text": "x" * book.dice.randrange(600)},
                                Prefer="return=minimal")
        assert status in (200, 201, 204), status
        book.puts[name] = (book.next, [])

    def delete(self, client):
        book = self.book
        if not book.puts:
            return
        name = book.dice.choice(list(book.puts))
        book.deleted[name] = False
        status, _ = client.call("DELETE", f"/collections/puts/docs/{name}")
        assert status == 204, status
        book.deleted[name] = True
        del book.puts[name]

    def pair(self, client):
        book = self.book
        book.next += 1
        name = f"{self.number}-{book.next}"
        book.pairs[name] = False
        operations = [{"op": "insert", "id": f"{name}-{side}", "document": {"pair": name}}
                      for side in "ab"]
        status, _ = client.call("POST", "/collections/pairs/docs:batch",
                                {"operations": operations})
        assert status == 200, status
        book.pairs[name] = True

    def count(self, client):
        which = self.book.dice.randrange(COUNTERS)
        count = self.book.counts[which]
        count[1] += 1
        status, _ = client.call("PATCH", f"/collections/counters/docs/{self.number}-{which}",
                                {"$inc": {"n": 1}}, Prefer="return=minimal")
        assert status in (200, 204), status
        count[0] += 1

    def transfer(self, client):
        """Money from one account to another, and a line of it, in one transaction."""
        book = self.book
        book.next += 1
        name = f"{self.number}-{book.next}"
        one, other = book.dice.sample(range(ACCOUNTS), 2)
        status, tx = client.call("POST", "/tx", {"isolation": "serializable"})
        assert status == 201, status
        book.sent[name] = False
        writes = [("PATCH", f"/collections/accounts/docs/{one}", {"$inc": {"sum": -1}}),
                  ("PATCH", f"/collections/accounts/docs/{other}", {"$inc": {"sum": 1}}),
                  ("PUT", f"/collections/lines/docs/{name}", {"from": one, "to": other})]
        for verb, path, body in writes:
            status, _ = client.call(verb, path, body, Nacre_Transaction=tx["id"])
            if status == 409:
                del book.sent[name]
                return
            assert status in (200, 201), status
        status, _ = client.call("POST", f"/tx/{tx['id']}:commit")
        if status == 409:
            del book.sent[name]
            return
        assert status == 200, status
        book.sent[name] = True

    def run(self, server, stop, failed):
        try:
            client = Client(server)
            while not stop.is_set():
                act = self.book.dice.choice([self.put, self.put, self.delete, self.pair,
                                             self.count, self.transfer])
                act(client)
                self.book.answered += 1
        except Gone:
            pass
        except Exception as error:  # pylint: disable=broad-except
            failed.append(f"client {self.number}: {error!r}")


# --- what is there against what was answered ---

def everything(client, collection):
    """id -> document"""
    found, cursor = {}, None
    while True:
        body = {"limit": 10000, **({"cursor": cursor} if cursor else {})}
        status, page = client.call("POST", f"/collections/{collection}:query", body)
        if status == 404:
            return found
        assert status == 200, page
        found.update((item["_id"], item) for item in page["items"])
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def hold_puts(book, stored, lost):
    for name, (kept, asked) in book.puts.items():
        document = stored.get(name)
        if document is None:
            if kept is not None and name not in book.deleted:
                lost.append(f"put {name}: {kept} was answered, and it is not there")
        elif document["n"] not in [kept, *asked]:
            lost.append(f"put {name}: expected one of {[kept, *asked]}, there is {document['n']}")
    for name, answered in book.deleted.items():
        if answered and name in stored:
            lost.append(f"put {name}: its deletion was answered, and it is there")
    # From here on what is there is what is known.
    book.puts = {name: (stored[name]["n"], []) for name in book.puts if name in stored}
    book.deleted = {}


def hold(server, actors, lost):
    client = Client(server)
    puts, pairs = everything(client, "puts"), everything(client, "pairs")
    lines, accounts = everything(client, "lines"), everything(client, "accounts")
    counters = everything(client, "counters")
    for actor in actors:
        book = actor.book
        hold_puts(book, puts, lost)
        for name, answered in book.pairs.items():
            sides = sum(f"{name}-{side}" in pairs for side in "ab")
            if sides == 1 or (answered and not sides):
                lost.append(f"pair {name}: {sides} of 2, answered: {answered}")
        for name, answered in book.sent.items():
            if answered and name not in lines:
                lost.append(f"transfer {name} was answered, and its line is not there")
        for which, count in enumerate(book.counts):
            there = counters[f"{actor.number}-{which}"]["n"]
            if not count[0] <= there <= count[1]:
                lost.append(f"counter {actor.number}-{which}: {there}, answered {count[0]}, "
                            f"asked {count[1]}")
            count[0] = count[1] = there
    if sum(account["sum"] for account in accounts.values()) != ACCOUNTS * EACH:
        lost.append("money came or went")
    sums = {str(i): EACH for i in range(ACCOUNTS)}
    for line in lines.values():
        sums[str(line["from"])] -= 1
        sums[str(line["to"])] += 1
    if sums != {name: account["sum"] for name, account in accounts.items()}:
        lost.append("the accounts are not what their lines make")


def prepare(server, actors):
    client = Client(server)
    for collection in ("puts", "pairs", "lines", "accounts", "counters"):
        status, _ = client.call("PUT", f"/collections/{collection}", {})
        assert status == 201, status
    rows = [("accounts", str(i), {"sum": EACH}) for i in range(ACCOUNTS)]
    rows += [("counters", f"{a.number}-{i}", {"n": 0}) for a in actors for i in range(COUNTERS)]
    for collection, name, document in rows:
        status, _ = client.call("PUT", f"/collections/{collection}/docs/{name}", document)
        assert status == 201, status
    status, _ = client.call("PUT", "/collections/puts/indexes/by_n", {"fields": ["n"]})
    assert status == 201, status


def cycle(server, actors, seconds):
    stop, failed = threading.Event(), []
    threads = [threading.Thread(target=actor.run, args=(server, stop, failed)) for actor in actors]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print(f"crash_net: seed {options.seed}", flush=True)
    actors = [Actor(i, options.seed) for i in range(options.clients)]
    dice, lost = random.Random(options.seed), []
    with tempfile.TemporaryDirectory(prefix="nacre-crash-net-") as folder:
        server = Server(folder)
        server.start()
        prepare(server, actors)
        for number in range(1, options.cycles + 1):
            lost += cycle(server, actors, dice.uniform(0.05, 1.0))
            server.start()
            hold(server, actors, lost)
            if lost:
                break
            if number % 25 == 0:
                print(f"crash_net: {number} kills", flush=True)
        if server.stop() != 0:
            lost.append("the server did not end by itself")
        checked = subprocess.run([NACRE, "check", server.dir], capture_output=True, text=True,
                                 check=False)
        if checked.returncode:
            lost.append(f"nacre check: {checked.stdout}{checked.stderr}")
    answered = sum(actor.book.answered for actor in actors)
    print(f"crash_net: {number} kills, {answered} calls answered, {len(lost)} losses")
    for line in lost:
        print(f"  {line}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
