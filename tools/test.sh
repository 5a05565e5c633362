#!/usr/bin/env bash
# Everything that must pass: ./dev test [--quick]. Goes on after a failure and counts; the last
# line tells.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What runs threads: the only tests that TSan has something to say about.
CONCURRENT='^unit/(base|log|store|engine|lib)/'
concurrent_targets() {
    find tests/unit/base tests/unit/log tests/unit/store tests/unit/engine tests/unit/lib \
        -name 'test_*.c' -exec basename {} .c \; 2>/dev/null | sort -u
}
JOBS=${NACRE_JOBS:-$(nproc)}
LANE_SECONDS=900

quick=0
case ${1:-} in
    --quick) quick=1 ;;
    "") ;;
    *) echo "test: unknown argument $1" >&2; exit 2 ;;
esac

passed=0 failed=0 failures=()

step() { printf '\n== [%d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

check() { # NAME COMMAND…: one thing that passes or fails
    local name=$1
    shift
    step "$name"
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); failures+=("$name"); fi
}

run_ctest() { # FLAVOUR [ctest options…]
    local flavour=$1 log="build/$1/ctest.log" line bad
    shift
    step "ctest $flavour"
    ctest --test-dir "build/$flavour" -j "$JOBS" --output-on-failure --no-tests=ignore "$@" 2>&1 \
        | tee "$log" | grep -vE '^ +Start|^Internal ctest|^Test project'
    line=$(grep -E 'tests passed, [0-9]+ tests failed out of' "$log")
    if [ -z "$line" ]; then
        return
    fi
    bad=$(sed -E 's/.* ([0-9]+) tests failed.*/\1/' <<<"$line")
    passed=$((passed + ${line##* } - bad))
    failed=$((failed + bad))
    [ "$bad" -eq 0 ] || failures+=("$bad tests of $flavour")
}

flavour() { # FLAVOUR [ctest options…]; targets: what to build of it (default all)
    local before=$failed
    # shellcheck disable=SC2086
    check "build $1" ./dev build "$1" ${targets:-}
    [ "$failed" -gt "$before" ] || run_ctest "$@"
}

step "packages"
tools/setup.sh --for test || exit 1
check "tidy" ./dev tidy
flavour dev -LE tools
check "tests of the tools" python3 tests/tools/test_tidy.py
if [ $quick -eq 0 ]; then
    check "clang-tidy" ./dev lint
    flavour asan -LE tools
    targets=$(concurrent_targets) flavour tsan -R "$CONCURRENT"
    for lane in tests/lanes/*.sh; do
        [ ! -x "$lane" ] || check "$lane" timeout "$LANE_SECONDS" "$lane"
    done
fi

step "done"
for name in "${failures[@]}"; do echo "failed: $name"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
