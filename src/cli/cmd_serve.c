// nacre serve, nacre audit.
#include "nacre/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/config.h"
#include "cli/out.h"

enum { ADDRESSES_MAX = 16 };

// "A,B": the addresses, in text's place.
static int split_list(struct cli *cli, const struct cli_call *call, char *text,
                      const char *out[ADDRESSES_MAX], size_t *out_count) {
    for (char *at = text; *at; at += strlen(at) + 1) {
        char *comma = strchr(at, ',');
        if (*out_count == ADDRESSES_MAX)
            return cli_usage(cli, call->command, NULL, "--listen takes at most %d addresses",
                             ADDRESSES_MAX);
        out[(*out_count)++] = at;
        if (!comma) return 0;
        *comma = '\0';
    }
    return 0;
}

// A line among the server's own, unless --quiet.
static void tell(struct cli *cli, nacre_server *server, bool is_warning, const char *format, ...)
    CLI_FORMAT(4, 5);
static void tell(struct cli *cli, nacre_server *server, bool is_warning, const char *format, ...) {
    struct cli_text text = {0};
    va_list args;
    if (cli->quiet) return;
    va_start(args, format);
    cli_text_vformat(&text, format, args);
    va_end(args);
    nacre_server_log(server, is_warning, cli_text_of(&text));
    cli_text_free(&text);
}

static void reload(struct cli *cli, nacre_server *server) {
    nacre_open_error error = {0};
    if (nacre_server_reload(server, &error) == NACRE_OK)
        tell(cli, server, false, "certificates read again");
    else
        tell(cli, server, true, "nothing changed: %s", error.detail);
}

static int serve(struct cli *cli, const nacre_serve_options *options) {
    nacre_open_error error = {0};
    nacre_server *server;
    cli_catch_interrupts(NULL); // before anybody can know that it serves
    cli_catch_hang_ups();
    nacre_status status = nacre_server_start(options, &error, &server);
    if (status == NACRE_OK) {
        tell(cli, server, false, "serving %s at %s and %s/nacre.sock; the key is in %s/admin.key",
             options->dir, nacre_server_addresses(server), options->dir, options->dir);
        cli_notify("READY=1");
        while (cli_wait_input(-1))
            if (cli_hung_up()) reload(cli, server);
        cli_notify("STOPPING=1");
        tell(cli, server, false, "stopping");
        status = nacre_server_stop(server, &error);
    }
    cli_release_interrupts();
    if (status == NACRE_OK) return 0;
    return cli_error(cli, status, error.hint[0] ? error.hint : NULL, "%s",
                     error.detail[0] ? error.detail : nacre_status_title(status));
}

// Values: those of the configuration.
static int serve_configured(struct cli *cli, const struct cli_call *call,
                            const struct cli_value *v) {
    const char *addresses[ADDRESSES_MAX], *format = v[OPT_LOG_FORMAT].text;
    bool text = format ? strcmp(format, "text") == 0 : cli->tty_err;
    nacre_serve_options options = {.dir = call->count > 0 ? call->arguments[0] : cli->dir,
                                   .open = {.create = 1, .archive = v[OPT_ARCHIVE].given},
                                   .slow_ms = v[OPT_SLOW_MS].number,
                                   .backups = v[OPT_BACKUPS].text,
                                   .listen = addresses,
                                   .insecure = v[OPT_INSECURE].given,
                                   .cors = v[OPT_CORS].text,
                                   .rate = (uint32_t)v[OPT_RATE].number,
                                   .tenant_rate = (uint32_t)v[OPT_TENANT_RATE].number,
                                   .jwks = v[OPT_JWKS].text,
                                   .jwt_issuer = v[OPT_JWT_ISSUER].text,
                                   .jwt_audience = v[OPT_JWT_AUDIENCE].text,
                                   .tls_certificate = v[OPT_TLS_CERT].text,
                                   .tls_key = v[OPT_TLS_KEY].text,
                                   .tls_client_ca = v[OPT_TLS_CLIENT_CA].text,
                                   .tls_min = v[OPT_TLS_MIN].text,
                                   .log_text = text,
                                   .log_requests = v[OPT_LOG_REQUESTS].given};
    struct cli_text list = {0};
    int code = 0;
    if (v[OPT_LISTEN].given) {
        cli_text_puts(&list, v[OPT_LISTEN].text);
        code = split_list(cli, call, list.data, addresses, &options.listen_count);
    }
    if (!code) code = serve(cli, &options);
    cli_text_free(&list);
    return code;
}

int cmd_serve(struct cli *cli, const struct cli_call *call) {
    struct cli_config config = {0};
    int code = cli_close(cli);
    if (!code) code = cli_config_read(cli, call, &config);
    if (!code) code = serve_configured(cli, call, config.values);
    cli_config_free(&config);
    return code;
}

int cmd_audit_verify(struct cli *cli, const struct cli_call *call) {
    const char *dir = call->count > 0 ? call->arguments[0] : cli->dir;
    nacre_open_error error = {0};
    struct cli_text line = {0};
    char last[65];
    uint64_t lines;
    nacre_status status = nacre_audit_verify(dir, &error, &lines, last);
    if (status != NACRE_OK)
        return cli_error(cli, status, error.hint[0] ? error.hint : NULL, "%s",
                         error.detail[0] ? error.detail : nacre_status_title(status));
    if (cli->json) {
        cmd_member_number(&line, "lines", lines);
        cmd_member_text(&line, "last", last);
        cmd_members_end(&line);
    } else {
        cli_text_format(&line, "%llu lines, the last is %s", (unsigned long long)lines, last);
    }
    cli_put_line((struct cli_slice){cli_text_of(&line), line.size});
    cli_text_free(&line);
    return 0;
}
