// watch: the changes of a collection.
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"

static void spec_of(const struct cli_call *call, const char *filter, struct cli_text *out) {
    const struct cli_value *options = call->options;
    if (filter) cmd_member_text(out, "filter", filter);
    if (options[OPT_SINCE].given) cmd_member_text(out, "since", options[OPT_SINCE].text);
    cmd_member_json(out, "follow", options[OPT_NO_FOLLOW].given ? "false" : "true");
    cmd_members_end(out);
}

static void add_member(struct cli_slice change, const char *name, struct cli_text *line) {
    struct cli_slice value;
    if (!cli_json_find(change, name, &value)) return;
    cli_text_puts(line, line->size ? "  " : "");
    cli_json_text(value, line);
}

// For a terminal: time, op, id, version and the document on one line.
static bool put_change(struct cli *cli, struct cli_slice change) {
    if (cli->json) return cli_put_line(change);
    struct cli_text line = {0};
    static const char *const members[] = {"time", "op", "id", "version", "document"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        add_member(change, members[i], &line);
    bool alive = cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
    cli_text_free(&line);
    return alive;
}

static int put_end(struct cli *cli, const struct cli_call *call, nacre_feed *feed) {
    const char *token = NULL;
    nacre_status status = nacre_feed_token(feed, &token);
    if (status != NACRE_OK) return cli_fail(cli, status, NULL);
    if (call->options[OPT_END].given) {
        cli_put_format("{\"$end\":{\"seq\":\"%s\"}}\n", token);
        return 0;
    }
    int code = cli_flush(cli);
    if (!code) cli_note(cli, "go on: --since %s", token);
    return code;
}

// What is there is written together; before a wait it is flushed.
static int put_changes(struct cli *cli, const struct cli_call *call, nacre_feed *feed) {
    const char *change = NULL;
    size_t size = 0;
    bool follow = !call->options[OPT_NO_FOLLOW].given;
    for (;;) {
        nacre_status status = nacre_feed_next(feed, 0, &change, &size);
        if (status == NACRE_OK && !change && follow) {
            int code = cli_flush(cli);
            if (code) return code;
            status = nacre_feed_next(feed, -1, &change, &size);
        }
        if (status == NACRE_CANCELLED && cli_interrupted()) {
            nacre_session_clear_cancel(cli->session);
            return put_end(cli, call, feed);
        }
        if (status != NACRE_OK) return cli_fail(cli, status, NULL);
        if (!change) return put_end(cli, call, feed);
        if (!put_change(cli, (struct cli_slice){change, size})) return cli_flush(cli);
    }
}

int cmd_watch(struct cli *cli, const struct cli_call *call) {
    int code = cli_open(cli, CLI_READ);
    if (code) return code;
    cli->json |= call->options[OPT_END].given;
    const char *filter = call->count > 1 ? call->arguments[1] : NULL;
    struct cli_text spec = {0};
    nacre_feed *feed = NULL;
    nacre_collection collection = cli_collection(cli, call->arguments[0]);
    spec_of(call, filter, &spec);
    cli_catch_interrupts(cli->session);
    nacre_status status = nacre_changes(cli->session, &collection, cli_text_of(&spec), &feed);
    code = status == NACRE_OK ? put_changes(cli, call, feed) : cli_fail(cli, status, filter);
    nacre_feed_close(feed);
    cli_release_interrupts();
    cli_text_free(&spec);
    return code;
}
