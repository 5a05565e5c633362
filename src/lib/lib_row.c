// Rows as JSON.
#include "lib/lib.h"

nacre_status lib_row_json(struct nacre_session *s, const struct row *row,
                          const struct lib_row_options *options, struct buf *out) {
    struct projection *fields = NULL;
    if (options->fields.n) {
        nacre_status status = project_parse(&s->ctx, val_str(options->fields), &fields);
        if (status != NACRE_OK) {
            err_parameter(&s->ctx, "fields");
            return status;
        }
    }
    struct present_options present = {.fields = fields,
                                      .with_token = options->with_token,
                                      .now_ms = (int64_t)engine_now_ms(s->db->engine)};
    present_doc(out, row, &present);
    return out->status == NACRE_OK ? NACRE_OK : err_buf(&s->ctx, out);
}
