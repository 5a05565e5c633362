#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void cli_die(const char *why) {
    fprintf(stderr, "error: %s\n", why);
    fflush(stderr);
    _exit(1);
}

void *cli_alloc(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory) cli_die("out of memory");
    return memory;
}

char *cli_copy(const char *text) {
    char *copy = strdup(text);
    if (!copy) cli_die("out of memory");
    return copy;
}

void cli_free(void *memory) { free(memory); }

struct cli_slice cli_slice_of(const char *text) {
    return (struct cli_slice){text, strlen(text)};
}

bool cli_slice_is(struct cli_slice slice, const char *text) {
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

static void text_reserve(struct cli_text *text, size_t more) {
    if (more > CLI_TEXT_MAX || text->size + more > CLI_TEXT_MAX) cli_die("a text is over 256 MiB");
    size_t need = text->size + more + 1;
    if (need <= text->room) return;
    size_t room = text->room ? text->room : 128;
    while (room < need)
        room *= 2;
    char *data = realloc(text->data, room);
    if (!data) cli_die("out of memory");
    text->data = data;
    text->room = room;
}

void cli_text_add(struct cli_text *text, const char *bytes, size_t size) {
    text_reserve(text, size);
    if (size > 0) memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void cli_text_puts(struct cli_text *text, const char *string) {
    cli_text_add(text, string, strlen(string));
}

void cli_text_vformat(struct cli_text *text, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size < 0) cli_die("a text could not be formatted");
    text_reserve(text, (size_t)size);
    vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
    va_end(again);
    text->size += (size_t)size;
}

void cli_text_format(struct cli_text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cli_text_vformat(text, format, args);
    va_end(args);
}

void cli_text_json(struct cli_text *text, struct cli_slice string) {
    cli_text_add(text, "\"", 1);
    for (size_t i = 0; i < string.size; i++) {
        unsigned char c = (unsigned char)string.data[i];
        if (c == '"' || c == '\\')
            cli_text_format(text, "\\%c", c);
        else if (c == '\n')
            cli_text_puts(text, "\\n");
        else if (c < 0x20)
            cli_text_format(text, "\\u%04x", c);
        else
            cli_text_add(text, string.data + i, 1);
    }
    cli_text_add(text, "\"", 1);
}

void cli_text_clear(struct cli_text *text) {
    text->size = 0;
    if (text->data) text->data[0] = '\0';
}

void cli_text_free(struct cli_text *text) {
    free(text->data);
    *text = (struct cli_text){0};
}

const char *cli_text_of(const struct cli_text *text) { return text->data ? text->data : ""; }

const char *cli_grouped(char buffer[32], uint64_t number) {
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) buffer[at++] = ',';
        buffer[at++] = digits[i];
    }
    buffer[at] = '\0';
    return buffer;
}

const char *cli_duration(char buffer[32], double seconds) {
    if (seconds < 60) {
        snprintf(buffer, 32, "%.1f s", seconds);
        return buffer;
    }
    uint64_t whole = seconds > 3e9 ? 3000000000u : (uint64_t)seconds;
    unsigned hours = (unsigned)(whole / 3600), minutes = (unsigned)(whole / 60 % 60);
    if (hours > 0)
        snprintf(buffer, 32, "%u:%02u:%02u", hours, minutes, (unsigned)(whole % 60));
    else
        snprintf(buffer, 32, "%u:%02u", minutes, (unsigned)(whole % 60));
    return buffer;
}

double cli_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
