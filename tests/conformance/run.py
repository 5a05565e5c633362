#!/usr/bin/env python3
"""Scenarios of the contract (*.yaml beside this file; README.md tells their form), over one way in.

    run.py WAY [-k TEXT] [FILE…]     WAY: a key of WAYS. -k: only scenarios that hold TEXT.
                                     $NACRE is the tool.
"""
import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

import yaml

from backend import MEDIA, PATIENCE
from messages import Inexpressible
from scenario import Different, check, fill, request_of

HERE = Path(__file__).resolve().parent
WAYS = {"rest": "backend_http.Rest", "unix": "backend_http.Unix",  # module.class: see backend.py
        "embedded": "backend_embedded.Embedded", "native": "backend_native.Native",
        "grpc": "backend_grpc.Grpc"}


def run_step(way, step, database, saved):
    step = fill(step, saved)
    end = time.monotonic() + PATIENCE
    while True:
        answer = way.call(request_of(step, database))
        try:
            return check(step, answer, saved, way.signs)
        except Different:
            if not step.get("wait") or time.monotonic() > end:
                raise
        time.sleep(0.01)


def run_steps(way, scenario, database):
    saved = {"database": database}
    run_step(way, {"do": "database_put", "database": database}, database, saved)
    for collection, documents in scenario.get("given", {}).items():
        run_step(way, {"do": "import", "collection": collection, "lines": documents,
                       "want": {"status": 200}}, database, saved)
    for i, step in enumerate(scenario["steps"], 1):
        try:
            run_step(way, step, database, saved)
        except Inexpressible:
            if step.get("want", {}).get("status", 200) < 400:
                raise
            # What would be refused changes nothing: the scenario goes on.
        except Different as different:
            return f"step {i} ({step['do']}): {different}"
        except (KeyError, IndexError, TypeError, ValueError) as wrong:
            return f"step {i} ({step['do']}): {type(wrong).__name__} {wrong}"
    run_step(way, {"do": "database_delete", "database": database}, database, saved)
    return None


def needs_http(step):
    odd = {"headers", "params", "take"} & set(step)
    return step["do"] == "http" or odd or step.get("media", "json") not in MEDIA \
        or step.get("accept", "json") not in MEDIA


def needs_keys(step):
    return "as" in step or step["do"].startswith(("key_", "role_", "user_"))


def can(way, scenario):
    """Whether the scenario is for this way: some steps are of HTTP itself, or of who asks."""
    steps = scenario["steps"]
    return (way.is_http or not any(map(needs_http, steps))) \
        and (way.has_keys or not any(map(needs_keys, steps)))


def open_way(name, folder):
    module, kind = WAYS[name].split(".")
    return getattr(importlib.import_module(module), kind)(folder)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("way", choices=list(WAYS))
    arguments.add_argument("-k", default="")
    arguments.add_argument("files", nargs="*", type=Path)
    given = arguments.parse_args()
    scenarios = [(path.stem, scenario) for path in given.files or sorted(HERE.glob("*.yaml"))
                 for scenario in yaml.safe_load(path.read_text(encoding="utf-8"))
                 if given.k in scenario["scenario"]]
    ran = failed = 0
    with tempfile.TemporaryDirectory(prefix="nacre-conformance-") as folder:
        try:
            way = open_way(given.way, folder)
        except ImportError as missing:
            print(f"{given.way}: skipped: {missing}")
            return 0
        try:
            for number, (file, scenario) in enumerate(scenarios):
                if not can(way, scenario):
                    continue
                ran += 1
                try:
                    told = run_steps(way, scenario, f"s{number}")
                except Inexpressible:
                    ran -= 1
                    continue
                if told:
                    failed += 1
                    print(f"{file}: {scenario['scenario']}\n    {told}")
        finally:
            code = way.stop()
    print(f"{given.way}: {ran} scenarios, {failed} failed, {len(scenarios) - ran} are not for it,"
          f" ended with {code}")
    return 1 if failed or code else 0


if __name__ == "__main__":
    sys.exit(main())
