"""Servers that are measured side by side, each in a folder of its own, on loopback."""
import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stat_of(pid):
    """(parent, own CPU seconds, with those of its ended children)"""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    fields = text[text.rindex(")") + 2:].split()
    times = [int(field) / TICK for field in fields[11:15]]
    return int(fields[1]), sum(times[:2]), sum(times)


class Peer:
    """A process and those it started."""
    name = ""

    def __init__(self, folder):
        self.dir = Path(folder) / self.name
        self.dir.mkdir()
        self.port = free_port()
        self.process = None

    def spawn(self, *words, **more):
        log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        **more)
        log.close()
        self.wait_for(self.is_ready)

    def wait_for(self, ready):
        end = time.monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                text = (self.dir / "log").read_text(errors="replace")
                raise RuntimeError(f"{self.name} does not start:\n{text}")
            time.sleep(0.005)

    def is_ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def family(self):
        known = {self.process.pid}
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = stat_of(int(entry.name))[0]
                except OSError:
                    pass
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in known} - known
            grown = bool(more)
            known |= more
        return known

    def cpu(self):
        """Seconds of CPU so far."""
        total = 0
        for pid in self.family():
            try:
                total += stat_of(pid)[2]
            except OSError:
                pass
        return total

    def resident(self):
        """Bytes that are its own, and its share of what it shares."""
        total = 0
        for pid in self.family():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) * 1024
        return total

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Nacre(Peer):
    name = "nacre"
    program = ""

    def start(self):
        before = time.monotonic()
        self.spawn(self.program, "serve", str(self.dir / "data"), "--listen",
                   f"127.0.0.1:{self.port}")
        self.start_seconds = time.monotonic() - before
        self.key = (self.dir / "data" / "admin.key").read_text(encoding="ascii").strip()

    def is_ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def call(self, verb, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        sent = {"Authorization": f"Bearer {self.key}"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection.request(verb, path, body=body, headers=sent)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{verb} {path}: {answer.status} {text[:300]!r}")
        return text

    def load(self, documents):
        lines = b"".join(b'{"_id":"%d",%s\n' % (i, text[1:]) for i, text in documents)
        self.call("POST", "/v1/collections/docs:import", lines,
                  Content_Type="application/x-ndjson")


class Redis(Peer):
    name = "redis"

    def start(self):
        self.spawn("redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                   str(self.dir), "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                   "--daemonize", "no")

    def load(self, documents):
        with socket.create_connection(("127.0.0.1", self.port)) as link:
            for at in range(0, len(documents), 500):
                part = documents[at:at + 500]
                link.sendall(b"".join(
                    b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                    % (len(key), key, len(text), text)
                    for key, text in ((b"key:%012d" % i, text) for i, text in part)))
                wanted = len(part) * len(b"+OK\r\n")
                while wanted > 0:
                    wanted -= len(link.recv(wanted))


NGINX = """
worker_processes auto;
daemon off;
pid %(dir)s/pid;
error_log %(dir)s/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    open_file_cache max=200000 inactive=600s;
    open_file_cache_valid 600s;
    types { application/json json; }
    default_type application/json;
    server { listen 127.0.0.1:%(port)d; root %(dir)s/files; }
}
"""


class Nginx(Peer):
    name = "nginx"

    def start(self):
        config = self.dir / "nginx.conf"
        config.write_text(NGINX % {"dir": self.dir, "port": self.port}, encoding="ascii")
        self.dir.chmod(0o755)
        self.spawn("nginx", "-c", str(config), "-p", str(self.dir))

    def load(self, documents):
        files = self.dir / "files"
        files.mkdir()
        for i, text in documents:
            (files / str(i)).write_bytes(text)


class Postgres(Peer):
    name = "postgres"

    def start(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            raise FileNotFoundError("postgres")
        self.bin = found[-1]
        more = {}
        if os.getuid() == 0:  # it refuses to run as root
            user = pwd.getpwnam("postgres")
            shutil.chown(self.dir, user.pw_uid, user.pw_gid)
            more = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.as_user = more
        subprocess.run([self.bin / "initdb", "-D", self.dir / "data", "-A", "trust", "-U",
                        "postgres"], check=True, stdout=subprocess.DEVNULL, **more)
        self.spawn(self.bin / "postgres", "-D", self.dir / "data", "-p", str(self.port), "-h",
                   "127.0.0.1", "-k", str(self.dir), "-c", "max_connections=400", "-c",
                   "shared_buffers=512MB", **more)

    def is_ready(self):
        return subprocess.run([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)], check=False).returncode == 0

    def sql(self, text, data=None):
        subprocess.run([self.bin / "psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U",
                        "postgres", "-v", "ON_ERROR_STOP=1", "-c", text], check=True, input=data,
                       stdout=subprocess.DEVNULL)

    def load(self, documents):
        self.sql("create table docs (id bigint primary key, doc jsonb);"
                 "create table puts (id bigserial primary key, doc jsonb)")
        rows = b"".join(b"%d\t%s\n" % (i, text.replace(b"\\", b"\\\\")) for i, text in documents)
        self.sql("copy docs from stdin", rows)
        self.sql("vacuum analyze docs")
