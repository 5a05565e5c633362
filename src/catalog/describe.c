// Descriptions as API.md gives them.
#include <string.h>

#include "catalog/catalog.h"
#include "doc/bson.h"

static const char *index_state_name(enum index_state state) {
    switch (state) {
    case INDEX_BUILDING: return "building";
    case INDEX_READY: return "ready";
    case INDEX_FAILED: return "failed";
    }
    return "unknown";
}

// What the options say when nothing was kept of how they were given.
static void index_describe_plain(struct bson_writer *w, const struct index_def *index) {
    bson_put(w, SLICE_LIT("type"), val_str(SLICE_LIT("btree")));
    bson_open_array(w, SLICE_LIT("fields"));
    for (uint32_t i = 0; i < index->field_count; i++) {
        bson_open_object(w, (struct slice){0});
        bson_put(w, SLICE_LIT("path"), val_str(index->fields[i].path.text));
        if (index->fields[i].descending)
            bson_put(w, SLICE_LIT("order"), val_str(SLICE_LIT("desc")));
        bson_close(w);
    }
    bson_close(w);
    if (index->unique) bson_put(w, SLICE_LIT("unique"), val_bool(true));
    if (index->where.n) bson_put(w, SLICE_LIT("where"), val_bytes(VAL_OBJECT, index->where));
}

void index_describe(struct bson_writer *w, const struct index_def *index, double progress) {
    bson_put(w, SLICE_LIT("name"), val_str(slice_str(index->name)));
    if (index->options.n) {
        struct bson_iter it = bson_iter_of(index->options);
        struct slice name;
        struct val v;
        while (bson_next(&it, &name, &v)) bson_put(w, name, v);
    } else {
        index_describe_plain(w, index);
    }
    bson_put(w, SLICE_LIT("state"), val_str(slice_str(index_state_name(index->state))));
    bson_put(w, SLICE_LIT("progress"), val_double(progress));
    if (index->error[0]) bson_put(w, SLICE_LIT("error"), val_str(slice_str(index->error)));
}
