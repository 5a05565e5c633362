#!/usr/bin/env bash
# ./dev bench [--documents N] [--out FILE] [NAME…]: the benchmarks, all or the named ones (claims,
# cold, doc, feed, get, import, open, planner, query, server, spill, time, trail, transactions,
# writes), one after the other on an otherwise idle machine. Without --documents a short run;
# published figures are those of --documents 1000000. --out: the rows of the table as markdown.
# NACRE_BUILD says where the programs are.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build="${NACRE_BUILD:-build/release}"
documents=100000 out="" names=()
while [ $# -gt 0 ]; do
    case $1 in
        --documents) documents=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        -*) echo "bench: unknown option $1" >&2; exit 2 ;;
        *) names+=("$1"); shift ;;
    esac
done
all=(get cold writes import query planner spill doc claims transactions feed time open trail server)
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

run() { # NAME
    case $1 in
        get) "$build/bench_get" --documents 100000 --dir "$scratch/get" ;;
        query) mkdir -p "$scratch/query"; "$build/bench_query" "$documents" "$scratch/query" ;;
        spill) "$build/bench_spill" --documents $((documents * 10)) --dir "$scratch" ;;
        doc) "$build/bench_doc" ;;
        writes | claims | transactions | feed | time) "$build/bench_$1" --dir "$scratch" ;;
        trail) "$build/bench_trail" --documents $((documents / 10)) --dir "$scratch" ;;
        server) python3 bench/server/bench_server.py --build "$build" ;;
        planner) "$build/bench_planner" --dir "$scratch" ;;
        cold | import | open) "$build/bench_$1" --documents "$documents" --dir "$scratch" ;;
        *) echo "bench: there is no benchmark $1" >&2; return 2 ;;
    esac
}

failed=0
{
    echo "| measure | goal | figure | verdict |"
    echo "|---|---|---|---|"
} >"$scratch/rows"
for name in "${names[@]}"; do
    echo "== $name"
    run "$name" | tee "$scratch/output" || failed=1
    grep '^| ' "$scratch/output" >>"$scratch/rows"
done
echo "== all"
cat "$scratch/rows"
[ -z "$out" ] || cp "$scratch/rows" "$out"
exit "$failed"
