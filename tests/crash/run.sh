#!/usr/bin/env bash
# ./dev crash [--cycles N] [--cuts C] [--jobs J] [--net K] [--seed S]: N kills at random moments of
# a database under load, each followed by a recovery and a whole check; then N/5 faults of the disk
# and C (default N/5) power cuts on real files; then 64 claimers for J jobs (default 20000;
# --cycles 0 --jobs 100000 for these alone); then K (default N/20) kills of a server under load over
# HTTP. Prints seeds, cycles run and losses. NACRE_BUILD says where the programs are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${NACRE_BUILD:-build/release}

cycles=300 cuts='' net='' seed=$((RANDOM * 32768 + RANDOM)) jobs=20000
while [ $# -gt 0 ]; do
    case $1 in
        --cycles) cycles=$2; shift 2 ;;
        --cuts) cuts=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --jobs) jobs=$2; shift 2 ;;
        --net) net=$2; shift 2 ;;
        *) echo "usage: ./dev crash [--cycles N] [--cuts N] [--jobs N] [--net N] [--seed S]" >&2
           exit 2 ;;
    esac
done

NACRE_FAULTIO=$(find "$build" -name libfaultio.so | head -n 1)
export NACRE_FAULTIO
"$build/crash_kill" --cycles "$cycles" --seed "$seed"
"$build/crash_disk" --cycles $((cycles / 5)) --cuts "${cuts:-$((cycles / 5))}" --seed "$seed"
"$build/crash_claims" --jobs "$jobs"
net=${net:-$((cycles / 20))}
[ "$net" -eq 0 ] ||
    NACRE="$build/nacre" python3 tests/crash/crash_net.py --cycles "$net" --seed "$seed"
