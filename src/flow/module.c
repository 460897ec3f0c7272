#include "flow/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* The path of a file beside the program; false where that isn't to be known. */
static bool beside_program(const char *file, char *ret, size_t size)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return false;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return false;
    int length = snprintf(ret, size, "%.*s/%s", (int)(slash - program), program, file);
    return length > 0 && (size_t)length < size;
}

/* For tests of a part of berth, whose program lies elsewhere. secure_getenv(3): not for whom the
 * program lends privileges to. */
static bool as_environment_says(const char *file, char *ret, size_t size)
{
    const char *folder = secure_getenv("BERTH_MODULE_DIR");
    if (!folder)
        return false;
    int length = snprintf(ret, size, "%s/%s", folder, file);
    return length > 0 && (size_t)length < size;
}

static int find(const char *file, char *ret, size_t size)
{
    if (as_environment_says(file, ret, size) && access(ret, R_OK) == 0)
        return 0;
    if (beside_program(file, ret, size) && access(ret, R_OK) == 0)
        return 0;
    snprintf(ret, size, "%s/%s", BERTH_MODULE_DIR, file);
    return access(ret, R_OK) == 0 ? 0 : -errno;
}

int module_open(const char *file, const char *symbol, const char *what, const void **ret,
                struct err *e)
{
    char path[PATH_MAX + NAME_MAX];
    int result = find(file, path, sizeof path);
    if (result < 0)
        return err_set(e, -result, "load what is needed for", what,
                       "the file %s is missing: berth was built or installed without it", path);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_word(e, ELIBACC, "load what is needed for", what, "%s", dlerror());
    *ret = dlsym(handle, symbol);
    if (!*ret)
        return err_word(e, ELIBBAD, "load what is needed for", what, "%s", dlerror());
    return 0;
}
