#include "names/users.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct user_name {
    struct user_name *next;
    char text[];
};

/* A passwd entry with all its texts may take so much, and no more. */
enum { ENTRY_MIN = 1024, ENTRY_MAX = 1 << 20 };

void users_clear(struct users *u)
{
    for (struct user_name *next, *at = u->names; at; at = next) {
        next = at->next;
        free(at);
    }
    hash_free(&u->by_uid);
    *u = (struct users){0};
}

/* One of the two lookups, with a buffer that grows while the entry doesn't fit. */
static int find(const char *name, uint32_t uid, struct passwd *ret, struct buf *texts)
{
    for (size_t size = ENTRY_MIN; size <= ENTRY_MAX; size *= 4) {
        struct passwd *found = NULL;
        char *bytes = buf_reserve(texts, size);
        if (!bytes)
            return -ENOMEM;
        int r = name ? getpwnam_r(name, ret, bytes, size, &found)
                     : getpwuid_r(uid, ret, bytes, size, &found);
        if (r == 0)
            return found ? 0 : -ENOENT;
        if (r != ERANGE)
            return -r;
    }
    return -ERANGE;
}

static const char *keep(struct users *u, const char *text)
{
    size_t n = strlen(text) + 1;
    struct user_name *kept = malloc(sizeof *kept + n);
    if (!kept)
        return NULL;
    memcpy(kept->text, text, n);
    kept->next = u->names;
    u->names = kept;
    return kept->text;
}

const char *users_name(struct users *u, uint32_t uid)
{
    _cleanup_buf_ struct buf texts = BUF_INIT(ENTRY_MAX);
    struct passwd entry;
    uint64_t *known = hash_get(&u->by_uid, uid);
    if (known)
        return (const char *)(uintptr_t)*known;

    const char *name = find(NULL, uid, &entry, &texts) == 0 ? keep(u, entry.pw_name) : NULL;
    known = hash_put(&u->by_uid, uid, NULL);
    if (known)
        *known = (uintptr_t)name;
    return name;
}

int users_uid(const char *name, uint32_t *ret)
{
    _cleanup_buf_ struct buf texts = BUF_INIT(ENTRY_MAX);
    struct passwd entry;
    int r = find(name, 0, &entry, &texts);
    if (r == 0)
        *ret = entry.pw_uid;
    return r;
}
