// Jobs: what goes on behind calls.
#include "ops/op.h"

static nacre_status answer_jobs(struct op_call *call, const char *id) {
    const char *json;
    TRY(op_told(call, nacre_jobs(call->session, id, &json)));
    return op_answer_json(call, json, strlen(json));
}

nacre_status run_job_list(struct op_call *call) { return answer_jobs(call, NULL); }

nacre_status run_job_get(struct op_call *call) {
    return answer_jobs(call, call->path[OP_PATH_JOB]);
}

nacre_status run_job_delete(struct op_call *call) {
    return op_told(call, nacre_job_cancel(call->session, call->path[OP_PATH_JOB]));
}
