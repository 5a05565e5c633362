// All commands. The order is that of the help.
#include "cli/cmd.h"

#define OPTIONS(...) ((const signed char[]){__VA_ARGS__, -1})
#define CONDITIONS OPT_IF_VERSION, OPT_IF_ABSENT, OPT_IF_PRESENT, OPT_IF
#define GROUPS                                                                                     \
    OPT_GROUP_BY, OPT_AGG_COUNT, OPT_AGG_SUM, OPT_AGG_AVG, OPT_AGG_MIN, OPT_AGG_MAX,               \
        OPT_AGG_DISTINCT, OPT_HAVING
#define WRITE OPT_LEASE, OPT_IDEMPOTENCY_KEY, OPT_DURABILITY
#define QUOTAS OPT_STORAGE_BYTES, OPT_DOCUMENTS

#define IDS                                                                                        \
    "An ID is a text; ~42 is the integer 42 and ~~x the text \"~x\". An ID or a value that "       \
    "begins\n"                                                                                     \
    "with a dash stands behind --."

const struct cli_command cli_commands[] = {
    {"get", "COLLECTION ID", 2, 2, "Read a document", IDS,
     "nacre get films The_Matrix\n"
     "nacre get films The_Matrix --fields title,year,_version",
     OPTIONS(OPT_FIELDS, OPT_AS_OF), cmd_get, false},
    {"versions", "COLLECTION ID", 2, 2, "Show the kept versions of a document, newest first",
     "Those that can be read with --as-of, deletions included: of a collection without\n"
     "history_seconds the current one alone.",
     "nacre versions films heat\nnacre versions films heat --json", NULL, cmd_versions, false},
    {"put", "COLLECTION [ID] JSON", 2, 3, "Store a document",
     "JSON is an object, or - to read one from stdin. Without an ID it is the object's _id, else "
     "the\n"
     "collection's primary key, else a new UUIDv7. Makes database and collection if need be.",
     "nacre put films '{\"title\":\"Heat\",\"year\":1995}'\n"
     "nacre put films heat - --if-absent < heat.json\n"
     "nacre put films heat '{\"year\":1995}' --if-version 3",
     OPTIONS(CONDITIONS, OPT_TTL, WRITE, OPT_DOCUMENT), cmd_put, false},
    {"patch", "COLLECTION [ID] PATCH", 2, 3, "Change a part of a document, or of many",
     "PATCH is an object of operators ($set $unset $inc $mul $min $max $push $pull $addToSet "
     "$rename\n"
     "$currentDate) or a merge patch; with --json-patch an array of RFC 6902. - reads it from "
     "stdin.\n"
     "With --where in the place of the ID every document that fits is changed, once, in chunks;\n"
     "--idempotency-key goes on where an earlier one with that key stopped.",
     "nacre patch films heat '{\"$inc\":{\"views\":1}}'\n"
     "nacre patch films heat '{\"year\":1995}' --merge\n"
     "nacre patch films heat '[{\"op\":\"remove\",\"path\":\"/year\"}]' --json-patch\n"
     "nacre patch films '{\"$inc\":{\"views\":1}}' --where \"year > 1990\"",
     OPTIONS(OPT_WHERE, OPT_ATOMIC, OPT_MERGE, OPT_JSON_PATCH, CONDITIONS, OPT_TTL, WRITE,
             OPT_DOCUMENT),
     cmd_patch, false},
    {"rm", "COLLECTION [ID]", 1, 2, "Delete a document, or many",
     "With --where in the place of the ID every document that fits is deleted, as patch does it.\n"
     "" IDS,
     "nacre rm films heat\nnacre rm films heat --if \"year < 1996\"\n"
     "nacre rm films --where \"year < 1930\" --atomic",
     OPTIONS(OPT_WHERE, OPT_ATOMIC, OPT_IF_VERSION, OPT_IF_PRESENT, OPT_IF, WRITE), cmd_rm, false},
    {"find", "COLLECTION [FILTER]", 1, 2, "Find documents",
     "FILTER is a text such as \"year > 1990 AND genres CONTAINS 'Drama'\", or JSON.",
     "nacre find films \"year > 1990 AND genres CONTAINS 'Drama'\" --sort -year,title --limit 10\n"
     "nacre find films '{\"year\":{\"$in\":[1994,1999]}}' --fields title,year\n"
     "nacre find films \"title STARTS WITH 'The'\" --json | head",
     OPTIONS(OPT_SORT, OPT_FIELDS, OPT_LIMIT, OPT_OFFSET, OPT_CURSOR, OPT_TOTAL, OPT_AS_OF,
             OPT_END),
     cmd_find, false},
    {"count", "COLLECTION [FILTER]", 1, 2, "Count documents", NULL,
     "nacre count films\nnacre count films \"year BETWEEN 1990 AND 1999\"", OPTIONS(OPT_AS_OF),
     cmd_count, false},
    {"aggregate", "COLLECTION [FILTER]", 1, 2, "Count, add up and compare groups of documents",
     "A list gives several of a kind: --sum price=price,tax=cost.tax. Columns are the paths of\n"
     "--group-by and the NAMEs; --sort and --having speak of them. Without --sort rows come in "
     "the\n"
     "order of the paths of --group-by.",
     "nacre aggregate films --group-by year --count n --sort -n --limit 10\n"
     "nacre aggregate films \"genres CONTAINS 'Drama'\" --group-by year --count n --having \"n > "
     "9\"\n"
     "nacre aggregate films --min first=year --max last=year --count-distinct years=year",
     OPTIONS(GROUPS, OPT_SORT, OPT_LIMIT, OPT_CURSOR, OPT_AS_OF, OPT_END), cmd_aggregate, false},
    {"explain", "COLLECTION [FILTER]", 1, 2, "Run a query and show how it was done",
     "With options of aggregate it runs that. With --update or --delete it finds what would be\n"
     "changed, and works the patch out; nothing is changed.",
     "nacre explain films \"year = 1999\" --sort title\nnacre explain films --group-by year "
     "--count n\n"
     "nacre explain films \"year < 1930\" --update '{\"$set\":{\"silent\":true}}'",
     OPTIONS(OPT_SORT, OPT_FIELDS, OPT_LIMIT, OPT_OFFSET, OPT_AS_OF, GROUPS, OPT_UPDATE,
             OPT_DELETE),
     cmd_explain, false},
    {"import", "COLLECTION FILE", 2, 2, "Store the documents of a file",
     "FILE holds a document a line (NDJSON), or CSV with a header of paths, plain or\n"
     "zstd-compressed; - is stdin. NAME.csv and NAME.csv.zst are CSV without --format. Makes\n"
     "database and collection if need be. Ctrl-C leaves what is stored, and --resume goes on from\n"
     "there; so it does after a crash.",
     "nacre import films films.ndjson.zst\n"
     "nacre import films films.ndjson.zst --resume\n"
     "nacre import people people.csv --on-error skip\n"
     "zcat old.ndjson.gz | nacre import films - --on-error skip",
     OPTIONS(OPT_FORMAT, OPT_MODE, OPT_ON_ERROR, OPT_RESUME, OPT_SKIP_LINES, OPT_DURABILITY),
     cmd_import, false},
    {"export", "COLLECTION [FILTER]", 1, 2, "Write documents to stdout",
     "A document a line (NDJSON), of one moment, then a line {\"$end\":…}; or CSV with a header "
     "of\n"
     "paths. Import takes both back.",
     "nacre export films > films.ndjson\nnacre export films \"year = 1999\" --fields title\n"
     "nacre export films --format csv > films.csv",
     OPTIONS(OPT_FIELDS, OPT_FORMAT, OPT_AS_OF), cmd_export, false},
    {"watch", "COLLECTION [FILTER]", 1, 2, "Show the changes of a collection",
     "A change a line, in order, from now on and until Ctrl-C; with --since or --no-follow also "
     "those\n"
     "of before, as far as they are kept (changes_seconds; a day by default). FILTER: what fits\n"
     "before or after the change; deletes always.",
     "nacre watch films --no-follow --json\n"
     "nacre watch films \"year > 1990\" --since AQQA2A --no-follow",
     OPTIONS(OPT_SINCE, OPT_NO_FOLLOW, OPT_END), cmd_watch, false},
    {"claim", "COLLECTION [FILTER]", 1, 2, "Take the first document that nobody else has",
     "It is lent for a time; the answer's _lease.token proves it. Exit code 3: nothing to claim.\n"
     "A collection called release or extend stands behind --.",
     "nacre claim jobs \"state = 'waiting'\" --sort priority --set '{\"state\":\"running\"}' \\\n"
     "    --lease-ms 30000 --holder me",
     OPTIONS(OPT_SORT, OPT_SET, OPT_LEASE_MS, OPT_HOLDER, OPT_ON_EXPIRE, OPT_MAX_EXAMINED,
             OPT_IDEMPOTENCY_KEY, OPT_DURABILITY),
     cmd_claim, false},
    {"claim release", "COLLECTION ID TOKEN", 3, 3, "Give a claimed document back",
     "Without --set the fields that the claim had set get their earlier values back.",
     "nacre claim release jobs ~7 TOKEN --set '{\"state\":\"done\"}'",
     OPTIONS(OPT_SET, OPT_IDEMPOTENCY_KEY, OPT_DURABILITY, OPT_DOCUMENT), cmd_claim_release, false},
    {"claim extend", "COLLECTION ID TOKEN", 3, 3, "Keep a claimed document for longer", NULL,
     "nacre claim extend jobs ~7 TOKEN --lease-ms 60000",
     OPTIONS(OPT_LEASE_MS, OPT_IDEMPOTENCY_KEY, OPT_DURABILITY, OPT_DOCUMENT), cmd_claim_extend,
     false},
    {"begin", "", 0, 0, "Begin a transaction (in the shell)",
     "The commands that read and write documents are part of it until commit or rollback: they\n"
     "see the state as it was and their own changes, and nobody sees these before the commit. A\n"
     "conflict ends it: roll back, and begin again.",
     "begin --isolation serializable\n"
     "patch accounts a '{\"$inc\":{\"balance\":-10}}'\n"
     "patch accounts b '{\"$inc\":{\"balance\":10}}'\n"
     "commit",
     OPTIONS(OPT_ISOLATION), cmd_begin, false},
    {"commit", "", 0, 0, "Commit the transaction (in the shell)", NULL, "commit", NULL, cmd_commit,
     false},
    {"rollback", "", 0, 0, "Forget the transaction (in the shell)", NULL, "rollback", NULL,
     cmd_rollback, false},
    {"collection list", "", 0, 0, "List the collections", NULL, "nacre collection list", NULL,
     cmd_collection_list, false},
    {"collection create", "COLLECTION [JSON]", 1, 2, "Make a collection",
     "JSON holds the settings instead of options: primary_key, ttl_seconds, history_seconds,\n"
     "history_bytes, changes_seconds, indexes, and schema (a JSON Schema; it has no option).",
     "nacre collection create films\n"
     "nacre collection create sessions --primary-key token --ttl-seconds 3600",
     OPTIONS(OPT_PRIMARY_KEY, OPT_TTL_SECONDS, OPT_HISTORY_SECONDS, OPT_HISTORY_BYTES,
             OPT_CHANGES_SECONDS),
     cmd_collection_create, false},
    {"collection get", "COLLECTION", 1, 1, "Describe a collection", NULL,
     "nacre collection get films", NULL, cmd_collection_get, false},
    {"collection alter", "COLLECTION [JSON]", 1, 2, "Change a collection's settings",
     "JSON is a merge patch of the settings, instead of options; a schema is replaced as a whole.",
     "nacre collection alter sessions --ttl-seconds 60\n"
     "nacre collection alter sessions '{\"ttl_seconds\":null}'",
     OPTIONS(OPT_TTL_SECONDS, OPT_HISTORY_SECONDS, OPT_HISTORY_BYTES, OPT_CHANGES_SECONDS),
     cmd_collection_alter, false},
    {"collection drop", "COLLECTION", 1, 1, "Delete a collection with its documents", NULL,
     "nacre collection drop films", NULL, cmd_collection_drop, false},
    {"index list", "COLLECTION", 1, 1, "List a collection's indexes", NULL,
     "nacre index list films", NULL, cmd_index_list, false},
    {"index create", "COLLECTION INDEX", 2, 2, "Make an index",
     "It is built while the collection goes on being used; --wait returns when it is ready.",
     "nacre index create films by_year --fields year,-title --wait\n"
     "nacre index create users by_mail --fields mail --unique --where \"mail IS NOT NULL\"",
     OPTIONS(OPT_FIELDS, OPT_UNIQUE, OPT_WHERE, OPT_WAIT), cmd_index_create, false},
    {"index get", "COLLECTION INDEX", 2, 2, "Describe an index", NULL,
     "nacre index get films by_year\nnacre index get films by_year --wait", OPTIONS(OPT_WAIT),
     cmd_index_get, false},
    {"index drop", "COLLECTION INDEX", 2, 2, "Delete an index", NULL,
     "nacre index drop films by_year", NULL, cmd_index_drop, false},
    {"db list", "", 0, 0, "List the databases", NULL, "nacre db list", NULL, cmd_db_list, false},
    {"db create", "DATABASE [JSON]", 1, 2, "Make a database",
     "JSON holds the settings instead of options: {\"quota\":{…}}.",
     "nacre db create shop\nnacre db create shop --documents 1000000", OPTIONS(QUOTAS),
     cmd_db_create, false},
    {"db get", "DATABASE", 1, 1, "Describe a database", NULL, "nacre db get main", NULL, cmd_db_get,
     false},
    {"db alter", "DATABASE [JSON]", 1, 2, "Change a database's quota",
     "JSON is a merge patch of the settings, instead of options.",
     "nacre db alter shop --storage-bytes 1000000000\n"
     "nacre db alter shop '{\"quota\":{\"documents\":null}}'",
     OPTIONS(QUOTAS), cmd_db_alter, false},
    {"db drop", "DATABASE", 1, 1, "Delete a database with its collections", NULL,
     "nacre db drop shop", NULL, cmd_db_drop, false},
    {"config show", "", 0, 0, "Show what serve would take",
     "Defaults, overruled by nacre.toml, by the environment (NACRE_SECTION_KEY), by flags.",
     "nacre config show --origin\nNACRE_SERVER_LISTEN=127.0.0.1:8080 nacre config show",
     OPTIONS(OPT_CONFIG, OPT_ORIGIN), cmd_config_show, false},
    {"config check", "", 0, 0, "Look for mistakes in the configuration", NULL, "nacre config check",
     OPTIONS(OPT_CONFIG), cmd_config_check, false},
    {"backup create", "NAME", 1, 1, "Back the database up",
     "Into DIR/NAME, while it is used. Incremental ones need the log since the one before: it is\n"
     "kept with serve --archive.",
     "nacre backup create monday --backups backups\n"
     "nacre backup create tuesday --backups backups --incremental-of monday",
     OPTIONS(OPT_BACKUPS, OPT_INCREMENTAL_OF), cmd_backup_create, false},
    {"backup list", "[NAME]", 0, 1, "List the backups, or describe one", NULL,
     "nacre backup list --backups backups", OPTIONS(OPT_BACKUPS), cmd_backup_list, false},
    {"backup verify", "NAME", 1, 1, "Try a backup out",
     "Every byte is read; it is restored below the directory of backups, checked, and removed.",
     "nacre backup verify tuesday --backups backups", OPTIONS(OPT_BACKUPS), cmd_backup_verify,
     false},
    {"backup restore", "NAME DIR", 2, 2, "Make a database directory of a backup",
     "DIR must not be there, or be empty. With --time the state of that moment, of what the "
     "backup,\n"
     "those it builds on and --log hold.",
     "nacre backup restore tuesday restored --backups backups\n"
     "nacre backup restore monday earlier --backups backups --log data/log \\\n"
     "    --time 2026-01-31T12:00:00Z",
     OPTIONS(OPT_BACKUPS, OPT_TIME, OPT_LOG), cmd_backup_restore, false},
    {"backup delete", "NAME", 1, 1, "Delete a backup that none builds on", NULL,
     "nacre backup delete monday --backups backups", OPTIONS(OPT_BACKUPS), cmd_backup_delete,
     false},
    {"job list", "", 0, 0, "List the work that goes on behind calls",
     "Index builds and changes of schemas, and those that failed.", "nacre job list", NULL,
     cmd_job_list, false},
    {"job get", "JOB", 1, 1, "Describe a job", NULL, "nacre job get index-3-1", NULL, cmd_job_get,
     false},
    {"job cancel", "JOB", 1, 1, "End a job",
     "The index that it builds is dropped; the schema that it checks is not taken.",
     "nacre job cancel index-3-1", NULL, cmd_job_cancel, false},
    {"serve", "[DIR]", 0, 1, "Serve a directory over HTTP",
     "Makes the database if it is not there, and the key that callers need: DIR/admin.key.\n"
     "Also on the Unix socket DIR/nacre.sock. Ends in good order at SIGTERM or Ctrl-C.",
     "nacre serve data\nnacre serve data --listen 127.0.0.1:8080\n"
     "curl -H \"Authorization: Bearer $(cat data/admin.key)\" http://127.0.0.1:7700/v1/collections",
     OPTIONS(OPT_CONFIG, OPT_LISTEN, OPT_INSECURE, OPT_BACKUPS, OPT_ARCHIVE, OPT_SLOW_MS,
             OPT_TLS_CERT, OPT_TLS_KEY, OPT_TLS_CLIENT_CA, OPT_TLS_MIN, OPT_CORS, OPT_RATE,
             OPT_TENANT_RATE, OPT_JWKS, OPT_JWT_ISSUER, OPT_JWT_AUDIENCE, OPT_LOG_FORMAT,
             OPT_LOG_REQUESTS),
     cmd_serve, false},
    {"audit verify", "[DIR]", 0, 1, "Verify the audit log of a served directory",
     "That every line follows from the one before. Tells how many there are and the hash of the "
     "last:\n"
     "kept elsewhere, it shows later that nothing was taken from the end.",
     "nacre audit verify data", NULL, cmd_audit_verify, false},
    {"shell", "[DIR]", 0, 1, "Type commands",
     "The same commands without the word nacre; quotes as in a shell, JSON needs none and may go\n"
     "over several lines. From a pipe it runs a command a line and goes on after a failure; the "
     "exit\n"
     "code is that of the first.",
     "nacre shell\nnacre shell data < commands.txt", OPTIONS(OPT_BAIL), cmd_shell, false},
    {"check", "[DIR]", 0, 1, "Verify everything that is stored",
     "Every checksum, and every index entry, guard and counter against its document.\n"
     "Exit code 1 if something differs.",
     "nacre check\nnacre check /var/lib/nacre", NULL, cmd_check, false},
    {"bench", "[DIR]", 0, 1, "Measure this machine",
     "In a scratch database below DIR (default: here), removed at the end.",
     "nacre bench\nnacre bench /mnt/disk --count 200000", OPTIONS(OPT_COUNT_OF), cmd_bench, false},
    {"demo", "", 0, 0, "Show what Nacre does, on 36,273 films",
     "Imports, finds, changes, lets workers compete, and kills itself to show that nothing is "
     "lost.\n"
     "In a scratch directory that is removed, or in a new one that --dir names. Exit code 0 only "
     "if\n"
     "everything held.",
     "nacre demo\nnacre demo --films examples/films.ndjson.zst --dir demo-data",
     OPTIONS(OPT_FILMS, OPT_WORKERS), cmd_demo, false},
    {"demo-writer", "ROUND", 1, 1, "The process that the demo kills", NULL, NULL, NULL,
     cmd_demo_writer, true},
    {"version", "", 0, 0, "Say which version this is",
     "Also which store, of a database that is there.", "nacre version\nnacre version --json", NULL,
     cmd_version, false},
    {"help", "[COMMAND]", 0, 2, "Explain a command", NULL,
     "nacre help find\nnacre help index create", OPTIONS(OPT_MARKDOWN), cmd_help, false},
};

const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];
