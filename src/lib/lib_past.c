// Reads of an earlier time.
#include "base/text/time.h"
#include "lib/lib.h"

nacre_status lib_as_of(struct nacre_session *s, const char *text, int64_t *out_ms) {
    if (!text) return lib_null(s, "as_of", "a time as in \"2026-01-31T12:00:00Z\"");
    if (time_parse(slice_str(text), out_ms)) return NACRE_OK;
    nacre_status status =
        err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                "as_of is no time; expected RFC 3339 as in \"2026-01-31T12:00:00Z\"");
    err_parameter(&s->ctx, "as_of");
    return status;
}

nacre_status lib_query_target_past(struct nacre_session *s, struct query_target *target,
                                   int64_t as_of_ms) {
    struct view *past;
    uint32_t tablet = target->collection->tablet;
    TRY(engine_view_past(&s->ctx, s->db->engine, tablet, as_of_ms, &past));
    txn_view_release(target->view);
    // Checked by engine_view_past: the collection is there.
    *target =
        (struct query_target){.view = past, .collection = catalog_by_tablet(past->catalog, tablet)};
    return NACRE_OK;
}
