"""Clients that drive a server for some seconds: each gives requests and wall seconds."""
import re
import subprocess
import tempfile
from pathlib import Path

WRK = """
local ids, written = %(ids)d, 0
wrk.headers["Authorization"] = "Bearer %(key)s"
local get, text = "%(get)s", '%(text)s'
function request()
    if get ~= "" then
        return wrk.format("GET", get .. math.random(0, ids - 1))
    end
    written = written + 1
    return wrk.format("PUT", "%(put)s" .. wrk.thread_name .. "-" .. written, put_headers, text)
end
local threads = 0
function setup(thread)
    thread:set("thread_name", "%(run)s-" .. threads)
    threads = threads + 1
end
function init()
    wrk.thread_name = thread_name
    put_headers = {["Authorization"] = wrk.headers["Authorization"],
                   ["Content-Type"] = "application/json", ["Prefer"] = "return=minimal"}
end
function done(summary)
    local e = summary.errors
    io.write(string.format("DONE %%d %%f %%d\\n", summary.requests, summary.duration / 1e6,
                           e.connect + e.read + e.write + e.timeout + e.status))
end
"""


def run(words):
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def wrk(peer, connections, seconds, **script):
    """Requests of HTTP/1.1, one at a time on each connection."""
    known = {"ids": 1, "key": getattr(peer, "key", "none"), "get": "", "put": "", "text": "",
             "run": "r"}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(WRK % {**known, **script})
        file.flush()
        out = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", file.name,
                   f"http://127.0.0.1:{peer.port}"])
    requests, took, errors = re.search(r"DONE (\d+) ([\d.]+) (\d+)", out).groups()
    if int(errors):
        raise RuntimeError(f"wrk against {peer.name}: {errors} requests failed\n{out}")
    return int(requests), float(took)


def redis_benchmark(peer, connections, pipeline, requests, *command):
    out = run(["redis-benchmark", "-h", "127.0.0.1", "-p", peer.port, "-c", connections, "-P",
               pipeline, "-n", requests, "-r", 10000, "--csv", *command])
    rate = float(out.strip().splitlines()[-1].split('","')[-7])  # before it the command, as it was
    return requests, requests / rate


def pgbench(peer, connections, seconds, script):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        Path(file.name).chmod(0o644)
        out = run([peer.bin / "pgbench", "-h", "127.0.0.1", "-p", peer.port, "-U", "postgres", "-n",
                   "-M", "prepared", "-c", connections, "-j", 1, "-T", seconds, "-f", file.name,
                   "postgres"])
    done = int(re.search(r"actually processed: (\d+)", out)[1])
    rate = float(re.search(r"tps = ([\d.]+)", out)[1])
    return done, done / rate


def h2load(peer, connections, streams, seconds, path, *more):
    out = run(["h2load", "-t1", "-c", connections, "-m", streams, "-D", seconds, "-H",
               f"authorization: Bearer {peer.key}", *more, f"http://127.0.0.1:{peer.port}{path}"])
    good, failed = re.search(r"(\d+) succeeded, (\d+) failed", out).groups()
    if int(failed) or not int(good):
        raise RuntimeError(f"h2load: {out}")
    return int(good), float(seconds)


def native(program, peer, connections, pipeline, seconds, ids):
    """Gets over the native protocol."""
    out = run([program, peer.port, peer.key, connections, pipeline, seconds, ids])
    requests, took = re.search(r"DONE (\d+) ([\d.]+)", out).groups()
    return int(requests), float(took)
