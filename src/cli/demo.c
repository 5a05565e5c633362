// nacre demo: shows the main job and checks every figure it shows.
#include "cli/demo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/json.h"
#include "cli/out.h"

void demo_step(struct demo *demo, const char *title) {
    struct cli *cli = demo->cli;
    cli_put_format("\n%s%d. %s%s\n", cli_bold(cli), ++demo->step, title, cli_plain(cli));
    cli_flush(cli);
}

void demo_say(struct demo *demo, const char *format, ...) {
    struct cli_text text = {0};
    va_list args;
    va_start(args, format);
    cli_text_vformat(&text, format, args);
    va_end(args);
    cli_put_format("     %s\n", cli_text_of(&text));
    cli_text_free(&text);
    cli_flush(demo->cli);
}

void demo_expect(struct demo *demo, bool holds, const char *format, ...) {
    struct cli_text text = {0};
    va_list args;
    va_start(args, format);
    cli_text_vformat(&text, format, args);
    va_end(args);
    demo->failures += !holds;
    cli_put_format("  %s  %s\n", holds ? "ok" : "NO", cli_text_of(&text));
    cli_text_free(&text);
    cli_flush(demo->cli);
}

bool demo_ok(struct demo *demo, nacre_status status, const char *what) {
    if (status == NACRE_OK) return true;
    const char *detail = demo->session ? nacre_error_detail(demo->session) : "";
    demo_expect(demo, false, "%s: %s (%s)", what, detail[0] ? detail : nacre_status_title(status),
                nacre_status_code(status));
    return false;
}

bool demo_open(struct demo *demo, bool create) {
    nacre_open_error error = {0};
    nacre_options options = {.create = create, .error = &error};
    nacre_status status = nacre_open(demo->dir, &options, &demo->db);
    if (status != NACRE_OK) {
        demo->db = NULL;
        demo_expect(demo, false, "opening %s: %s", demo->dir, error.detail);
        return false;
    }
    status = nacre_session_open(demo->db, &demo->session);
    if (status != NACRE_OK) demo->session = NULL;
    return demo_ok(demo, status, "opening a session");
}

void demo_close(struct demo *demo) {
    nacre_open_error error = {0};
    nacre_session_close(demo->session);
    nacre_status status = nacre_close(demo->db, &error);
    if (status != NACRE_OK) demo_expect(demo, false, "closing: %s", error.detail);
    demo->session = NULL;
    demo->db = NULL;
}

// Where the films are when nobody says: in the source tree, or as installed beside the tool.
static char *find_films(const char *given) {
    char self[4096];
    if (given) return access(given, R_OK) == 0 ? cli_copy(given) : NULL;
    if (access("examples/films.ndjson.zst", R_OK) == 0)
        return cli_copy("examples/films.ndjson.zst");
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 64);
    if (size <= 0) return NULL;
    self[size] = '\0';
    static const char *const places[] = {"/../share/nacre/films.ndjson.zst",
                                         "/../../examples/films.ndjson.zst"};
    *strrchr(self, '/') = '\0';
    size_t folder = strlen(self);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(self + folder, sizeof self - folder, "%s", places[i]);
        if (access(self, R_OK) == 0) return cli_copy(self);
    }
    return NULL;
}

static int find_place(struct cli *cli, const struct cli_call *call, char **out) {
    const char *temporary = getenv("TMPDIR");
    if (!call->options[OPT_DIR].given)
        return demo_scratch_make(cli, temporary && *temporary ? temporary : "/tmp", "nacre-demo",
                                 out);
    const char *dir = call->options[OPT_DIR].text;
    if (mkdir(dir, 0700) != 0)
        return cli_error(cli, NACRE_ALREADY_EXISTS, "the demo wants a directory of its own",
                         "making %s: %s", dir, strerror(errno));
    *out = cli_copy(dir);
    return 0;
}

static void run_steps(struct demo *demo) {
    static void (*const steps[])(struct demo *) = {demo_import, demo_read, demo_index,
                                                   demo_conditions, demo_claims};
    if (!demo_open(demo, true)) return;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (!cli_interrupted()) steps[i](demo);
    demo_close(demo);
    if (!cli_interrupted()) demo_crash(demo);
}

int cmd_demo(struct cli *cli, const struct cli_call *call) {
    char *films = find_films(call->options[OPT_FILMS].text), *dir = NULL, time[32];
    if (!films)
        return cli_error(cli, NACRE_NOT_FOUND, "name it: --films FILE", "the films are not here");
    int code = find_place(cli, call, &dir);
    if (code) {
        cli_free(films);
        return code;
    }
    const struct cli_value *workers = &call->options[OPT_WORKERS];
    struct demo demo = {.cli = cli,
                        .dir = dir,
                        .films = films,
                        .workers = workers->given ? (unsigned)workers->number : 8};
    double began = cli_now();
    cli_put_format("Nacre %s, in %s\n", nacre_version(), dir);
    cli_catch_interrupts(NULL); // so that the scratch directory goes away
    run_steps(&demo);
    cli_release_interrupts();
    cli_duration(time, cli_now() - began);
    if (cli_interrupted())
        cli_put_format("\nInterrupted. %s\n", time);
    else if (demo.failures == 0)
        cli_put_format("\nEverything held. %s\n", time);
    else
        cli_put_format("\n%u things did not hold. %s\n", demo.failures, time);
    if (!call->options[OPT_DIR].given)
        demo_scratch_remove(dir);
    else
        cli_put_format("The database stays: nacre find films \"year = 1999\" --dir %s\n", dir);
    cli_free(dir);
    cli_free(films);
    if (cli_interrupted()) return 128 + cli_interrupted();
    return demo.failures > 0 ? 1 : 0;
}
