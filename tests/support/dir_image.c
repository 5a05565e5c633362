#include "support/dir_image.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err/check.h"

enum { PATH_BYTES = 512 };

static void join(char out[PATH_BYTES], const char *a, const char *b) {
    int n = snprintf(out, PATH_BYTES, "%s%s%s", a, *a && *b ? "/" : "", b);
    CHECK(n > 0 && n < PATH_BYTES);
}

static void read_file(struct dir_image *image, const char *path, const char *name) {
    struct stat st;
    CHECK(image->count < DIR_IMAGE_FILES && strlen(name) < DIR_IMAGE_NAME);
    struct dir_image_file *f = &image->files[image->count++];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    memcpy(f->name, name, strlen(name) + 1);
    f->size = f->kept = (size_t)st.st_size;
    f->bytes = malloc(f->size + 1);
    CHECK(f->bytes != NULL && read(fd, f->bytes, f->size) == (ssize_t)f->size);
    (void)close(fd);
    while (f->kept && !f->bytes[f->kept - 1])
        f->kept--;
    f->bytes = realloc(f->bytes, f->kept + 1);
    CHECK(f->bytes != NULL);
}

static void read_folder(struct dir_image *image, const char *dir, const char *below) {
    char path[PATH_BYTES], name[PATH_BYTES], full[PATH_BYTES];
    struct dirent *entry;
    struct stat st;
    join(path, dir, below);
    DIR *d = opendir(path);
    CHECK(d != NULL);
    while ((entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        join(name, below, entry->d_name);
        join(full, dir, name);
        CHECK(lstat(full, &st) == 0);
        if (!S_ISDIR(st.st_mode)) {
            read_file(image, full, name);
            continue;
        }
        CHECK(image->folder_count < 16 && strlen(name) < DIR_IMAGE_NAME);
        memcpy(image->folders[image->folder_count++], name, strlen(name) + 1);
        read_folder(image, dir, name);
    }
    (void)closedir(d);
}

void dir_image_read(struct dir_image *image, const char *dir) {
    *image = (struct dir_image){0};
    read_folder(image, dir, "");
}

void dir_image_free(struct dir_image *image) {
    for (size_t i = 0; i < image->count; i++)
        free(image->files[i].bytes);
    *image = (struct dir_image){0};
}

void dir_image_write(const struct dir_image *image, const char *dir) {
    char path[PATH_BYTES];
    CHECK(mkdir(dir, 0700) == 0);
    for (size_t i = 0; i < image->folder_count; i++) {
        join(path, dir, image->folders[i]);
        CHECK(mkdir(path, 0700) == 0);
    }
    for (size_t i = 0; i < image->count; i++) {
        const struct dir_image_file *f = &image->files[i];
        join(path, dir, f->name);
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && write(fd, f->bytes, f->kept) == (ssize_t)f->kept);
        CHECK(ftruncate(fd, (off_t)f->size) == 0);
        (void)close(fd);
    }
}

struct dir_image_file *dir_image_find(struct dir_image *image, const char *name) {
    for (size_t i = 0; i < image->count; i++)
        if (strcmp(image->files[i].name, name) == 0) return &image->files[i];
    return NULL;
}

static const struct dir_image_file *find(const struct dir_image *image, const char *name) {
    for (size_t i = 0; i < image->count; i++)
        if (strcmp(image->files[i].name, name) == 0) return &image->files[i];
    return NULL;
}

const char *dir_image_differs(const struct dir_image *a, const struct dir_image *b) {
    for (size_t i = 0; i < a->count; i++) {
        const struct dir_image_file *x = &a->files[i], *y = find(b, x->name);
        if (!y || x->size != y->size || x->kept != y->kept ||
            memcmp(x->bytes, y->bytes, x->kept) != 0)
            return x->name;
    }
    for (size_t i = 0; i < b->count; i++)
        if (!find(a, b->files[i].name)) return b->files[i].name;
    return NULL;
}
