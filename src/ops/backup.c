// Backups: listed and deleted here; made, verified and restored by jobs.
#include <stdio.h>

#include "catalog/keyspace.h"
#include "lib/lib_body.h"
#include "lib/lib_caller.h"
#include "ops/job.h"

// Of the handle's last call.
static nacre_status told(struct op_call *call, nacre_backups *backups, nacre_status status) {
    if (status == NACRE_OK) return status;
    call->ctx->err = *lib_backups_error(backups);
    return status;
}

static nacre_status open_backups(struct op_call *call, nacre_backups **out) {
    const char *dir;
    TRY(op_jobs_backups(call, &dir));
    return nacre_backups_open(dir, out) == NACRE_OK ? NACRE_OK : err_nomem(call->ctx);
}

static nacre_status answer_backups(struct op_call *call, const char *name) {
    nacre_backups *backups;
    const char *json;
    TRY(open_backups(call, &backups));
    nacre_status status = told(call, backups, nacre_backup_list(backups, name, &json));
    if (status == NACRE_OK) status = op_answer_json(call, json, strlen(json));
    nacre_backups_close(backups);
    return status;
}

nacre_status run_backup_list(struct op_call *call) { return answer_backups(call, NULL); }

nacre_status run_backup_get(struct op_call *call) {
    return answer_backups(call, call->path[OP_PATH_BACKUP]);
}

nacre_status run_backup_delete(struct op_call *call) {
    nacre_backups *backups;
    TRY(open_backups(call, &backups));
    nacre_status status =
        told(call, backups, nacre_backup_delete(backups, call->path[OP_PATH_BACKUP]));
    nacre_backups_close(backups);
    return status;
}

// --- jobs ---

// A member that is a text; "" where it is absent.
static nacre_status take_text(const struct lib_body *body, const struct lib_member *m, bool name,
                              char out[OP_JOB_TEXT_MAX]) {
    struct slice text;
    out[0] = '\0';
    if (!m->raw.n) return NACRE_OK;
    TRY(lib_body_string(body, m, &text));
    if (!text.n || text.n >= OP_JOB_TEXT_MAX || memchr(text.p, 0, text.n))
        return lib_body_bad(body, m->name, "1 to 64 bytes of text", val_str(text));
    if (name) TRY(name_check(body->ctx, m->name, text));
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return NACRE_OK;
}

static nacre_status wanted(struct op_call *call, const char *member, const char *text) {
    if (text[0]) return NACRE_OK;
    nacre_status status =
        err_set(call->ctx, NACRE_INVALID_ARGUMENT, "expected a member \"%s\": a name", member);
    char pointer[OP_JOB_TEXT_MAX];
    snprintf(pointer, sizeof pointer, "/%s", member);
    err_expected(call->ctx, pointer, "a name", "nothing");
    return status;
}

nacre_status run_backup_create(struct op_call *call) {
    struct lib_member members[] = {{.name = "name"}, {.name = "incremental_of"}, {0}};
    struct op_job_request request = {.kind = OP_JOB_BACKUP_CREATE};
    struct lib_body body;
    TRY(op_members(call, "a backup", &body, members));
    TRY(take_text(&body, &members[0], true, request.name));
    TRY(take_text(&body, &members[1], true, request.parent));
    TRY(wanted(call, "name", request.name));
    return op_job_start(call, &request);
}

// A job about the backup of the path, which is there.
static nacre_status begin_job(struct op_call *call, struct op_job_request *request) {
    const char *name = call->path[OP_PATH_BACKUP], *json;
    nacre_backups *backups;
    TRY(open_backups(call, &backups));
    nacre_status status = told(call, backups, nacre_backup_list(backups, name, &json));
    nacre_backups_close(backups);
    TRY(status);
    snprintf(request->name, sizeof request->name, "%s", name);
    return op_job_start(call, request);
}

nacre_status run_backup_verify(struct op_call *call) {
    struct op_job_request request = {.kind = OP_JOB_BACKUP_VERIFY};
    return begin_job(call, &request);
}

nacre_status run_backup_restore(struct op_call *call) {
    struct lib_member members[] = {{.name = "as"}, {.name = "time"}, {0}};
    struct op_job_request request = {.kind = OP_JOB_BACKUP_RESTORE};
    struct lib_body body;
    TRY(op_members(call, "a restore", &body, members));
    TRY(take_text(&body, &members[0], true, request.as));
    TRY(take_text(&body, &members[1], false, request.time));
    TRY(wanted(call, "as", request.as));
    return begin_job(call, &request);
}
