/* Feeds files, and all that lie in directories, to a fuzz target; then each of them cut short and
 * with some bytes changed, always the same ones, so that a failure shows again. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "fuzz.h"

enum { VARIANTS = 200, LARGEST = 1 << 20 };

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A copy of exactly n bytes, so that a sanitizer sees a read beyond them. */
static void feed(const char *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    if (n)
        memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void feed_variants(char *bytes, size_t n)
{
    uint32_t seed = 1;
    feed(bytes, n);
    for (int i = 0; i < VARIANTS && n > 0; i++) {
        size_t at = next_random(&seed) % n;
        char before = bytes[at];
        feed(bytes, at);
        bytes[at] = (char)next_random(&seed);
        feed(bytes, n);
        if (i % 4) /* the other changes add up */
            bytes[at] = before;
    }
}

static int replay_file(int dir, const char *name)
{
    _cleanup_buf_ struct buf content = BUF_INIT(LARGEST);
    int e = fd_read_file(dir, name, &content);
    if (e < 0)
        fprintf(stderr, "%s: %s\n", name, strerror(-e));
    else
        feed_variants(content.data, content.len);
    return e;
}

static int replay(const char *path, size_t *files)
{
    DIR *dir = opendir(path);
    if (!dir) {
        ++*files;
        return replay_file(AT_FDCWD, path);
    }
    int e = 0;
    for (struct dirent *entry; e == 0 && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        ++*files;
        e = replay_file(dirfd(dir), entry->d_name);
    }
    closedir(dir);
    return e;
}

int main(int argc, char **argv)
{
    size_t files = 0;
    for (int i = 1; i < argc; i++)
        if (replay(argv[i], &files) < 0)
            return 1;
    printf("%zu inputs\n", files);
    return files > 0 ? 0 : 1;
}
