// Gets by id over the native protocol: so many connections, so many requests at a time on each.
//   bench_native PORT KEY CONNECTIONS PIPELINE SECONDS IDS   → "DONE requests seconds"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { METHOD_GET = 32, HEAD = 16, FAILED = 4, FRAME_MAX = 64, ROOM = 1 << 18 };

struct link {
    int fd;
    uint64_t next_id;
    uint8_t in[ROOM];
    size_t in_n;
};

static uint32_t seed = 1;
static uint32_t random_below(uint32_t bound) {
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * bound >> 32);
}

static void fail(const char *what) {
    fprintf(stderr, "bench_native: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void put_le(uint8_t *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static size_t put_frame(uint8_t *to, uint64_t id, uint16_t method, const void *payload, size_t n) {
    put_le(to, 12 + n, 4);
    put_le(to + 4, id, 8);
    put_le(to + 12, method, 2);
    put_le(to + 14, 0, 2);
    memcpy(to + HEAD, payload, n);
    return HEAD + n;
}

// GetDocumentRequest{collection: "docs", id: {text: …}}
static size_t put_get(uint8_t *to, uint64_t id, uint32_t ids) {
    uint8_t message[FRAME_MAX] = {0x0a, 4, 'd', 'o', 'c', 's', 0x12, 0, 0x0a, 0};
    int n = snprintf((char *)message + 10, 20, "%u", random_below(ids));
    message[7] = (uint8_t)(n + 2);
    message[9] = (uint8_t)n;
    return put_frame(to, id, METHOD_GET, message, 10 + (size_t)n);
}

static void write_all(int fd, const uint8_t *bytes, size_t n) {
    while (n) {
        ssize_t sent = write(fd, bytes, n);
        if (sent < 0 && errno != EAGAIN) fail("write");
        if (sent > 0) bytes += sent, n -= (size_t)sent;
    }
}

static void ask(struct link *link, size_t count, uint32_t ids) {
    static uint8_t out[FRAME_MAX * 1024];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += put_get(out + n, ++link->next_id, ids);
    write_all(link->fd, out, n);
}

static void greet(struct link *link, const char *key) {
    uint8_t out[512];
    char credential[400];
    int n = snprintf(credential, sizeof credential, "Bearer %s", key);
    memcpy(out, "NACRE/1\n", 8);
    write_all(link->fd, out, 8 + put_frame(out + 8, UINT64_MAX, 0, credential, (size_t)n));
    if (read(link->fd, out, HEAD) != HEAD || (out[14] & FAILED)) fail("the hello was refused");
}

static int join(uint16_t port) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

// Whole frames that have come; each must be a document.
static size_t take(struct link *link) {
    ssize_t got = read(link->fd, link->in + link->in_n, ROOM - link->in_n);
    if (got == 0 || (got < 0 && errno != EAGAIN)) fail("read");
    link->in_n += got > 0 ? (size_t)got : 0;
    size_t at = 0, count = 0;
    while (link->in_n - at >= HEAD) {
        const uint8_t *frame = link->in + at;
        size_t size = 4 + (frame[0] | frame[1] << 8 | frame[2] << 16 | (size_t)frame[3] << 24);
        if (link->in_n - at < size) break;
        if ((frame[14] & FAILED) || size < HEAD + 16) fail("a reply without a document");
        at += size;
        count++;
    }
    memmove(link->in, link->in + at, link->in_n - at);
    link->in_n -= at;
    return count;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    size_t connections = strtoul(argv[3], NULL, 10), pipeline = strtoul(argv[4], NULL, 10);
    double seconds = strtod(argv[5], NULL);
    uint32_t ids = (uint32_t)strtoul(argv[6], NULL, 10);
    struct link *links = calloc(connections, sizeof *links);
    int poll = epoll_create1(0);
    if (!links || poll < 0 || pipeline > 1024) fail("begin");
    for (size_t i = 0; i < connections; i++) {
        struct epoll_event wish = {.events = EPOLLIN, .data.ptr = &links[i]};
        links[i].fd = join(port);
        greet(&links[i], argv[2]);
        fcntl(links[i].fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(poll, EPOLL_CTL_ADD, links[i].fd, &wish);
    }
    double begin = now_s(), end = begin + seconds, now = begin;
    uint64_t done = 0;
    for (size_t i = 0; i < connections; i++)
        ask(&links[i], pipeline, ids);
    while ((now = now_s()) < end) {
        struct epoll_event events[64];
        int count = epoll_wait(poll, events, 64, 100);
        for (int i = 0; i < count; i++) {
            struct link *link = events[i].data.ptr;
            size_t replies = take(link);
            done += replies;
            if (replies) ask(link, replies, ids);
        }
    }
    printf("DONE %llu %.3f\n", (unsigned long long)done, now - begin);
    for (size_t i = 0; i < connections; i++)
        close(links[i].fd);
    close(poll);
    free(links);
    return 0;
}
