/* What sees the bytes of `berth relay` go by: the mirrors, what keeps a terminal whole, and the key
 * that ends a conversation. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "cmd/relay.h"

enum { KEY = 0x1d }; /* Ctrl-], as in telnet(1) */

/* Mirrors */

static int open_mirror(struct relay *r, struct relay_mirror *m, const char *path, int ways)
{
    struct err e;
    *m = (struct relay_mirror){.fd = -1, .ways = ways, .relay = r};
    if (!path)
        return 0;
    m->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (m->fd >= 0)
        return 0;
    err_set(&e, errno, "write", path, NULL);
    flow_events_err(&r->a->events, EVENT_FAILED, &e);
    return EXIT_NO;
}

int relay_mirrors_open(struct relay *r)
{
    int status = open_mirror(r, &r->mirrors[0], r->a->mirror, RELAY_FORTH | RELAY_BACK);
    if (status == 0)
        status = open_mirror(r, &r->mirrors[1], r->a->mirror_forth, RELAY_FORTH);
    if (status == 0)
        status = open_mirror(r, &r->mirrors[2], r->a->mirror_back, RELAY_BACK);
    return status;
}

void relay_mirrors_close(struct relay *r)
{
    for (size_t i = 0; i < sizeof r->mirrors / sizeof *r->mirrors; i++)
        if (r->mirrors[i].relay)
            fd_close(&r->mirrors[i].fd);
}

/* A mirror that can't be written any more is told of once, and left: what it was to copy goes on.
 */
static void write_mirror(struct relay_mirror *m, const char *bytes, size_t n)
{
    int result = m->fd < 0 ? 0 : fd_write_all(m->fd, bytes, n);
    if (result == 0)
        return;
    fd_close(&m->fd);
    m->relay->failed = true;
    relay_tell(m->relay, &(struct event){.kind = EVENT_TROUBLE,
                                         .words = "the mirror ends here: it can't be written",
                                         .error = -result});
}

static void mirror(struct talk *t, int way, const char *bytes, size_t n)
{
    struct relay *r = t->relay;
    for (size_t i = 0; i < sizeof r->mirrors / sizeof *r->mirrors; i++)
        if (r->mirrors[i].ways & way)
            write_mirror(&r->mirrors[i], bytes, n);
}

/* NOLINTBEGIN(readability-non-const-parameter): the type of pump_hook.pass */
static int mirror_forth(struct pump_hook *h, const char **bytes, size_t *n)
{
    struct talk *t = (struct talk *)((char *)h - offsetof(struct talk, hooks.mirror[0]));
    mirror(t, RELAY_FORTH, *bytes, *n);
    return 0;
}

static int mirror_back(struct pump_hook *h, const char **bytes, size_t *n)
{
    struct talk *t = (struct talk *)((char *)h - offsetof(struct talk, hooks.mirror[1]));
    mirror(t, RELAY_BACK, *bytes, *n);
    return 0;
}

/* The key that ends it. */
static int look_for_key(struct pump_hook *h, const char **bytes, size_t *n)
{
    (void)h;
    return *n && memchr(*bytes, KEY, *n) ? -ECANCELED : 0;
}
/* NOLINTEND(readability-non-const-parameter) */

static bool is_mirrored(const struct relay *r, int way)
{
    for (size_t i = 0; i < sizeof r->mirrors / sizeof *r->mirrors; i++)
        if (r->mirrors[i].fd >= 0 && r->mirrors[i].ways & way)
            return true;
    return false;
}

/* All of them */

static void add(struct pump *p, struct pump_hook *h)
{
    struct pump_hook **end = &p->hooks;
    while (*end)
        end = &(*end)->next;
    h->next = NULL;
    *end = h;
}

void relay_hooks_add(struct talk *t, const struct pairing_side sides[SIDES])
{
    struct pump *pumps[] = {&t->pair.ab, &t->pair.ba};
    static int (*const mirrors[])(struct pump_hook *, const char **, size_t *) = {mirror_forth,
                                                                                  mirror_back};
    for (int from = 0; from < SIDES; from++) {
        t->hooks.mirror[from].pass = mirrors[from];
        if (is_mirrored(t->relay, from == 0 ? RELAY_FORTH : RELAY_BACK))
            add(pumps[from], &t->hooks.mirror[from]);
        hook_escape_init(&t->hooks.escape[from]);
        if (pairing_escapes(&t->pair, sides, from) && !t->relay->a->raw)
            add(pumps[from], &t->hooks.escape[from].hook);
        t->hooks.key.pass = look_for_key;
        if (t->relay->keyboard.kept && t->relay->sides[from].endpoint.scheme == ENDPOINT_STDIO)
            add(pumps[from], &t->hooks.key);
    }
}

void relay_hooks_clear(struct talk *t)
{
    for (int i = 0; i < SIDES; i++)
        if (t->joined)
            hook_escape_clear(&t->hooks.escape[i]);
}
