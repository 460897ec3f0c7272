/* A rule without ports hands on what comes to its chain: "tcp dport vmap { 80 : jump web }" and, in
 * the chain web, "dnat to 10.0.0.2". So the ways to that chain are followed back, each to where it
 * has ports. Of what comes to a chain that the kernel itself begins with, ports can't be told: it's
 * all, and other conditions, which are not evaluated, say what; such rules are passed over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/forwards_impl.h"

/* The kernel's own limit of depth is 16 (NFT_JUMP_STACK_SIZE, nf_tables.h). */
enum { WAYS_MAX = 1 << 17, ENDS_MAX = 1 << 16, DEPTH_MAX = 16, STEPS_MAX = 1 << 22 };

int ways_add(struct listing *l, const struct way *way)
{
    struct way w = *way;
    if (l->ways.len >= WAYS_MAX) {
        l->unread = true;
        return 0;
    }
    w.table = l->table;
    w.from = l->chain;
    return vec_add(&l->ways, &w);
}

int ways_add_end(struct listing *l, const struct kernel_forward *f)
{
    struct end e = {l->table, l->chain, *f};
    if (l->ends.len >= ENDS_MAX) {
        l->unread = true;
        return 0;
    }
    return vec_add(&l->ends, &e);
}

static int compare_ways(const void *a, const void *b)
{
    const struct way *x = a, *y = b;
    int table = word_compare(&x->table, &y->table);
    return table ? table : word_compare(&x->to, &y->to);
}

/* Those to one chain stay as they were listed. */
static int order_ways(const void *a, const void *b)
{
    const struct way *x = a, *y = b;
    int order = compare_ways(x, y);
    return order ? order : x->to.at < y->to.at ? -1 : x->to.at > y->to.at;
}

/* The first that isn't before the chain. */
static size_t find_ways(const struct listing *l, const struct way *to)
{
    size_t first = 0, n = l->ways.len;
    while (n > 0) {
        size_t half = n / 2;
        bool before = compare_ways(vec_at(&l->ways, first + half), to) < 0;
        first += before ? half + 1 : 0;
        n = before ? n - half - 1 : half;
    }
    return first;
}

/* The ports of a way, where its protocol isn't another than the rule's. */
static int add_forward(struct listing *l, const struct end *e, const struct way *w)
{
    struct kernel_forward f = e->f;
    if (w->protocol[0] && f.protocol[0] && strcmp(w->protocol, f.protocol) != 0)
        return 0;
    if (w->protocol[0])
        memcpy(f.protocol, w->protocol, sizeof f.protocol);
    f.first = w->first;
    f.last = w->last;
    return forwards_add(l, &f);
}

struct following {
    const struct end *end;
    uint32_t number; /* of the end; never 0 */
    size_t *steps;
};

static int follow(struct listing *l, const struct following *f, struct word chain, unsigned depth)
{
    const struct way to = {.table = f->end->table, .to = chain};
    int result = 0;
    for (size_t i = find_ways(l, &to); result == 0 && i < l->ways.len; i++) {
        struct way *w = vec_at(&l->ways, i);
        if (compare_ways(w, &to) != 0 || ++*f->steps > STEPS_MAX)
            break;
        if (w->seen == f->number)
            continue;
        w->seen = f->number;
        if (w->unread || depth == 0)
            l->unread = true;
        else
            result = w->all ? follow(l, f, w->from, depth - 1) : add_forward(l, f->end, w);
    }
    return result;
}

int ways_follow(struct listing *l)
{
    int result = 0;
    size_t steps = 0;
    if (l->ways.len)
        qsort(l->ways.items, l->ways.len, sizeof(struct way), order_ways);
    for (size_t i = 0; result == 0 && i < l->ends.len && steps <= STEPS_MAX; i++) {
        const struct end *end = vec_at(&l->ends, i);
        struct following f = {end, (uint32_t)i + 1, &steps};
        result = follow(l, &f, end->chain, DEPTH_MAX);
    }
    l->unread |= steps > STEPS_MAX;
    return result;
}
