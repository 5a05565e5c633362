// toml++ behind one C function. Out of memory ends the tool, as everywhere in it.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <cstdio>
#include <string>

#include "cli/toml.h"

static bool join(const toml::array &array, std::string &out) {
    for (const toml::node &element : array) {
        if (!element.is_string()) return false;
        if (!out.empty()) out += ',';
        out += element.as_string()->get();
    }
    return true;
}

static cli_toml_kind text_of(const toml::node &node, std::string &out) {
    if (node.is_string()) {
        out = node.as_string()->get();
        return CLI_TOML_TEXT;
    }
    if (node.is_integer()) {
        out = std::to_string(node.as_integer()->get());
        return CLI_TOML_NUMBER;
    }
    if (node.is_boolean()) {
        out = node.as_boolean()->get() ? "true" : "false";
        return CLI_TOML_FLAG;
    }
    return node.is_array() && join(*node.as_array(), out) ? CLI_TOML_TEXT : CLI_TOML_OTHER;
}

extern "C" int cli_toml_read(const char *text, size_t size, cli_toml_error *error,
                             int (*each)(void *arg, const cli_toml_value *value),
                             void *arg) {
    auto give = [&](const std::string &section, std::string_view name, const toml::node &node) {
        std::string value, key(name);
        cli_toml_kind kind = text_of(node, value);
        cli_toml_value told = {section.c_str(), key.c_str(), value.c_str(), kind,
                               node.source().begin.line};
        return each(arg, &told);
    };
    toml::parse_result read = toml::parse(std::string_view(text, size));
    if (!read) {
        std::string what(read.error().description());
        snprintf(error->text, sizeof error->text, "%s", what.c_str());
        error->line = read.error().source().begin.line;
        return -1;
    }
    for (auto &&[name, node] : read.table()) {
        int code = 0;
        if (!node.is_table())
            code = give("", name.str(), node);
        else
            for (auto &&[inner, value] : *node.as_table())
                if (!code) code = give(std::string(name.str()), inner.str(), value);
        if (code) return code;
    }
    return 0;
}
