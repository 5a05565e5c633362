// grpc.reflection: what stock tools ask to learn the services. The descriptors are those that were
// generated with the .proto files.
#include "base/bits/protobuf.h"
#include "server/grpc.h"

enum { SET_FILE = 1, FILE_NAME = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM, FILE_SERVICE };
enum { PART_NAME = 1, SERVICE_METHOD = 2 };
enum { ASK_FILE = 3, ASK_SYMBOL, ASK_EXTENSION, ASK_NUMBERS, ASK_SERVICES };
enum { TELL_REQUEST = 2, TELL_FILE = 4, TELL_SERVICES = 6, TELL_ERROR = 7 };
enum { GRPC_NOT_FOUND = 5, GRPC_UNIMPLEMENTED = 12 };

bool grpc_reflect_is(struct slice path) {
    return slice_eq_str(path, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo") ||
           slice_eq_str(path, "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
}

// The next field of that number. False: there is none.
static bool next(struct slice *in, uint32_t number, struct slice *out) {
    struct protobuf_field got;
    while (in->n && protobuf_next(in, &got)) {
        if (got.number != number || got.wire != PROTOBUF_BYTES) continue;
        *out = got.bytes;
        return true;
    }
    return false;
}

static struct slice field(struct slice message, uint32_t number) {
    struct slice out = {0};
    bool found = next(&message, number, &out);
    return found ? out : (struct slice){0};
}

// Whether symbol is name, or ("Put" of "Documents.Put") begins with it and a dot: *rest.
static bool take_name(struct slice symbol, struct slice name, struct slice *rest) {
    if (!slice_starts(symbol, name)) return false;
    *rest = slice_skip(symbol, name.n);
    if (rest->n == 0) return true;
    if (rest->p[0] != '.') return false;
    *rest = slice_skip(*rest, 1);
    return true;
}

static bool service_has(struct slice service, struct slice symbol) {
    struct slice rest, method;
    if (!take_name(symbol, field(service, PART_NAME), &rest)) return false;
    if (rest.n == 0) return true;
    while (next(&service, SERVICE_METHOD, &method))
        if (slice_eq(field(method, PART_NAME), rest)) return true;
    return false;
}

static bool file_has(struct slice file, struct slice symbol) {
    struct slice in, part, rest;
    if (!take_name(symbol, field(file, FILE_PACKAGE), &symbol) || symbol.n == 0) return false;
    for (uint32_t kind = FILE_MESSAGE; kind <= FILE_ENUM; kind++)
        for (in = file; next(&in, kind, &part);)
            if (take_name(symbol, field(part, PART_NAME), &rest) && rest.n == 0) return true;
    for (in = file; next(&in, FILE_SERVICE, &part);)
        if (service_has(part, symbol)) return true;
    return false;
}

static void put_error(struct buf *out, uint32_t code, const char *text) {
    struct buf error BUF_CLEANUP = {0};
    buf_init(&error, NULL, 1 << 10);
    protobuf_put_number(&error, 1, code);
    protobuf_put_bytes(&error, 2, slice_str(text));
    protobuf_put_bytes(out, TELL_ERROR, buf_slice(&error));
}

static void put_file(struct buf *out, uint32_t ask, struct slice name) {
    struct slice set = slice_of(server_protoset, server_protoset_size), file;
    struct buf files BUF_CLEANUP = {0};
    buf_init(&files, NULL, 1 << 20);
    while (next(&set, SET_FILE, &file)) {
        bool is = ask == ASK_FILE ? slice_eq(field(file, FILE_NAME), name) : file_has(file, name);
        if (!is) continue;
        protobuf_put_bytes(&files, 1, file);
        protobuf_put_bytes(out, TELL_FILE, buf_slice(&files));
        return;
    }
    put_error(out, GRPC_NOT_FOUND, "there is no such file or symbol");
}

static void put_services(struct buf *out) {
    struct slice set = slice_of(server_protoset, server_protoset_size), file, service;
    struct buf list BUF_CLEANUP = {0}, one BUF_CLEANUP = {0}, name BUF_CLEANUP = {0};
    buf_init(&list, NULL, 64 << 10);
    buf_init(&one, NULL, 1 << 10);
    buf_init(&name, NULL, 1 << 10);
    while (next(&set, SET_FILE, &file)) {
        struct slice in = file;
        while (next(&in, FILE_SERVICE, &service)) {
            buf_reset(&name);
            buf_put_slice(&name, field(file, FILE_PACKAGE));
            buf_put_u8(&name, '.');
            buf_put_slice(&name, field(service, PART_NAME));
            buf_reset(&one);
            protobuf_put_bytes(&one, 1, buf_slice(&name));
            protobuf_put_bytes(&list, 1, buf_slice(&one));
        }
    }
    protobuf_put_bytes(out, TELL_SERVICES, buf_slice(&list));
}

static void answer(struct slice request, struct buf *out) {
    struct slice in = request;
    struct protobuf_field got, ask = {0};
    while (in.n && protobuf_next(&in, &got))
        if (got.number >= ASK_FILE && got.wire == PROTOBUF_BYTES) ask = got;
    buf_reset(out);
    protobuf_put_bytes(out, TELL_REQUEST, request);
    if (ask.number == ASK_FILE || ask.number == ASK_SYMBOL)
        put_file(out, ask.number, ask.bytes);
    else if (ask.number == ASK_SERVICES)
        put_services(out);
    else if (ask.number)
        put_error(out, GRPC_NOT_FOUND, "there are no extensions");
    else
        put_error(out, GRPC_UNIMPLEMENTED, "this is not known");
}

nacre_status grpc_reflect_run(struct messages *m) {
    struct buf out BUF_CLEANUP = {0};
    struct slice request;
    buf_init(&out, NULL, 1 << 20);
    while (messages_receive(m, &request) > 0) {
        answer(request, &out);
        if (messages_send(m, buf_slice(&out)) != 0) break;
    }
    return NACRE_OK;
}
