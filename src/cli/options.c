#include "cli/cli.h"

#define BIG UINT64_MAX
#define DAY_MS 86400000u

const struct cli_option cli_options[OPT_COUNT] = {
    [OPT_DIR] = {"dir", 'd', CLI_TEXT, "DIR", 0, 0,
                 "database directory (default: $NACRE_DIR, else ./nacre-data)"},
    [OPT_DB] = {"db", 0, CLI_TEXT, "NAME", 0, 0, "database (default: main)"},
    [OPT_JSON] = {"json", 0, CLI_FLAG, NULL, 0, 0,
                  "JSON lines, also on a terminal; errors as JSON too"},
    [OPT_QUIET] = {"quiet", 'q', CLI_FLAG, NULL, 0, 0, "no progress, no notes"},
    [OPT_NO_COLOR] = {"no-color", 0, CLI_FLAG, NULL, 0, 0, "no colours (also: NO_COLOR)"},
    [OPT_TIMEOUT_MS] = {"timeout-ms", 0, CLI_NUMBER, "N", 1, BIG,
                        "give up after this many milliseconds (default: never)"},
    [OPT_HELP] = {"help", 'h', CLI_FLAG, NULL, 0, 0, "show help"},

    [OPT_FIELDS] = {"fields", 'f', CLI_TEXT, "PATHS", 0, 0, "only these, as in title,cast.0"},
    [OPT_SORT] = {"sort", 's', CLI_TEXT, "PATHS", 0, 0, "order, as in -year,title; '-' goes down"},
    [OPT_LIMIT] = {"limit", 'n', CLI_NUMBER, "N", 0, 10000, "at most N rows (default 100)"},
    [OPT_CURSOR] = {"cursor", 0, CLI_TEXT, "TOKEN", 0, 0, "go on where an earlier page ended"},
    [OPT_TOTAL] = {"total", 0, CLI_FLAG, NULL, 0, 0, "count all that fit, beyond the limit too"},
    [OPT_END] = {"end", 0, CLI_FLAG, NULL, 0, 0,
                 "JSON lines, the last {\"$end\":{next_cursor, total}}"},

    [OPT_SINCE] = {"since", 0, CLI_TEXT, "TOKEN", 0, 0,
                   "what came after this change, or after this write's sequence"},
    [OPT_NO_FOLLOW] = {"no-follow", 0, CLI_FLAG, NULL, 0, 0, "what there is, then end"},

    [OPT_IF_VERSION] = {"if-version", 0, CLI_TEXT, "N[,N…]", 0, 0,
                        "only if the document's version is one of these"},
    [OPT_IF_ABSENT] = {"if-absent", 0, CLI_FLAG, NULL, 0, 0, "only if the id is not there"},
    [OPT_IF_PRESENT] = {"if-present", 0, CLI_FLAG, NULL, 0, 0, "only if the id is there"},
    [OPT_IF] = {"if", 0, CLI_TEXT, "FILTER", 0, 0, "only if the stored document fits"},
    [OPT_TTL] = {"ttl", 0, CLI_NUMBER, "SECONDS", 0, BIG,
                 "the document expires after this time; 0 = never"},
    [OPT_LEASE] = {"lease", 0, CLI_TEXT, "TOKEN", 0, 0, "only while this lease is current"},
    [OPT_IDEMPOTENCY_KEY] = {"idempotency-key", 0, CLI_TEXT, "KEY", 0, 0,
                             "repeated with the same key it is done once"},
    [OPT_DURABILITY] = {"durability", 0, CLI_CHOICE, "synced|memory", 0, 0,
                        "answer after the sync (default), or before"},
    [OPT_DOCUMENT] = {"document", 0, CLI_FLAG, NULL, 0, 0, "print the document as stored"},

    [OPT_MERGE] = {"merge", 0, CLI_FLAG, NULL, 0, 0, "the patch is a merge patch (RFC 7396)"},
    [OPT_JSON_PATCH] = {"json-patch", 0, CLI_FLAG, NULL, 0, 0,
                        "the patch is a JSON Patch (RFC 6902)"},

    [OPT_SET] = {"set", 0, CLI_TEXT, "JSON", 0, 0, "an object of paths to values to write"},
    [OPT_LEASE_MS] = {"lease-ms", 0, CLI_NUMBER, "N", 1, DAY_MS,
                      "how long it is lent (default 30000)"},
    [OPT_HOLDER] = {"holder", 0, CLI_TEXT, "NAME", 0, 0, "who takes it; others can read this"},
    [OPT_ON_EXPIRE] = {"on-expire", 0, CLI_TEXT, "JSON", 0, 0,
                       "a patch for when the lease ends unreleased"},
    [OPT_MAX_EXAMINED] = {"max-examined", 0, CLI_NUMBER, "N", 1, BIG,
                          "candidates to look at (default 1000)"},

    [OPT_ISOLATION] = {"isolation", 0, CLI_CHOICE, "snapshot|serializable", 0, 0,
                       "of what it wrote (default), or also of what it read"},

    [OPT_FORMAT] = {"format", 0, CLI_CHOICE, "ndjson|csv", 0, 0,
                    "default: ndjson; import goes by the name of the file"},
    [OPT_MODE] = {"mode", 0, CLI_CHOICE, "put|insert", 0, 0,
                  "put replaces ids that are there (default), insert refuses them"},
    [OPT_ON_ERROR] = {"on-error", 0, CLI_CHOICE, "stop|skip", 0, 0,
                      "at a refused line: stop (default), or go on"},
    [OPT_SKIP_LINES] = {"skip-lines", 0, CLI_NUMBER, "N", 0, BIG, "pass over the first N lines"},
    [OPT_RESUME] = {"resume", 0, CLI_FLAG, NULL, 0, 0,
                    "go on where the last import of this file stopped"},

    [OPT_UNIQUE] = {"unique", 0, CLI_FLAG, NULL, 0, 0, "no two documents with the same values"},
    [OPT_WHERE] = {"where", 0, CLI_TEXT, "FILTER", 0, 0, "only documents that fit"},
    [OPT_WAIT] = {"wait", 0, CLI_FLAG, NULL, 0, 0, "until the index is ready"},

    [OPT_PRIMARY_KEY] = {"primary-key", 0, CLI_TEXT, "PATH", 0, 0,
                         "where the id comes from when there is no _id"},
    [OPT_TTL_SECONDS] = {"ttl-seconds", 0, CLI_NUMBER, "N", 0, BIG,
                         "documents expire this long after a write; 0 = never"},
    [OPT_HISTORY_SECONDS] = {"history-seconds", 0, CLI_NUMBER, "N", 0, BIG,
                             "how long earlier versions are kept"},
    [OPT_STORAGE_BYTES] = {"storage-bytes", 0, CLI_NUMBER, "N", 0, BIG, "quota of stored bytes"},
    [OPT_DOCUMENTS] = {"documents", 0, CLI_NUMBER, "N", 0, BIG, "quota of documents"},

    [OPT_FILMS] = {"films", 0, CLI_TEXT, "FILE", 0, 0, "the films (default: as installed)"},
    [OPT_COUNT_OF] = {"count", 0, CLI_NUMBER, "N", 100, 10000000,
                      "documents to measure with (default 50000)"},
    [OPT_WORKERS] = {"workers", 0, CLI_NUMBER, "N", 1, 64, "threads that compete (default 8)"},
    [OPT_BAIL] = {"bail", 0, CLI_FLAG, NULL, 0, 0, "stop at the first command that fails"},
    [OPT_MARKDOWN] = {"markdown", 0, CLI_FLAG, NULL, 0, 0, "all commands as Markdown"},
};
