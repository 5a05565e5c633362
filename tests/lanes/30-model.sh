#!/usr/bin/env bash
# The model test: 150,000 operations on the store in memory, 50,000 on RocksDB, always the same.
# NACRE_SEED: others.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program="${NACRE_BUILD:-build/dev}/model_engine"
seed="${NACRE_SEED:-1}"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" --store rocks --ops 50000 --seed "$seed" >"$out/rocks" 2>&1 &
rocks=$!
failed=0
for i in 1 2 3; do
    "$program" --store mem --ops 50000 --seed "$((seed + i))" >>"$out/mem" 2>&1 || failed=1
done
wait "$rocks" || failed=1
cat "$out/mem" "$out/rocks"
operations=$(awk '/^model [a-z]+: [0-9]+ operations/ { n += $3 } END { print n + 0 }' "$out"/*)
verdict="no difference"
[ $failed -eq 0 ] || verdict="DIFFERENT"
echo "model: $operations operations, $verdict"
exit "$failed"
