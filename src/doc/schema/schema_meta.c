// The metaschema of draft 2020-12 and its vocabularies (json-schema.org), without what only tells
// people something. A schema may refer to them by their URIs.
#include "doc/schema/schema_impl.h"

struct meta {
    const char *uri, *json;
};

static const struct meta metas[] = {
    {"https://json-schema.org/draft/2020-12/schema",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/schema\",\"$vocabulary\":{\"https://json-schema.org/draft/2020"
     "-12/vocab/core\":true,\"https://json-schema.org/draft/2020-12/vocab/applicator\":true,"
     "\"https://json-schema.org/draft/2020-12/vocab/unevaluated\":true,\"https://json-schema"
     ".org/draft/2020-12/vocab/validation\":true,\"https://json-schema.org/draft/2020-12/voc"
     "ab/meta-data\":true,\"https://json-schema.org/draft/2020-12/vocab/format-annotation\":"
     "true,\"https://json-schema.org/draft/2020-12/vocab/content\":true},\"$dynamicAnchor\":"
     "\"meta\",\"allOf\":[{\"$ref\":\"meta/core\"},{\"$ref\":\"meta/applicator\"},{\"$ref\":"
     "\"meta/unevaluated\"},{\"$ref\":\"meta/validation\"},{\"$ref\":\"meta/meta-data\"},{\""
     "$ref\":\"meta/format-annotation\"},{\"$ref\":\"meta/content\"}],\"type\":[\"object\","
     "\"boolean\"],\"properties\":{\"definitions\":{\"type\":\"object\",\"additionalProperti"
     "es\":{\"$dynamicRef\":\"#meta\"}},\"dependencies\":{\"type\":\"object\",\"additionalPr"
     "operties\":{\"anyOf\":[{\"$dynamicRef\":\"#meta\"},{\"$ref\":\"meta/validation#/$defs/"
     "stringArray\"}]}},\"$recursiveAnchor\":{\"$ref\":\"meta/core#/$defs/anchorString\"},\""
     "$recursiveRef\":{\"$ref\":\"meta/core#/$defs/uriReferenceString\"}}}"},
    {"https://json-schema.org/draft/2020-12/meta/core",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/core\",\"$vocabulary\":{\"https://json-schema.org/draft/2"
     "020-12/vocab/core\":true},\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\""
     "],\"properties\":{\"$id\":{\"$ref\":\"#/$defs/uriReferenceString\",\"pattern\":\"^[^#]"
     "*#?$\"},\"$schema\":{\"$ref\":\"#/$defs/uriString\"},\"$ref\":{\"$ref\":\"#/$defs/uriR"
     "eferenceString\"},\"$anchor\":{\"$ref\":\"#/$defs/anchorString\"},\"$dynamicRef\":{\"$"
     "ref\":\"#/$defs/uriReferenceString\"},\"$dynamicAnchor\":{\"$ref\":\"#/$defs/anchorStr"
     "ing\"},\"$vocabulary\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/uriS"
     "tring\"},\"additionalProperties\":{\"type\":\"boolean\"}},\"$comment\":{\"type\":\"str"
     "ing\"},\"$defs\":{\"type\":\"object\",\"additionalProperties\":{\"$dynamicRef\":\"#met"
     "a\"}}},\"$defs\":{\"anchorString\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za"
     "-z0-9._]*$\"},\"uriString\":{\"type\":\"string\",\"format\":\"uri\"},\"uriReferenceStr"
     "ing\":{\"type\":\"string\",\"format\":\"uri-reference\"}}}"},
    {"https://json-schema.org/draft/2020-12/meta/applicator",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/applicator\",\"$vocabulary\":{\"https://json-schema.org/d"
     "raft/2020-12/vocab/applicator\":true},\"$dynamicAnchor\":\"meta\",\"type\":[\"object\""
     ",\"boolean\"],\"properties\":{\"prefixItems\":{\"$ref\":\"#/$defs/schemaArray\"},\"ite"
     "ms\":{\"$dynamicRef\":\"#meta\"},\"contains\":{\"$dynamicRef\":\"#meta\"},\"additional"
     "Properties\":{\"$dynamicRef\":\"#meta\"},\"properties\":{\"type\":\"object\",\"additio"
     "nalProperties\":{\"$dynamicRef\":\"#meta\"}},\"patternProperties\":{\"type\":\"object"
     "\",\"additionalProperties\":{\"$dynamicRef\":\"#meta\"},\"propertyNames\":{\"format\":"
     "\"regex\"}},\"dependentSchemas\":{\"type\":\"object\",\"additionalProperties\":{\"$dyn"
     "amicRef\":\"#meta\"}},\"propertyNames\":{\"$dynamicRef\":\"#meta\"},\"if\":{\"$dynamic"
     "Ref\":\"#meta\"},\"then\":{\"$dynamicRef\":\"#meta\"},\"else\":{\"$dynamicRef\":\"#met"
     "a\"},\"allOf\":{\"$ref\":\"#/$defs/schemaArray\"},\"anyOf\":{\"$ref\":\"#/$defs/schema"
     "Array\"},\"oneOf\":{\"$ref\":\"#/$defs/schemaArray\"},\"not\":{\"$dynamicRef\":\"#meta"
     "\"}},\"$defs\":{\"schemaArray\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"$dynam"
     "icRef\":\"#meta\"}}}}"},
    {"https://json-schema.org/draft/2020-12/meta/unevaluated",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/unevaluated\",\"$vocabulary\":{\"https://json-schema.org/"
     "draft/2020-12/vocab/unevaluated\":true},\"$dynamicAnchor\":\"meta\",\"type\":[\"object"
     "\",\"boolean\"],\"properties\":{\"unevaluatedItems\":{\"$dynamicRef\":\"#meta\"},\"une"
     "valuatedProperties\":{\"$dynamicRef\":\"#meta\"}}}"},
    {"https://json-schema.org/draft/2020-12/meta/validation",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/validation\",\"$vocabulary\":{\"https://json-schema.org/d"
     "raft/2020-12/vocab/validation\":true},\"$dynamicAnchor\":\"meta\",\"type\":[\"object\""
     ",\"boolean\"],\"properties\":{\"type\":{\"anyOf\":[{\"$ref\":\"#/$defs/simpleTypes\"},"
     "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/simpleTypes\"},\"minItems\":1,\"uniq"
     "ueItems\":true}]},\"const\":true,\"enum\":{\"type\":\"array\",\"items\":true},\"multip"
     "leOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},\"maximum\":{\"type\":\"number\"},"
     "\"exclusiveMaximum\":{\"type\":\"number\"},\"minimum\":{\"type\":\"number\"},\"exclusi"
     "veMinimum\":{\"type\":\"number\"},\"maxLength\":{\"$ref\":\"#/$defs/nonNegativeInteger"
     "\"},\"minLength\":{\"$ref\":\"#/$defs/nonNegativeIntegerDefault0\"},\"pattern\":{\"typ"
     "e\":\"string\",\"format\":\"regex\"},\"maxItems\":{\"$ref\":\"#/$defs/nonNegativeInteg"
     "er\"},\"minItems\":{\"$ref\":\"#/$defs/nonNegativeIntegerDefault0\"},\"uniqueItems\":{"
     "\"type\":\"boolean\"},\"maxContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},\"minC"
     "ontains\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},\"maxProperties\":{\"$ref\":\"#/$d"
     "efs/nonNegativeInteger\"},\"minProperties\":{\"$ref\":\"#/$defs/nonNegativeIntegerDefa"
     "ult0\"},\"required\":{\"$ref\":\"#/$defs/stringArray\"},\"dependentRequired\":{\"type"
     "\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/stringArray\"}}},\"$defs\":"
     "{\"nonNegativeInteger\":{\"type\":\"integer\",\"minimum\":0},\"nonNegativeIntegerDefau"
     "lt0\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},\"simpleTypes\":{\"enum\":[\"array\","
     "\"boolean\",\"integer\",\"null\",\"number\",\"object\",\"string\"]},\"stringArray\":{"
     "\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true}}}"},
    {"https://json-schema.org/draft/2020-12/meta/meta-data",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/meta-data\",\"$vocabulary\":{\"https://json-schema.org/dr"
     "aft/2020-12/vocab/meta-data\":true},\"$dynamicAnchor\":\"meta\",\"type\":[\"object\","
     "\"boolean\"],\"properties\":{\"title\":{\"type\":\"string\"},\"description\":{\"type\""
     ":\"string\"},\"default\":true,\"deprecated\":{\"type\":\"boolean\"},\"readOnly\":{\"ty"
     "pe\":\"boolean\"},\"writeOnly\":{\"type\":\"boolean\"},\"examples\":{\"type\":\"array"
     "\",\"items\":true}}}"},
    {"https://json-schema.org/draft/2020-12/meta/format-annotation",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/format-annotation\",\"$vocabulary\":{\"https://json-schem"
     "a.org/draft/2020-12/vocab/format-annotation\":true},\"$dynamicAnchor\":\"meta\",\"type"
     "\":[\"object\",\"boolean\"],\"properties\":{\"format\":{\"type\":\"string\"}}}"},
    {"https://json-schema.org/draft/2020-12/meta/content",
     "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://json-s"
     "chema.org/draft/2020-12/meta/content\",\"$vocabulary\":{\"https://json-schema.org/draf"
     "t/2020-12/vocab/content\":true},\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boo"
     "lean\"],\"properties\":{\"contentEncoding\":{\"type\":\"string\"},\"contentMediaType\""
     ":{\"type\":\"string\"},\"contentSchema\":{\"$dynamicRef\":\"#meta\"}}}"},
};

bool schema_meta_find(struct slice uri, struct slice *out_json) {
    for (size_t i = 0; i < sizeof metas / sizeof metas[0]; i++) {
        if (!slice_eq_str(uri, metas[i].uri)) continue;
        *out_json = slice_str(metas[i].json);
        return true;
    }
    return false;
}
