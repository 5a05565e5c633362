#!/usr/bin/env python3
"""The server beside Redis, nginx and PostgreSQL: requests per second of wall and of server CPU.

    bench_server.py [--seconds N] [--rounds N] [--documents N] [--build DIR] [NAME...]

NAMEs: get, put, import, idle (all unless told). Peers that are not installed are said and left out.
Rounds take turns; a figure is the median of its rounds. Loopback only; the clients share the
processors with the servers, which is why CPU seconds of the server are the first measure.
"""
import argparse
import json
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import load  # noqa: E402
from peers import Nacre, Nginx, Postgres, Redis  # noqa: E402

PROGRAMS = {"redis": "redis-server", "nginx": "nginx", "postgres": "psql"}
WORDS = "able bark clay dune echo fern glow hail iris jade kelp lime moss nest opal pine".split()


def documents(count):
    """About 500 bytes each, the same every time."""
    dice = random.Random(1)
    for i in range(count):
        text = {"name": f"thing {i}", "price": dice.randrange(10000) / 100,
                "stock": dice.randrange(500), "tags": dice.sample(WORDS, 4),
                "text": " ".join(dice.choices(WORDS, k=70))}
        yield i, json.dumps(text, separators=(",", ":")).encode()


def tell_bound(title, figure, most, unit):
    verdict = "met" if figure <= most else "missed"
    print(f"| {title} | ≤ {most} {unit} | {figure:.1f} {unit} | {verdict} |", flush=True)


