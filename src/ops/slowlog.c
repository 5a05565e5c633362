#include "ops/slowlog.h"

#include <stdio.h>

#include "base/os/mutex.h"
#include "base/text/time.h"
#include "doc/json.h"
#include "lib/lib_caller.h"
#include "ops/principal.h"

enum { SLOWLOG_KEPT = 512, NAME_MAX_BYTES = 65, TRACE_ID_SIZE = 33 };

struct slow {
    const struct op *op;
    char database[NAME_MAX_BYTES], collection[NAME_MAX_BYTES], principal[NAME_MAX_BYTES];
    char trace_id[TRACE_ID_SIZE];
    uint64_t ended_ms, took_us;
    nacre_status status;
    struct lib_cost cost;
};

struct op_slowlog {
    const struct world *world;
    uint64_t threshold_ms;
    struct mutex mutex; // guards what follows
    uint64_t noted;     // so far; the newest is at (noted - 1) % SLOWLOG_KEPT
    struct slow calls[SLOWLOG_KEPT];
};

struct op_slowlog *op_slowlog_open(uint64_t threshold_ms, const struct world *world) {
    struct op_slowlog *slowlog = mem_zalloc(sizeof *slowlog);
    if (!slowlog) return NULL;
    slowlog->world = world;
    slowlog->threshold_ms = threshold_ms;
    mutex_init(&slowlog->mutex);
    return slowlog;
}

void op_slowlog_close(struct op_slowlog *slowlog) {
    if (!slowlog) return;
    mutex_destroy(&slowlog->mutex);
    mem_free(slowlog);
}

uint64_t op_slowlog_begin(const struct op_call *call) {
    return call->slowlog ? world_mono_ns(call->slowlog->world) : 0;
}

static void keep(char out[NAME_MAX_BYTES], const char *text) {
    snprintf(out, NAME_MAX_BYTES, "%s", text ? text : "");
}

void op_slowlog_end(const struct op_call *call, uint64_t begin_ns, nacre_status status) {
    struct op_slowlog *slowlog = call->slowlog;
    if (!slowlog) return;
    struct slow slow = {.op = call->op, .status = status};
    slow.took_us = (world_mono_ns(slowlog->world) - begin_ns) / 1000;
    slow.cost = lib_cost_take(call->session);
    // What is followed takes as long as it is wanted.
    if (slow.took_us / 1000 < slowlog->threshold_ms || op_flag(call, OP_PARAM_FOLLOW, false))
        return;
    slow.ended_ms = world_wall_ms(slowlog->world);
    keep(slow.database, call->path[OP_PATH_DATABASE]);
    keep(slow.collection, call->path[OP_PATH_COLLECTION]);
    keep(slow.principal, op_principal_name(call->principal));
    snprintf(slow.trace_id, TRACE_ID_SIZE, "%s", call->trace_id ? call->trace_id : "");
    mutex_lock(&slowlog->mutex);
    slowlog->calls[slowlog->noted++ % SLOWLOG_KEPT] = slow;
    mutex_unlock(&slowlog->mutex);
}

// --- the operation ---

static void print(const struct slow *slow, struct buf *out) {
    char time[TIME_TEXT_MAX];
    int n = (int)time_print((int64_t)slow->ended_ms, time);
    buf_printf(out, "{\"op\":\"%s\",\"ended\":\"%.*s\",\"ms\":%llu.%03llu,\"code\":\"%s\"",
               slow->op->name, n, time, (unsigned long long)slow->took_us / 1000,
               (unsigned long long)slow->took_us % 1000, nacre_status_code(slow->status));
    buf_put_str(out, ",\"principal\":");
    json_write_str(out, slice_str(slow->principal));
    if (slow->trace_id[0]) buf_printf(out, ",\"trace_id\":\"%s\"", slow->trace_id);
    if (slow->op->of_database) {
        buf_put_str(out, ",\"database\":");
        json_write_str(out, slice_str(slow->database));
    }
    if (slow->collection[0]) {
        buf_put_str(out, ",\"collection\":");
        json_write_str(out, slice_str(slow->collection));
    }
    if (slow->cost.plan[0]) {
        buf_put_str(out, ",\"plan\":");
        json_write_str(out, slice_str(slow->cost.plan));
    }
    buf_printf(out, ",\"examined\":%llu}", (unsigned long long)slow->cost.examined);
}

nacre_status run_slowlog_list(struct op_call *call) {
    struct op_slowlog *slowlog = call->slowlog;
    struct buf *out = &call->answer.body;
    buf_put_str(out, "{\"items\":[");
    if (slowlog) {
        mutex_lock(&slowlog->mutex);
        uint64_t count = slowlog->noted < SLOWLOG_KEPT ? slowlog->noted : SLOWLOG_KEPT;
        for (uint64_t i = 0; i < count; i++) { // the newest first
            if (i) buf_put_u8(out, ',');
            print(&slowlog->calls[(slowlog->noted - 1 - i) % SLOWLOG_KEPT], out);
        }
        mutex_unlock(&slowlog->mutex);
    }
    buf_put_str(out, "]}");
    return NACRE_OK;
}
