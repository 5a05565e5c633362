// What a principal may: each call against its role, lists against what it may read.
#include <stdio.h>

#include "doc/json.h"
#include "lib/lib_caller.h"
#include "ops/principal.h"

const char *op_principal_name(const struct op_principal *principal) {
    return principal->owner ? "owner" : principal->who.name;
}

bool op_may(const struct op_principal *principal, enum op_permission permission,
            const char *database, const char *collection) {
    return principal->owner || auth_may(&principal->who, permission, database, collection);
}

void op_principal_enter(struct op_call *call) {
    bool admin = op_may(call->principal, OP_MAY_SERVER_ADMIN, "*", "*");
    lib_caller_set(call->session, op_principal_name(call->principal), admin);
}

// --- a call ---

static bool is_of_database(const struct op *op) {
    return op->of_database || strstr(op->path, "{database}");
}

// What it is about: NULL: some collection of the database; "*": the whole.
static const char *collection_of(const struct op_call *call) {
    if (call->path[OP_PATH_COLLECTION]) return call->path[OP_PATH_COLLECTION];
    bool some = call->op->permission == OP_MAY_DOCUMENTS_READ ||
                call->op->permission == OP_MAY_DOCUMENTS_WRITE ||
                call->op->permission == OP_MAY_DATABASES_READ;
    return some ? NULL : "*";
}

static bool may_call(const struct op_call *call) {
    const struct op_principal *principal = call->principal;
    enum op_permission permission = call->op->permission;
    if (permission == OP_MAY_NONE || principal->owner) return true;
    if (is_of_database(call->op))
        return auth_may(&principal->who, permission, call->path[OP_PATH_DATABASE],
                        collection_of(call));
    // A list of databases shows those that it may read.
    if (permission == OP_MAY_DATABASES_READ) return auth_may_somewhere(&principal->who, permission);
    return auth_may(&principal->who, permission, "*", "*");
}

static void deny(struct op_call *call) {
    const char *name = op_permission_names[call->op->permission];
    const char *collection = call->path[OP_PATH_COLLECTION];
    if (!is_of_database(call->op))
        err_set(call->ctx, NACRE_PERMISSION_DENIED, "%s needs the permission %s", call->op->name,
                name);
    else
        err_set(call->ctx, NACRE_PERMISSION_DENIED,
                "%s needs the permission %s for %s%.64s%sdatabase %.64s", call->op->name, name,
                collection ? "collection " : "", collection ? collection : "",
                collection ? " of " : "", call->path[OP_PATH_DATABASE]);
}

nacre_status op_permit(struct op_call *call) {
    if (may_call(call)) return NACRE_OK;
    deny(call);
    // What is done at once must not wait for the disk: it is refused again by a worker.
    return call->at_once ? NACRE_PERMISSION_DENIED : op_audit_denied(call);
}

nacre_status op_still(struct op_call *call) {
    const struct op_principal *principal = call->principal;
    if (principal->owner || !auth_is_over(principal->auth, &principal->who)) return NACRE_OK;
    return err_set(call->ctx, NACRE_UNAUTHENTICATED,
                   "the key was revoked or has expired, or its role was changed, while this ran");
}

// --- what must not be told ---

// Names that were perhaps meant are told with what is not there: not to who may not see them all.
bool op_hides_names(const struct op_call *call, nacre_status status) {
    const char *database = call->path[OP_PATH_DATABASE];
    if (status == NACRE_DATABASE_NOT_FOUND)
        return !op_may(call->principal, OP_MAY_DATABASES_READ, "*", NULL);
    if (status == NACRE_COLLECTION_NOT_FOUND)
        return !op_may(call->principal, OP_MAY_DOCUMENTS_READ, database, "*");
    return false;
}

nacre_status op_hide_names(struct op_call *call, nacre_status status) {
    const char *database = call->path[OP_PATH_DATABASE];
    const char *collection = call->path[OP_PATH_COLLECTION];
    if (status == NACRE_DATABASE_NOT_FOUND || !collection)
        return err_set(call->ctx, status, "there is no database %.64s", database);
    return err_set(call->ctx, status, "there is no collection %.64s in database %.64s", collection,
                   database);
}

// --- lists ---

static bool is_shown(const struct op_call *call, struct val item, bool databases) {
    char name[80] = "";
    struct val v = bson_find(val_slice(item), SLICE_LIT("name"));
    snprintf(name, sizeof name, "%.*s", (int)v.n, (const char *)v.p);
    if (databases) return op_may(call->principal, OP_MAY_DATABASES_READ, name, NULL);
    return op_may(call->principal, OP_MAY_DOCUMENTS_READ, call->path[OP_PATH_DATABASE], name);
}

nacre_status op_answer_shown(struct op_call *call, const char *json, bool databases) {
    struct json_options options = {.allow_dollar_names = true};
    struct buf bson BUF_CLEANUP = {0};
    struct buf *out = &call->answer.body;
    struct slice index;
    struct val item;
    const char *comma = "";
    const char *all = databases ? "*" : call->path[OP_PATH_DATABASE];
    if (op_may(call->principal, call->op->permission, all, databases ? NULL : "*"))
        return op_answer_json(call, json, strlen(json));
    buf_init(&bson, NULL, out->max);
    TRY(json_parse(call->ctx, slice_str(json), &options, &bson));
    struct bson_iter it = bson_iter_of_val(bson_find(buf_slice(&bson), SLICE_LIT("items")));
    buf_put_str(out, "{\"items\":[");
    while (bson_next(&it, &index, &item)) {
        if (!is_shown(call, item, databases)) continue;
        buf_put_str(out, comma);
        json_write_val(out, item, JSON_INT64_NUMBER);
        comma = ",";
    }
    buf_put_str(out, "]}");
    return NACRE_OK;
}
