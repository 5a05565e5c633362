// The native protocol's frames: the same events whole and cut; payloads add up to what heads say.
#include <stdint.h>
#include <stdlib.h>

#include "net/native/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    uint64_t frames, bytes, promised, sum;
    bool bad;
};

static void must(bool holds) {
    if (!holds) abort();
}

static struct told tell(struct slice in, size_t step) {
    struct native_reader reader = {0};
    struct told told = {0};
    size_t given = 0, done = 0, used;
    struct slice bytes;
    for (;;) {
        enum native_event event =
            native_read(&reader, slice_of(in.p + done, given - done), &bytes, &used);
        must(used <= given - done && bytes.n <= used);
        done += used;
        if (event == NATIVE_BAD) told.bad = true;
        if (event == NATIVE_BAD || (event == NATIVE_WAIT && given == in.n)) return told;
        if (event == NATIVE_WAIT) given = given + step < in.n ? given + step : in.n;
        if (event == NATIVE_HEAD) told.promised += reader.head.size;
        if (event == NATIVE_END) told.frames++;
        if (event == NATIVE_END) must(told.bytes == told.promised);
        told.bytes += bytes.n;
        for (size_t i = 0; i < bytes.n; i++)
            told.sum = told.sum * 31 + bytes.p[i];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct told whole = tell(in, size ? size : 1);
    for (size_t step = 1; step < 20; step += 6) {
        struct told cut = tell(in, step);
        must(cut.frames == whole.frames && cut.bytes == whole.bytes && cut.sum == whole.sum &&
             cut.promised == whole.promised && cut.bad == whole.bad);
    }
    return 0;
}
