#include "cli/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/json.h"

enum { RESUME_FILE_MAX = 16384 };

// FNV-1a, 64 bits.
static uint64_t hash_text(uint64_t hash, const char *text) {
    do {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    } while (*text++);
    return hash;
}

void cli_resume_begin(const struct cli *cli, const char *collection, const char *file,
                      const struct stat *is, struct cli_resume *out) {
    *out = (struct cli_resume){0};
    char *real = S_ISREG(is->st_mode) ? realpath(file, NULL) : NULL;
    if (!real) return;
    const char *database = cli->database ? cli->database : "main";
    uint64_t hash = hash_text(0xcbf29ce484222325u, real);
    hash = hash_text(hash_text(hash, database), collection);
    struct cli_text path = {0};
    cli_text_format(&path, "%s/imports/%016llx.json", cli->dir, (unsigned long long)hash);
    out->path = path.data;
    cmd_member_text(&out->about, "file", real);
    cmd_member_text(&out->about, "database", database);
    cmd_member_text(&out->about, "collection", collection);
    cmd_member_number(&out->about, "size", (uint64_t)is->st_size);
    cmd_member_number(&out->about, "mtime_ns",
                      (uint64_t)is->st_mtim.tv_sec * 1000000000u + (uint64_t)is->st_mtim.tv_nsec);
    cli_free(real);
}

static size_t read_small(const char *path, char *buffer, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? 0 : read(fd, buffer, size);
    if (fd >= 0) close(fd);
    return got > 0 ? (size_t)got : 0;
}

uint64_t cli_resume_read(const struct cli_resume *resume, bool *changed) {
    *changed = false;
    char *buffer = resume->path ? cli_alloc(RESUME_FILE_MAX) : NULL;
    if (!buffer) return 0;
    struct cli_slice text = {buffer, read_small(resume->path, buffer, RESUME_FILE_MAX)};
    uint64_t lines = 0;
    if (cli_json_is_one(text, '{')) {
        bool same = text.size > resume->about.size &&
                    memcmp(buffer, cli_text_of(&resume->about), resume->about.size) == 0;
        lines = same ? cli_json_uint(text, "lines", 0) : 0;
        *changed = !same;
    }
    cli_free(buffer);
    return lines;
}

static bool write_small(const char *path, const struct cli_text *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    bool whole = write(fd, text->data, text->size) == (ssize_t)text->size;
    return close(fd) == 0 && whole;
}

static void make_folder(const char *path) {
    char *folder = cli_copy(path);
    *strrchr(folder, '/') = '\0';
    if (mkdir(folder, 0700) != 0) errno = 0; // it is there, or writing the file fails too
    cli_free(folder);
}

void cli_resume_keep(struct cli_resume *resume, uint64_t lines) {
    if (!resume->path || lines == 0 || lines == resume->lines) return;
    struct cli_text text = {0}, beside = {0};
    cli_text_puts(&text, cli_text_of(&resume->about));
    cmd_member_number(&text, "lines", lines);
    cli_text_puts(&text, "}\n");
    cli_text_format(&beside, "%s.new", resume->path);
    if (resume->lines == 0) make_folder(resume->path);
    if (write_small(cli_text_of(&beside), &text) && rename(cli_text_of(&beside), resume->path) == 0)
        resume->lines = lines;
    cli_text_free(&text);
    cli_text_free(&beside);
}

void cli_resume_forget(struct cli_resume *resume) {
    if (resume->path && unlink(resume->path) == 0) {
        *strrchr(resume->path, '/') = '\0';
        rmdir(resume->path); // only if it was the last
        cli_free(resume->path);
        resume->path = NULL;
    }
}

void cli_resume_end(struct cli_resume *resume) {
    cli_free(resume->path);
    cli_text_free(&resume->about);
}
