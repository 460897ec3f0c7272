#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow/http_files.h"
#include "flow/http_types.h"

/* A folder with a file, which is replaced. */

struct folder {
    char path[32];
    int fd;
    struct http_types types;
    struct http_files files;
};

static void put(struct folder *d, const char *text)
{
    int fd = openat(d->fd, "new", O_CREAT | O_EXCL | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(renameat(d->fd, "new", d->fd, "f"), 0);
}

static void open_folder(struct folder *d)
{
    *d = (struct folder){.path = "/tmp/http-files-XXXXXX"};
    assert_non_null(mkdtemp(d->path));
    d->fd = open(d->path, O_DIRECTORY | O_CLOEXEC);
    assert_true(d->fd >= 0);
    http_types_init(&d->types);
    http_files_init(&d->files, d->fd, &d->types);
}

static void close_folder(struct folder *d)
{
    http_files_clear(&d->files);
    http_types_free(&d->types);
    unlinkat(d->fd, "f", 0);
    close(d->fd);
    rmdir(d->path);
}

static uint64_t size_in(struct folder *d, uint64_t round, bool waited)
{
    struct http_file *file;
    d->files.round = round;
    d->files.waited = waited;
    assert_int_equal(http_files_open(&d->files, "f", &file), 0);
    uint64_t size = file->size;
    http_file_unref(&file);
    return size;
}

static void test_a_look_does_for_who_waited(void **state)
{
    (void)state;
    struct folder d;
    open_folder(&d);
    put(&d, "one");
    assert_int_equal(size_in(&d, 1, true), 3);
    put(&d, "three");
    assert_int_equal(size_in(&d, 1, true), 3);
    assert_int_equal(size_in(&d, 1, false), 5);
    put(&d, "fifteen");
    assert_int_equal(size_in(&d, 1, true), 5);
    assert_int_equal(size_in(&d, 2, true), 7);
    close_folder(&d);
}

static void test_a_look_does_not_for_who_came_later(void **state)
{
    (void)state;
    struct folder d;
    open_folder(&d);
    static const char *const texts[] = {"a", "ab", "abc", "abcd"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(&d, texts[i]);
        assert_int_equal(size_in(&d, 7, false), i + 1);
    }
    close_folder(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_look_does_for_who_waited),
        cmocka_unit_test(test_a_look_does_not_for_who_came_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
