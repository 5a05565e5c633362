// Work that the server does for callers behind their calls: a thread for each, and what became of
// it. Not kept over a restart. Thread-safe.
#ifndef OPS_JOB_H
#define OPS_JOB_H

#include "ops/op.h"

enum { OP_JOB_TEXT_MAX = 65 };

enum op_job_kind { OP_JOB_BACKUP_CREATE, OP_JOB_BACKUP_VERIFY, OP_JOB_BACKUP_RESTORE };

// What is to be done. Copied.
struct op_job_request {
    enum op_job_kind kind;
    char name[OP_JOB_TEXT_MAX];   // of the backup
    char parent[OP_JOB_TEXT_MAX]; // of one to be made; "": a full one
    char as[OP_JOB_TEXT_MAX];     // of a restore
    char time[OP_JOB_TEXT_MAX];   // of a restore; "": none
};

// backups: their directory, NULL: there is none, and no job. db and it must outlive it. NULL where
// there is no memory.
struct op_jobs *op_jobs_open(nacre_db *db, const char *backups, const struct world *world);
void op_jobs_close(struct op_jobs *jobs); // ends what runs; NULL is fine
// The directory of backups. NACRE_PERMISSION_DENIED: this server has none.
MUST_USE nacre_status op_jobs_backups(const struct op_call *call, const char **out);
// Begins it and answers it as a job. NACRE_RATE_LIMITED: too many run.
MUST_USE nacre_status op_job_start(struct op_call *call, const struct op_job_request *request);
// Appends {…} for each, parted by commas, or for the one with this id. True: there was one.
bool op_jobs_print(struct op_jobs *jobs, const char *id, struct buf *out);
bool op_job_cancel(struct op_jobs *jobs, const char *id); // false: none runs with this id

#endif
