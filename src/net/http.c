// Headers and status lines.
#include "net/http.h"

static uint8_t lower_of(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

bool http_header_is(struct slice name, const char *other) {
    size_t i = 0;
    while (i < name.n && other[i] && lower_of(name.p[i]) == lower_of((uint8_t)other[i]))
        i++;
    return i == name.n && !other[i];
}

struct slice http_header(const struct http_request *request, const char *lower) {
    for (size_t i = 0; i < request->header_count; i++)
        if (http_header_is(request->headers[i].name, lower)) return request->headers[i].value;
    return slice_of(NULL, 0);
}

size_t http_header_times(const struct http_request *request, const char *lower) {
    size_t times = 0;
    for (size_t i = 0; i < request->header_count; i++)
        times += http_header_is(request->headers[i].name, lower);
    return times;
}

bool http_list_has(struct slice list, const char *lower) {
    size_t at = 0;
    while (at < list.n) {
        size_t end = at;
        while (end < list.n && list.p[end] != ',')
            end++;
        size_t from = at, to = end;
        while (from < to && (list.p[from] == ' ' || list.p[from] == '\t'))
            from++;
        while (to > from && (list.p[to - 1] == ' ' || list.p[to - 1] == '\t'))
            to--;
        if (http_header_is(slice_of(list.p + from, to - from), lower)) return true;
        at = end + 1;
    }
    return false;
}

const char *http_phrase(int status) {
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {426, "Upgrade Required"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status) return phrases[i].phrase;
    return "Unknown";
}
