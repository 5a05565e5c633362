#include "base/bits/bits.h"
#include "net/native/native.h"

static bool is_good(const struct native_head *head, uint32_t length) {
    if (length < NATIVE_HEAD_SIZE - 4 || head->size > NATIVE_PAYLOAD_MAX) return false;
    return (head->flags & ~NATIVE_FLAGS) == 0;
}

enum native_event native_read(struct native_reader *reader, struct slice in, struct slice *bytes,
                              size_t *used) {
    struct native_head *head = &reader->head;
    *used = 0;
    *bytes = (struct slice){0};
    if (!reader->inside) {
        if (in.n < NATIVE_HEAD_SIZE) return NATIVE_WAIT;
        uint32_t length = bits_le32(in.p);
        *head = (struct native_head){.size = length - (NATIVE_HEAD_SIZE - 4),
                                     .id = bits_le64(in.p + 4),
                                     .method = bits_le16(in.p + 12),
                                     .flags = bits_le16(in.p + 14)};
        if (!is_good(head, length)) return NATIVE_BAD;
        reader->inside = true;
        reader->left = head->size;
        *used = NATIVE_HEAD_SIZE;
        return NATIVE_HEAD;
    }
    if (reader->left == 0) {
        reader->inside = false;
        return NATIVE_END;
    }
    if (in.n == 0) return NATIVE_WAIT;
    *used = in.n < reader->left ? in.n : reader->left;
    *bytes = slice_of(in.p, *used);
    reader->left -= (uint32_t)*used;
    return NATIVE_BYTES;
}

void native_put_frame(struct buf *out, uint64_t id, uint16_t method, uint16_t flags,
                      struct slice payload) {
    uint8_t head[NATIVE_HEAD_SIZE];
    bits_put_le32(head, (uint32_t)payload.n + (NATIVE_HEAD_SIZE - 4));
    bits_put_le64(head + 4, id);
    bits_put_le16(head + 12, method);
    bits_put_le16(head + 14, flags);
    buf_put(out, head, sizeof head);
    buf_put_slice(out, payload);
}
