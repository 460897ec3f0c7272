/* netstat's column "PID/Program name": who has a socket open, and what its command line says. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "dialect/netstat_listing.h"
#include "kernel/owners.h"
#include "kernel/process.h"

enum {
    TITLE_MAX = 19,   /* "PID/Program name" */
    OWNER_WIDTH = 20, /* its column */
};

/* The first word of the command line; the last part of a path, if it begins with a slash. */
static void describe_process(struct buf *out, int32_t pid)
{
    struct buf title = BUF_INIT(PROCESS_CMDLINE_MAX);
    struct buf all = BUF_INIT(PROCESS_CMDLINE_MAX + 32);
    (void)process_read_title(pid, &title);
    const char *from = title.data;
    size_t n = title.len;
    const char *slash = n && from[0] == '/' ? memrchr(from, '/', n) : NULL;
    if (slash) {
        n -= (size_t)(slash + 1 - from);
        from = slash + 1;
    }
    buf_printf(&all, "%d/", pid);
    buf_add(&all, from, n);
    size_t cut = all.len < TITLE_MAX ? all.len : TITLE_MAX;
    while (cut && cut < all.len && (all.data[cut] & 0xc0) == 0x80)
        cut--; /* no half characters */
    netstat_text(out, all.data, cut);
    buf_free(&title);
    buf_free(&all);
}

static const struct buf *title_of(struct listing *l, int32_t pid)
{
    uint64_t *at = hash_get(&l->titles, (uint64_t)pid);
    if (at)
        return vec_at(&l->title_texts, *at - 1);
    struct buf *text = vec_push(&l->title_texts);
    if (!text)
        return NULL;
    *text = BUF_INIT(256);
    describe_process(text, pid);
    at = hash_put(&l->titles, (uint64_t)pid, NULL);
    if (at)
        *at = l->title_texts.len;
    return text;
}

void netstat_owner(struct buf *out, struct listing *l, uint64_t inode)
{
    const struct net_owner *holders = NULL;
    uint32_t n = 0;
    size_t before = out->len;
    const struct buf *title = NULL;
    if (inode && owners_find(l->owners, inode, &holders, &n) == OWNERS_FOUND && n)
        title = title_of(l, holders[0].pid);
    if (title)
        buf_add(out, title->data, title->len);
    else
        buf_char(out, '-');
    if (out->len - before < OWNER_WIDTH)
        buf_repeat(out, ' ', OWNER_WIDTH - (out->len - before));
}

/* Why some owners don't show: before the list, on standard error, as the original has it. */
static void tell_blindness(struct owners *o)
{
    struct owners_blind blind;
    _cleanup_vec_ struct vec any = VEC_INIT(struct owners_socket);
    owners_blind(o, &blind);
    if (!blind.closed && !blind.no_proc)
        return;
    if (owners_unasked(o, &any) == 0 && any.len)
        fputs("(Not all processes could be identified, non-owned process info\n"
              " will not be shown, you would have to be root to see it all.)\n",
              stderr);
    else
        fprintf(stderr,
                "(No info could be read for \"-p\": geteuid()=%u but you should be root.)\n",
                (unsigned)geteuid());
}

int netstat_owners_open(struct listing *l)
{
    struct err e = {0};
    static const struct source_query q = {.detail = SOURCE_OWNERS}; /* the owners borrow it */
    int r = owners_read(&q, &l->owners, &e);
    if (r < 0)
        err_print(&e, stderr);
    else
        tell_blindness(l->owners);
    return r;
}

void netstat_owners_close(struct listing *l)
{
    for (size_t i = 0; i < l->title_texts.len; i++)
        buf_free(vec_at(&l->title_texts, i));
    vec_free(&l->title_texts);
    hash_free(&l->titles);
    owners_free(&l->owners);
}
