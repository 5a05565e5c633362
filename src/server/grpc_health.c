// grpc.health.v1: whether the server serves. While it answers at all, it does.
#include "base/bits/protobuf.h"
#include "server/grpc.h"

enum { HEALTH_SERVICE = 1, HEALTH_STATUS = 1, HEALTH_SERVING = 1 };

static const char check_path[] = "grpc.health.v1.Health/Check";

bool grpc_health_is(struct slice path) { return slice_eq_str(path, check_path); }

// "nacre.v1.Documents", or "" for the server as a whole.
static bool is_service(struct slice name) {
    if (name.n == 0) return true;
    for (size_t i = 0; i < op_count; i++) {
        struct slice path = rpc_method_path(rpc_method_of_number(op_table[i].number));
        if (path.n > name.n && path.p[name.n] == '/' && slice_starts(path, name)) return true;
    }
    return false;
}

nacre_status grpc_health_run(struct messages *m, struct slice message) {
    struct protobuf_field got;
    struct slice service = {0};
    while (message.n && protobuf_next(&message, &got))
        if (got.number == HEALTH_SERVICE) service = got.bytes;
    if (!is_service(service)) {
        nacre_status status =
            err_set(&m->worker->ctx, NACRE_NOT_FOUND, "there is no service of this name");
        return grpc_refuse(m, status);
    }
    protobuf_put_number(&m->worker->message, HEALTH_STATUS, HEALTH_SERVING);
    return NACRE_OK;
}