class Measure:
    """Rates of several servers, taken in turns."""

    def __init__(self, title, rounds):
        self.title, self.rounds, self.rates = title, rounds, {}

    def take(self, **acts):
        """acts: name = (peer, function that gives requests and seconds)"""
        for _ in range(self.rounds):
            for name, (peer, act) in acts.items():
                before = peer.cpu()
                requests, seconds = act()
                used = max(peer.cpu() - before, 1e-3)
                self.rates.setdefault(name, []).append((requests / used, requests / seconds))

    def median(self, name):
        return [statistics.median(column) for column in zip(*self.rates[name])]

    def tell(self, ours, goals, by_wall=False):
        """by_wall: what waits for the disk is held against the goal by wall time."""
        mine = self.median(ours)
        print(f"{self.title}: {ours} {mine[1]:,.0f}/s, {mine[0]:,.0f} per CPU second")
        for name, goal in goals.items():
            if name not in self.rates:
                print(f"| {self.title}, against {name} | ≥ {goal}× | not installed | – |")
                continue
            theirs = self.median(name)
            cpu, wall = mine[0] / theirs[0], mine[1] / theirs[1]
            verdict = "met" if (wall if by_wall else cpu) >= goal else "missed"
            print(f"| {self.title}, against {name} | ≥ {goal}× | {cpu:.2f}× per server-CPU second "
                  f"({mine[0]:,.0f} against {theirs[0]:,.0f}), {wall:.2f}× wall ({mine[1]:,.0f} "
                  f"against {theirs[1]:,.0f}/s) | {verdict} |", flush=True)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.peers = options, folder, {}
        self.documents = list(documents(options.documents))

    def peer(self, kind):
        """A started peer with the documents in it; None: not installed."""
        if kind.name not in self.peers:
            program = PROGRAMS.get(kind.name)
            peer = None
            if not program or shutil.which(program):
                peer = kind(self.folder)
                peer.start()
                peer.load(self.documents)
            self.peers[kind.name] = peer
        return self.peers[kind.name]

    def known(self, **acts):
        return {name: (peer, act) for name, (peer, act) in acts.items() if peer}

    def get(self):
        seconds, ids = self.options.seconds, self.options.documents
        nacre, nginx = self.peer(Nacre), self.peer(Nginx)
        load.wrk(nacre, 64, seconds, ids=ids, get="/v1/collections/docs/docs/")  # into the cache
        postgres, redis = self.peer(Postgres), self.peer(Redis)
        get = Measure("GET by id, HTTP/1.1, 64 connections", self.options.rounds)
        get.take(**self.known(
            nacre=(nacre, lambda: load.wrk(nacre, 64, seconds, ids=ids,
                                           get="/v1/collections/docs/docs/")),
            nginx=(nginx, lambda: load.wrk(nginx, 64, seconds, ids=ids, get="/")),
            postgres=(postgres, lambda: load.pgbench(
                postgres, 64, seconds, f"\\set id random(0, {ids - 1})\n"
                "select doc from docs where id = :id;\n"))))
        get.tell("nacre", {"nginx": 0.9, "postgres": 4})
        program = Path(self.options.build) / "bench_native"
        if not program.exists():
            return
        native = Measure("GET by id, native protocol, 64 connections, 16 at a time",
                         self.options.rounds)
        native.take(**self.known(
            nacre=(nacre, lambda: load.native(program, nacre, 64, 16, seconds, ids)),
            redis=(redis, lambda: load.redis_benchmark(redis, 64, 16, 300000 * seconds, "GET",
                                                       "key:__rand_int__"))))
        native.tell("nacre", {"redis": 1.2})

    def put(self):
        seconds, text = self.options.seconds, self.documents[0][1].decode()
        nacre, postgres, redis = self.peer(Nacre), self.peer(Postgres), self.peer(Redis)
        for connections in (32, 256):
            runs = iter(range(1000000))
            put = Measure(f"durable PUT, {connections} connections", self.options.rounds)
            put.take(**self.known(
                nacre=(nacre, lambda n=connections, runs=runs: load.wrk(
                    nacre, n, seconds, put="/v1/collections/puts/docs/", text=text,
                    run=f"{n}-{next(runs)}")),
                redis=(redis, lambda n=connections: load.redis_benchmark(
                    redis, n, 1, 20000 * seconds, "SET", "put:__rand_int__", text)),
                postgres=(postgres, lambda n=connections: load.pgbench(
                    postgres, n, seconds, f"insert into puts (doc) values ('{text}');\n"))))
            put.tell("nacre", {"postgres": 3, "redis": 1}, by_wall=True)

    def imports(self):
        count = self.options.documents * 10
        lines = Path(self.folder) / "lines.ndjson"
        with lines.open("wb") as file:
            for i, text in documents(count):
                file.write(b'{"_id":"%d",%s\n' % (i, text[1:]))
        nacre, ratios = self.peer(Nacre), []
        for turn in range(self.options.rounds):
            begin = time.monotonic()
            load.run(["curl", "-sSf", "-o", "/dev/null", "-T", lines, "-X", "POST", "-H",
                      "Content-Type: application/x-ndjson", "-H",
                      f"Authorization: Bearer {nacre.key}",
                      f"http://127.0.0.1:{nacre.port}/v1/collections/import{turn}:import"])
            over = count / (time.monotonic() - begin)
            begin = time.monotonic()
            load.run([self.options.nacre, "import", "docs", lines, "--dir",
                      Path(self.folder) / f"embedded{turn}"])
            ratios.append((over / (count / (time.monotonic() - begin)), over))
        ratio, over = (statistics.median(column) for column in zip(*ratios))
        print(f"| NDJSON import over HTTP, against the embedded one | ≥ 0.8× | {ratio:.2f}× "
              f"({over:,.0f} documents/s) | {'met' if ratio >= 0.8 else 'missed'} |", flush=True)

    def idle(self):
        nacre = Nacre(tempfile.mkdtemp(dir=self.folder))
        nacre.start()
        starts = []
        for _ in range(max(self.options.rounds, 5)):
            nacre.stop()
            nacre.start()
            starts.append(nacre.start_seconds * 1000)
        start, empty = statistics.median(starts), nacre.resident() / 2 ** 20
        tell_bound("start of a small directory, to the first /readyz", start, 60, "ms")
        tell_bound("idle memory", empty, 30, "MiB")
        links = []
        for _ in range(10000):
            link = socket.create_connection(("127.0.0.1", nacre.port))
            link.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            link.recv(4096)
            links.append(link)
        full = nacre.resident() / 2 ** 20
        tell_bound("10,000 idle connections", full, 150, "MiB")
        for link in links:
            link.close()
        nacre.stop()

    def stop(self):
        for peer in self.peers.values():
            if peer:
                peer.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=10000)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--nacre")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.nacre = str(Path(options.nacre or Path(options.build) / "nacre").resolve())
    Nacre.program = options.nacre
    with tempfile.TemporaryDirectory(prefix="nacre-bench-") as folder:
        Path(folder).chmod(0o755)
        bench = Bench(options, folder)
        known = {"get": bench.get, "put": bench.put, "import": bench.imports, "idle": bench.idle}
        unknown = set(options.names) - set(known)
        if unknown:
            parser.error(f"there is no measure {', '.join(unknown)}: expected {', '.join(known)}")
        try:
            for name in options.names or known:
                known[name]()
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
