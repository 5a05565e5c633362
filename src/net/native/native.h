// The native protocol's frames from bytes, without I/O: docs/format/native.md.
#ifndef NET_NATIVE_NATIVE_H
#define NET_NATIVE_NATIVE_H

#include <stdbool.h>

#include "base/mem/buf.h"

#define NATIVE_PREFACE "NACRE/1\n"

enum {
    NATIVE_HEAD_SIZE = 16,
    NATIVE_PAYLOAD_MAX = 128 << 20,
    NATIVE_CONTROL_MAX = 16 << 10, // payload of a frame that carries no message
};

enum native_flag {
    NATIVE_MORE = 1,   // another frame of this request, or of its reply, follows
    NATIVE_NEXT = 2,   // of a request: not its first frame
    NATIVE_FAILED = 4, // of a reply: the payload is a google.rpc.Status; the last frame
    NATIVE_CREDIT = 8, // payload: u32, bytes that may be sent beyond those allowed before
    NATIVE_CANCEL = 16,
    NATIVE_PING = 32, // method 0; comes back as it is
    NATIVE_FLAGS = 63,
};

struct native_head {
    uint32_t size; // of the payload
    uint64_t id;
    uint16_t method; // number of an operation; 0: of the connection itself
    uint16_t flags;
};

struct native_reader {
    bool inside; // of a frame: its head has been read
    struct native_head head;
    uint32_t left; // bytes of its payload
};

enum native_event {
    NATIVE_WAIT,  // all is taken; more bytes are needed
    NATIVE_HEAD,  // a frame begins: reader->head
    NATIVE_BYTES, // a run of its payload
    NATIVE_END,   // the frame is whole
    NATIVE_BAD,   // no frame begins so; the connection must end
};

// The next event of the bytes at the start of in; *used of them are done with.
enum native_event native_read(struct native_reader *reader, struct slice in, struct slice *bytes,
                              size_t *used);
void native_put_frame(struct buf *out, uint64_t id, uint16_t method, uint16_t flags,
                      struct slice payload);

#endif
