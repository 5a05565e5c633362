// The functions behind the command table (commands.c), and what several of them share. Each gets
// a parsed call and returns the exit code; what went wrong it has said.
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "cli/cli.h"

int cmd_get(struct cli *cli, const struct cli_call *call);
int cmd_versions(struct cli *cli, const struct cli_call *call);
int cmd_put(struct cli *cli, const struct cli_call *call);
int cmd_patch(struct cli *cli, const struct cli_call *call);
int cmd_rm(struct cli *cli, const struct cli_call *call);
int cmd_patch_where(struct cli *cli, const struct cli_call *call); // patch and rm with --where
int cmd_rm_where(struct cli *cli, const struct cli_call *call);
int cmd_find(struct cli *cli, const struct cli_call *call);
int cmd_count(struct cli *cli, const struct cli_call *call);
int cmd_aggregate(struct cli *cli, const struct cli_call *call);
int cmd_explain(struct cli *cli, const struct cli_call *call);
int cmd_import(struct cli *cli, const struct cli_call *call);
int cmd_export(struct cli *cli, const struct cli_call *call);
int cmd_watch(struct cli *cli, const struct cli_call *call);
int cmd_claim(struct cli *cli, const struct cli_call *call);
int cmd_claim_release(struct cli *cli, const struct cli_call *call);
int cmd_claim_extend(struct cli *cli, const struct cli_call *call);
int cmd_begin(struct cli *cli, const struct cli_call *call);
int cmd_commit(struct cli *cli, const struct cli_call *call);
int cmd_rollback(struct cli *cli, const struct cli_call *call);
int cmd_collection_list(struct cli *cli, const struct cli_call *call);
int cmd_collection_create(struct cli *cli, const struct cli_call *call);
int cmd_collection_get(struct cli *cli, const struct cli_call *call);
int cmd_collection_alter(struct cli *cli, const struct cli_call *call);
int cmd_collection_drop(struct cli *cli, const struct cli_call *call);
int cmd_index_list(struct cli *cli, const struct cli_call *call);
int cmd_index_create(struct cli *cli, const struct cli_call *call);
int cmd_index_get(struct cli *cli, const struct cli_call *call);
int cmd_index_drop(struct cli *cli, const struct cli_call *call);
int cmd_job_list(struct cli *cli, const struct cli_call *call);
int cmd_job_get(struct cli *cli, const struct cli_call *call);
int cmd_job_cancel(struct cli *cli, const struct cli_call *call);
int cmd_backup_create(struct cli *cli, const struct cli_call *call);
int cmd_backup_list(struct cli *cli, const struct cli_call *call);
int cmd_backup_verify(struct cli *cli, const struct cli_call *call);
int cmd_backup_restore(struct cli *cli, const struct cli_call *call);
int cmd_backup_delete(struct cli *cli, const struct cli_call *call);
int cmd_config_show(struct cli *cli, const struct cli_call *call);
int cmd_config_check(struct cli *cli, const struct cli_call *call);
int cmd_db_list(struct cli *cli, const struct cli_call *call);
int cmd_db_create(struct cli *cli, const struct cli_call *call);
int cmd_db_get(struct cli *cli, const struct cli_call *call);
int cmd_db_alter(struct cli *cli, const struct cli_call *call);
int cmd_db_drop(struct cli *cli, const struct cli_call *call);
int cmd_check(struct cli *cli, const struct cli_call *call);
int cmd_bench(struct cli *cli, const struct cli_call *call);
int cmd_serve(struct cli *cli, const struct cli_call *call);
int cmd_audit_verify(struct cli *cli, const struct cli_call *call);
int cmd_shell(struct cli *cli, const struct cli_call *call);
int cmd_demo(struct cli *cli, const struct cli_call *call);
int cmd_demo_writer(struct cli *cli, const struct cli_call *call);
int cmd_version(struct cli *cli, const struct cli_call *call);
int cmd_help(struct cli *cli, const struct cli_call *call);

// --- shared (request.c) ---

// The options of a write. versions: room for --if-version. 0, or an exit code.
enum { CMD_VERSIONS_MAX = 64 };
int cmd_write_options(struct cli *cli, const struct cli_call *call, nacre_write *out,
                      uint64_t versions[CMD_VERSIONS_MAX]);
// {"filter":…,"sort":…,"fields":…,"limit":…,"offset":…,"cursor":…,"count":…} of what is given,
// added to what out holds, and the end of the object.
void cmd_query_spec(const struct cli_call *call, const char *filter, struct cli_text *out);
// Whether an option of aggregate is given; the body of one (aggregate_spec.c). 0, or an exit code.
bool cmd_is_aggregate(const struct cli_call *call);
int cmd_aggregate_spec(struct cli *cli, const struct cli_call *call, const char *filter,
                       struct cli_text *out);
// Adds "name":value to an object that grows; the first begins it, cmd_members_end ends it.
void cmd_member_text(struct cli_text *object, const char *name, const char *text);
void cmd_member_json(struct cli_text *object, const char *name, const char *json);
// "a,-b" as ["a","-b"].
void cmd_member_list(struct cli_text *object, const char *name, const char *list);
void cmd_member_number(struct cli_text *object, const char *name, uint64_t number);
void cmd_members_end(struct cli_text *object);
// Whether a patch is an array if and only if --json-patch (list) is given. 0, or an exit code.
int cmd_check_patch(struct cli *cli, const struct cli_call *call, bool list, const char *patch);
// An argument, or "-" for stdin. 0, or an exit code.
int cmd_read_text(struct cli *cli, const char *argument, struct cli_text *out);
// That it is one balanced value that begins with first. 0, or an exit code.
int cmd_check_json(struct cli *cli, const char *argument, char first, const struct cli_text *body);
// Both.
int cmd_read_json(struct cli *cli, const char *argument, char first, struct cli_text *out);
// Says what a write did: JSON, or a sentence that begins with done ("patched").
void cmd_put_result(struct cli *cli, const struct cli_call *call, const nacre_result *result,
                    const char *done);

// nacre_check, again when the log was written to meanwhile (cmd_check.c). told: how often each was
// called; a check that has told something is not begun anew.
NACRE_MUST_USE nacre_status cmd_check_patiently(nacre_session *session, nacre_problem_fn *each,
                                                void *arg, const uint64_t *told,
                                                uint64_t *problems);

#endif
