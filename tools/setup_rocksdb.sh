#!/usr/bin/env bash
# Builds a static RocksDB without assertions from Debian's own source package, once, into the
# user's cache.
# Needs no root: package lists and sources live in a temporary folder. About 9 minutes on 2 cores.
set -euo pipefail

target=${XDG_CACHE_HOME:-$HOME/.cache}/nacre/rocksdb
if [ -f "$target/lib/librocksdb.a" ]; then
    echo "setup: $target is there already ($(cat "$target/version"))"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/parts" "$work/cache/archives/partial" "$work/source"

# Source entries for the same mirrors that this machine takes its Debian packages from.
python3 - "$work/parts/source.sources" <<'END'
import glob, os, re, sys
release = dict(l.rstrip().split("=", 1) for l in open("/etc/os-release") if "=" in l)
codename = release["VERSION_CODENAME"].strip('"')
entries = []
for path in ["/etc/apt/sources.list"] + glob.glob("/etc/apt/sources.list.d/*.list"):
    for line in open(path) if os.path.exists(path) else []:
        m = re.match(r"deb(?:-src)?\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
        if m:
            signed = re.search(r"signed-by=(\S+)", m.group(1) or "")
            entries.append({"URIs": m.group(2), "Suites": m.group(3), "Components": m.group(4)})
            if signed:
                entries[-1]["Signed-By"] = signed.group(1)
for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
    for part in re.split(r"\n\s*\n", open(path).read()):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", part, re.M))
        if fields.get("Enabled", "yes") != "no" and "Suites" in fields:
            entries.append(fields)
with open(sys.argv[1], "w") as out:
    for fields in entries:
        own = [s for s in fields["Suites"].split() if re.fullmatch(codename + "(-\\w+)*", s)]
        if not own or "main" not in fields["Components"].split():
            continue
        out.write("Types: deb-src\nComponents: main\n")
        out.write("URIs: %s\nSuites: %s\n" % (fields["URIs"], " ".join(own)))
        if "Signed-By" in fields:
            out.write("Signed-By: %s\n" % fields["Signed-By"])
        out.write("\n")
END

apt=(apt-get -q -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/parts"
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
    -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update
(cd "$work/source" && "${apt[@]}" source rocksdb)
tree=$(find "$work/source" -mindepth 1 -maxdepth 1 -type d)
version=$(basename "$tree")

echo "setup: building $version"
cmake -S "$tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPORTABLE=1 \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DROCKSDB_BUILD_SHARED=OFF -DFAIL_ON_WARNINGS=OFF \
    -DWITH_SNAPPY=ON -DWITH_LZ4=ON -DWITH_ZSTD=ON -DWITH_GFLAGS=OFF -DWITH_LIBURING=OFF \
    -DWITH_TESTS=OFF -DWITH_ALL_TESTS=OFF -DWITH_TOOLS=OFF -DWITH_CORE_TOOLS=OFF \
    -DWITH_BENCHMARK_TOOLS=OFF >"$work/configure.log" \
    || { tail -n 20 "$work/configure.log"; exit 1; }
ninja -C "$work/build" -j "${NACRE_JOBS:-$(nproc)}" rocksdb \
    | awk '!/^\[/ || ++n % 20 == 0 { print; fflush() }'

mkdir -p "$target/lib"
echo "$version" >"$target/version"
cp "$work/build/librocksdb.a" "$target/lib/librocksdb.a.new"
mv "$target/lib/librocksdb.a.new" "$target/lib/librocksdb.a"
echo "setup: $target ($version)"
