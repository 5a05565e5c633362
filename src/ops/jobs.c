// Jobs: of the engine, and of this server.
#include "ops/job.h"

nacre_status run_job_list(struct op_call *call) {
    static const char begin[] = "{\"items\":[";
    struct buf *out = &call->answer.body;
    const char *json;
    TRY(op_told(call, nacre_jobs(call->session, NULL, &json)));
    size_t size = strlen(json) - (sizeof begin - 1) - 2; // what is between the brackets
    buf_put_str(out, begin);
    bool any = op_jobs_print(call->jobs, NULL, out);
    if (any && size) buf_put_u8(out, ',');
    buf_put(out, json + sizeof begin - 1, size);
    buf_put_str(out, "]}");
    return NACRE_OK;
}

nacre_status run_job_get(struct op_call *call) {
    const char *id = call->path[OP_PATH_JOB], *json;
    if (op_jobs_print(call->jobs, id, &call->answer.body)) return NACRE_OK;
    TRY(op_told(call, nacre_jobs(call->session, id, &json)));
    return op_answer_json(call, json, strlen(json));
}

nacre_status run_job_delete(struct op_call *call) {
    const char *id = call->path[OP_PATH_JOB];
    if (op_job_cancel(call->jobs, id)) return NACRE_OK;
    return op_told(call, nacre_job_cancel(call->session, id));
}
