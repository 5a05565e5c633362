#!/usr/bin/env bash
# Begins a file: ./dev new test KIND ROOM NAME | ./dev new fuzz ROOM NAME | ./dev new readme ROOM
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

begin() { # PATH; the text comes on stdin
    [ ! -e "$1" ] || { echo "new: $1 is there already" >&2; exit 1; }
    mkdir -p "$(dirname "$1")"
    cat >"$1"
    echo "$1"
}

case "${1:-} $#" in
    "test 4")
        begin "tests/$2/$3/test_$4.c" <<END
// Proves that …
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_first(void **state) {
    (void)state;
    assert_true(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END
        ;;
    "fuzz 3")
        begin "fuzz/$2/fuzz_$3.c" <<END
// Feeds bytes to …: no crash, and what is accepted …
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    (void)data;
    (void)size;
    return 0;
}
END
        ;;
    "readme 2")
        {
            printf '# %s\n' "$2"
            printf '\n## %s\n' Purpose Never 'Entry points' Invariants Formats \
                'Lifetimes and locks' 'How to extend' Tests
        } | begin "src/$2/README.md"
        ;;
    *)
        sed -n '2s/^# Begins a file: //p' "$0" >&2
        exit 2
        ;;
esac
