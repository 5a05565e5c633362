#!/usr/bin/env python3
"""Makes examples/films.ndjson.zst from a list of films: facts only, no prose.

    tools/make_films.py movies.ndjson[.zst]

Kept of each film: _id, title, year, cast, genres, in the order of the source.
"""
import json
import subprocess
import sys
from pathlib import Path

KEPT = ("_id", "title", "year", "cast", "genres")
TARGET = Path(__file__).resolve().parent.parent / "examples/films.ndjson.zst"


def read(path):
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    return path.read_bytes()


def facts(line):
    film = json.loads(line)
    return json.dumps({key: film[key] for key in KEPT if key in film},
                      ensure_ascii=False, separators=(",", ":")) + "\n"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    films = [facts(line) for line in read(Path(sys.argv[1])).decode("utf-8").split("\n") if line]
    text = "".join(films)
    TARGET.parent.mkdir(exist_ok=True)
    packed = subprocess.run(["zstd", "-19", "-cq"], input=text.encode("utf-8"), check=True,
                            capture_output=True).stdout
    TARGET.write_bytes(packed)
    print(f"{TARGET.name}: {len(films)} films, {len(text)} characters, {len(packed)} bytes packed")


if __name__ == "__main__":
    main()
