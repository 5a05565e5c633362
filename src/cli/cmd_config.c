// config: what serve would take, and from where.
#include "cli/cmd.h"
#include "cli/config.h"
#include "cli/out.h"
#include "cli/table.h"

static void put_value(const struct cli_config *config, enum cli_option_id id,
                      struct cli_text *out) {
    const struct cli_value *value = &config->values[id];
    if (cli_options[id].kind == CLI_FLAG)
        cli_text_puts(out, value->given ? "true" : "false");
    else if (!value->given)
        cli_text_puts(out, "null");
    else if (cli_options[id].kind == CLI_NUMBER)
        cli_text_format(out, "%llu", (unsigned long long)value->number);
    else
        cli_text_json(out, cli_slice_of(value->text));
}

static void put_config(const struct cli_config *config, struct cli_text *out) {
    static const char *const origins[] = {"default", "file", "environment", "flag"};
    cli_text_puts(out, "{\"items\":[");
    for (size_t i = 0; i < cli_config_row_count; i++) {
        const struct cli_config_row *row = &cli_config_rows[i];
        cli_text_format(out, "%s{\"option\":\"%s.%s\",\"value\":", i ? "," : "", row->section,
                        row->key);
        put_value(config, row->option, out);
        cli_text_format(out, ",\"origin\":\"%s\"}", origins[config->origins[row->option]]);
    }
    cli_text_puts(out, "]}");
}

int cmd_config_show(struct cli *cli, const struct cli_call *call) {
    struct cli_config config;
    struct cli_text text = {0};
    int code = cli_config_read(cli, call, &config);
    if (!code) {
        put_config(&config, &text);
        cli_table_items(cli, cli_text_of(&text),
                        call->options[OPT_ORIGIN].given || cli->json ? "option,value,origin"
                                                                     : "option,value");
    }
    cli_text_free(&text);
    cli_config_free(&config);
    return code;
}

int cmd_config_check(struct cli *cli, const struct cli_call *call) {
    struct cli_config config;
    int code = cli_config_read(cli, call, &config);
    if (!code) cli_note(cli, "%s: no mistakes", config.file ? config.file : "there is no file");
    cli_config_free(&config);
    return code;
}
