#include "server/logger.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/os/cond.h"
#include "base/os/thread.h"
#include "base/os/world.h"
#include "base/text/time.h"
#include "base/text/utf8.h"
#include "doc/json.h"

// A pipe that has room takes PIECE bytes (PIPE_BUF) without waiting.
enum { QUEUE_MAX = 1 << 20, LINE_MAX_BYTES = 32 << 10, PIECE = 4096, WAIT_MS = 500 };

struct queue {
    struct buf bytes;
    uint64_t lines;
};

struct logger {
    int fd;
    bool text;
    const struct world *world;
    _Atomic uint64_t *lost;
    struct thread thread;
    struct mutex mutex; // guards what follows
    struct cond cond;
    struct queue queue;
    atomic_bool stopping;
};

// --- the thread ---

// False: it is full, and the server stops.
static bool wait_room(struct logger *logger) {
    struct pollfd fd = {.fd = logger->fd, .events = POLLOUT};
    for (;;) {
        bool last = atomic_load(&logger->stopping);
        if (poll(&fd, 1, WAIT_MS) > 0) return true;
        if (last) return false;
    }
}

// False: not all of it.
static bool write_out(struct logger *logger, struct slice bytes) {
    while (bytes.n) {
        if (!wait_room(logger)) return false;
        ssize_t n = write(logger->fd, bytes.p, bytes.n < PIECE ? bytes.n : PIECE);
        if (n < 0 && errno != EINTR && errno != EAGAIN) return false;
        if (n > 0) bytes = slice_skip(bytes, (size_t)n);
    }
    return true;
}

static void tell_lost(struct logger *logger, uint64_t *told) {
    uint64_t lost = atomic_load(logger->lost);
    struct logger_line line;
    if (lost == *told) return;
    logger_begin(logger, LOG_WARN, "lines of this log were left out: nobody took them", &line);
    logger_number(&line, "lines", lost - *told);
    *told = lost;
    logger_end(&line);
}

static void run(void *arg) {
    struct logger *logger = arg;
    struct queue taken = {0};
    uint64_t told = 0;
    buf_init(&taken.bytes, NULL, QUEUE_MAX);
    mutex_lock(&logger->mutex);
    for (;;) {
        while (!logger->queue.lines && !atomic_load(&logger->stopping))
            cond_wait(&logger->cond, &logger->mutex);
        if (!logger->queue.lines) break;
        struct queue empty = taken;
        taken = logger->queue;
        logger->queue = empty;
        mutex_unlock(&logger->mutex);
        if (write_out(logger, buf_slice(&taken.bytes)))
            tell_lost(logger, &told);
        else
            atomic_fetch_add(logger->lost, taken.lines);
        buf_reset(&taken.bytes);
        taken.lines = 0;
        mutex_lock(&logger->mutex);
    }
    mutex_unlock(&logger->mutex);
    buf_free(&taken.bytes);
}

nacre_status logger_open(struct ctx *ctx, const struct logger_options *options,
                         struct logger **out) {
    struct logger *logger = mem_zalloc(sizeof *logger);
    if (!logger) return err_nomem(ctx);
    logger->fd = options->fd;
    logger->text = options->text;
    logger->world = options->world;
    logger->lost = options->lost;
    mutex_init(&logger->mutex);
    cond_init(&logger->cond);
    buf_init(&logger->queue.bytes, NULL, QUEUE_MAX);
    nacre_status status = thread_start(ctx, "nacre-logger", run, logger, &logger->thread);
    if (status == NACRE_OK) {
        *out = logger;
        return NACRE_OK;
    }
    cond_destroy(&logger->cond);
    mutex_destroy(&logger->mutex);
    mem_free(logger);
    return status;
}

void logger_close(struct logger *logger) {
    if (!logger) return;
    mutex_lock(&logger->mutex);
    atomic_store(&logger->stopping, true);
    cond_signal(&logger->cond);
    mutex_unlock(&logger->mutex);
    thread_join(&logger->thread);
    buf_free(&logger->queue.bytes);
    cond_destroy(&logger->cond);
    mutex_destroy(&logger->mutex);
    mem_free(logger);
}

// --- a line ---

// Nothing that could steer a terminal, be another line, or be no JSON.
static struct slice clean(struct slice text, uint8_t out[LOGGER_TEXT_MAX]) {
    size_t n = text.n < LOGGER_TEXT_MAX ? text.n : LOGGER_TEXT_MAX;
    bool valid = n == text.n && utf8_valid(text);
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = text.p[i];
        bool high = i > 0 && text.p[i - 1] == 0xc2 && byte < 0xa0; // C1 controls
        out[i] = byte < ' ' || byte == 127 ? ' ' : byte;
        if (byte >= 128 && !valid) out[i] = '?';
        if (high && byte >= 128) out[i - 1] = out[i] = '?';
    }
    return slice_of(out, n);
}

static void put_name(struct logger_line *line, const char *name) {
    buf_printf(&line->out, line->logger->text ? " %s=" : ",\"%s\":", name);
}

void logger_begin(struct logger *logger, enum log_level level, const char *message,
                  struct logger_line *out) {
    static const char *const levels[] = {[LOG_INFO] = "info", [LOG_WARN] = "warn"};
    uint8_t room[LOGGER_TEXT_MAX];
    char time[TIME_TEXT_MAX];
    int n = (int)time_print((int64_t)world_wall_ms(logger->world), time);
    struct slice text = clean(slice_str(message), room);
    out->logger = logger;
    buf_init(&out->out, NULL, LINE_MAX_BYTES);
    if (logger->text) {
        buf_printf(&out->out, "%.*s %s ", n, time, levels[level]);
        buf_put_slice(&out->out, text);
        return;
    }
    buf_printf(&out->out, "{\"time\":\"%.*s\",\"level\":\"%s\",\"message\":", n, time,
               levels[level]);
    json_write_str(&out->out, text);
}

void logger_text(struct logger_line *line, const char *name, struct slice value) {
    uint8_t room[LOGGER_TEXT_MAX];
    put_name(line, name);
    json_write_str(&line->out, clean(value, room));
}

void logger_number(struct logger_line *line, const char *name, uint64_t value) {
    put_name(line, name);
    buf_printf(&line->out, "%llu", (unsigned long long)value);
}

void logger_ms(struct logger_line *line, uint64_t us) {
    put_name(line, "ms");
    buf_printf(&line->out, "%llu.%03llu", (unsigned long long)us / 1000,
               (unsigned long long)us % 1000);
}

void logger_end(struct logger_line *line) {
    struct logger *logger = line->logger;
    struct queue *queue = &logger->queue;
    buf_put_str(&line->out, logger->text ? "\n" : "}\n");
    mutex_lock(&logger->mutex);
    bool fits = buf_status(&line->out) == NACRE_OK && line->out.n <= QUEUE_MAX - queue->bytes.n &&
                buf_reserve(&queue->bytes, line->out.n);
    if (fits) {
        buf_put_slice(&queue->bytes, buf_slice(&line->out));
        queue->lines++;
        cond_signal(&logger->cond);
    } else {
        atomic_fetch_add(logger->lost, 1);
    }
    mutex_unlock(&logger->mutex);
    buf_free(&line->out);
}
