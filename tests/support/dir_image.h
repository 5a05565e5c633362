// A directory tree held in memory, to be written out again, damaged, and compared. Zeros at the end
// of a file are not kept: a log segment is mostly these.
#ifndef TESTS_SUPPORT_DIR_IMAGE_H
#define TESTS_SUPPORT_DIR_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIR_IMAGE_FILES = 128, DIR_IMAGE_NAME = 96 };

struct dir_image {
    struct dir_image_file {
        char name[DIR_IMAGE_NAME]; // below the directory
        uint8_t *bytes;            // kept of them
        size_t kept, size;
    } files[DIR_IMAGE_FILES];
    size_t count;
    char folders[16][DIR_IMAGE_NAME];
    size_t folder_count;
};

// Aborts when a system call fails: this is for tests.
void dir_image_read(struct dir_image *image, const char *dir);
void dir_image_free(struct dir_image *image);
void dir_image_write(const struct dir_image *image, const char *dir); // dir must not be there
// NULL if equal, else the name of a file that differs, is new or is gone.
const char *dir_image_differs(const struct dir_image *a, const struct dir_image *b);
struct dir_image_file *dir_image_find(struct dir_image *image, const char *name);

#endif
