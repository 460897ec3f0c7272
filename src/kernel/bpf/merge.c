#include "kernel/bpf/merge.h"
#include "kernel/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 256 * 1024 };

/* Bytes of items that wait, one after the other. */
struct block {
    struct block *next;
    size_t len;
    uint8_t bytes[BLOCK_SIZE - 2 * sizeof(void *)];
};

struct shared {
    const uint8_t *bytes;
    uint32_t n_bytes;
    uint32_t holders;     /* how many the kernel counted */
    uint32_t met;         /* how many came */
    uint32_t first_owner; /* index in shared_owners, + 1 */
    bool told;
};

struct shared_owner {
    const struct net_process *process;
    int32_t fd;
    uint32_t next; /* index + 1 */
};

static void blocks_free(struct block *b)
{
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

static uint8_t *block_take(struct block **last, size_t n)
{
    if (n > sizeof(*last)->bytes)
        return NULL;
    if (!*last || sizeof(*last)->bytes - (*last)->len < n) {
        struct block *b = malloc(sizeof *b);
        if (!b)
            return NULL;
        b->next = NULL;
        b->len = 0;
        if (*last)
            (*last)->next = b;
        *last = b;
    }
    uint8_t *at = (*last)->bytes + (*last)->len;
    (*last)->len += n;
    return at;
}

void bpf_merge_init(struct bpf_merge *m, source_sink *sink, void *ctx, bool listeners_first)
{
    *m = (struct bpf_merge){
        .sink = sink,
        .ctx = ctx,
        .listeners_first = listeners_first,
        .shared = VEC_INIT(struct shared),
        .shared_owners = VEC_INIT(struct shared_owner),
    };
}

static void processes_free(struct hash *h)
{
    for (size_t i = 0; i < h->cap; i++)
        if (h->slots[i].key)
            free((void *)(uintptr_t)h->slots[i].value);
    free(h->has_zero ? (void *)(uintptr_t)h->zero_value : NULL);
    hash_free(h);
}

void bpf_merge_clear(struct bpf_merge *m)
{
    int saved = errno;

    processes_free(&m->process_by_pid);
    hash_free(&m->shared_by_key);
    vec_free(&m->shared);
    vec_free(&m->shared_owners);
    blocks_free(m->first);
    while (m->shared_bytes) {
        struct block *next = m->shared_bytes->next;
        free(m->shared_bytes);
        m->shared_bytes = next;
    }
    errno = saved;
}

static int take_clock(void *ctx, const struct bpf_clock_chunk *clock)
{
    struct bpf_merge *m = ctx;

    if (!m->hz)
        m->hz = bpf_decode_hz(clock);
    return 0;
}

/* Where the kernel has it, if it stands in a table at all: not before it has a port. */
static int table_of(const struct bpf_sock_chunk *c)
{
    if (c->kind == BPF_KIND_UDP)
        return c->lport ? BPF_TABLE_UDP : -1;
    if (c->kind != BPF_KIND_TCP || c->state == NET_CLOSE || c->state == NET_BOUND_INACTIVE)
        return -1;
    return c->state == NET_LISTEN ? BPF_TABLE_LISTENING : BPF_TABLE_ESTABLISHED;
}

static void count(struct bpf_merge *m, const struct bpf_sock_chunk *c)
{
    int table = table_of(c);
    if (table < 0)
        return;
    m->met.sockets[table]++;
    m->met.inodes[table] += c->inode;
}

uint64_t bpf_merge_met_tcp(const struct bpf_merge *m)
{
    return m->met.sockets[BPF_TABLE_LISTENING] + m->met.sockets[BPF_TABLE_ESTABLISHED];
}

static int take_tally(void *ctx, const struct bpf_tally_chunk *tally)
{
    struct bpf_merge *m = ctx;
    m->tcp = tally->tcp;
    for (int i = 0; i < BPF_TABLES; i++)
        if (tally->walked >> i & 1 &&
            (tally->sockets[i] != m->met.sockets[i] || tally->inodes[i] != m->met.inodes[i]))
            m->gaps |= 1u << i;
    return 0;
}

static int take_task(void *ctx, const struct bpf_task_chunk *task)
{
    struct bpf_merge *m = ctx;
    uint64_t *slot = hash_put(&m->process_by_pid, task->pid, NULL);

    if (!slot)
        return -ENOMEM;
    if (!*slot) {
        struct net_process *p = calloc(1, sizeof *p);
        if (!p)
            return -ENOMEM;
        p->pid = (int32_t)task->pid;
        p->uid = task->euid;
        p->start_ns = process_round_start(task->start_ns);
        memcpy(p->comm, task->comm, sizeof p->comm - 1);
        p->known = 1 << NET_P_UID | 1 << NET_P_START;
        *slot = (uintptr_t)p;
    }
    m->process = (struct net_process *)(uintptr_t)*slot;
    return 0;
}

static int tell(struct bpf_merge *m, const struct net_owner *owners, uint32_t n)
{
    m->row.owners = n ? owners : NULL;
    m->row.n_owners = n;
    net_socket_set(&m->row, NET_F_OWNERS);
    return m->sink(m->ctx, &m->row);
}

static int tell_single(struct bpf_merge *m, const struct bpf_item *item)
{
    struct net_owner owner = {
        .pid = m->process ? m->process->pid : 0,
        .fd = (int32_t)item->sock.fd,
        .process = m->process,
    };

    return tell(m, &owner, m->process && !(item->sock.flags & BPF_SOCK_FILELESS));
}

/* A note of ours among the waiting items: the process of those that follow. */
struct process_mark {
    struct bpf_chunk chunk;
    uint32_t unused;
    const struct net_process *process;
};

static int wait_for_listeners(struct bpf_merge *m, const struct bpf_item *item)
{
    uint8_t *at;

    if (m->told != m->process || !m->last) {
        struct process_mark mark = {.chunk = {sizeof mark, BPF_TAG_RESERVED},
                                    .process = m->process};
        at = block_take(&m->last, sizeof mark);
        if (!at)
            return -ENOMEM;
        if (!m->first)
            m->first = m->last;
        memcpy(at, &mark, sizeof mark);
        m->told = m->process;
    }
    at = block_take(&m->last, item->n_bytes);
    if (!at)
        return -ENOMEM;
    memcpy(at, item->bytes, item->n_bytes);
    return 0;
}

/* Not by its cookie, which it may not have yet, and which an accepted MPTCP socket has from its
 * listener. That one's subflow has its inode, so that the kind is needed too. */
static uint64_t shared_key(const struct bpf_sock_chunk *c)
{
    return c->inode | (uint64_t)c->kind << 56;
}

static struct shared *shared_find(struct bpf_merge *m, const struct bpf_item *item)
{
    uint64_t *slot = hash_put(&m->shared_by_key, shared_key(&item->sock), NULL);

    if (!slot)
        return NULL;
    if (*slot)
        return vec_at(&m->shared, *slot - 1);

    struct block *block = m->shared_bytes;
    if (!block || sizeof block->bytes - block->len < item->n_bytes) {
        block = malloc(sizeof *block);
        if (!block || item->n_bytes > sizeof block->bytes) {
            free(block);
            return NULL;
        }
        block->next = m->shared_bytes;
        block->len = 0;
        m->shared_bytes = block;
    }
    struct shared *s = vec_push(&m->shared);
    if (!s)
        return NULL;
    *slot = m->shared.len;
    memcpy(block->bytes + block->len, item->bytes, item->n_bytes);
    s->bytes = block->bytes + block->len;
    s->n_bytes = (uint32_t)item->n_bytes;
    s->holders = item->sock.holders;
    block->len += item->n_bytes;
    return s;
}

static int keep_row(void *ctx, const struct bpf_item *item)
{
    struct bpf_merge *m = ctx;

    bpf_item_to_socket(item, m->hz, &m->row);
    return 0;
}

static int ignore_task(void *ctx, const struct bpf_task_chunk *task)
{
    (void)ctx;
    (void)task;
    return 0;
}

static int tell_shared(struct bpf_merge *m, struct shared *s)
{
    struct bpf_decode_sink sink = {m, ignore_task, keep_row, take_clock};
    struct net_owner *owners = calloc(s->met, sizeof *owners);
    uint32_t at = s->met;
    int r;

    if (!owners)
        return -ENOMEM;
    /* the list has the last first */
    for (uint32_t i = s->first_owner; i && at;) {
        const struct shared_owner *o = vec_at(&m->shared_owners, i - 1);
        owners[--at] = (struct net_owner){o->process ? o->process->pid : 0, o->fd, o->process};
        i = o->next;
    }
    s->told = true;
    r = bpf_decode(s->bytes, s->n_bytes, &sink);
    if (r == 0)
        r = tell(m, owners, s->met);
    free(owners);
    return r;
}

static int take_shared(struct bpf_merge *m, const struct bpf_item *item, bool may_tell)
{
    struct shared *s = shared_find(m, item);

    if (!s)
        return -ENOMEM;
    if (s->told) /* a holder that came while the pass went on */
        return 0;
    struct shared_owner owner = {m->process, (int32_t)item->sock.fd, s->first_owner};
    int r = vec_add(&m->shared_owners, &owner);
    if (r < 0)
        return r;
    s->first_owner = (uint32_t)m->shared_owners.len;
    if (s->met++ == 0)
        count(m, &item->sock);
    return may_tell && s->met >= s->holders ? tell_shared(m, s) : 0;
}

/* net_socket_is_listener() before there is a row. */
static bool is_listener(const struct bpf_item *item)
{
    struct net_socket s;

    s.kind = item->sock.kind < NET_KINDS ? (enum net_kind)item->sock.kind : NET_OTHER;
    s.state = (enum net_state)item->sock.state;
    return net_socket_is_listener(&s);
}

static int take_item(void *ctx, const struct bpf_item *item)
{
    struct bpf_merge *m = ctx;
    bool held = !(item->sock.flags & (BPF_SOCK_FILELESS | BPF_SOCK_WALKED));
    bool now = true;

    if (held && !m->process)
        return -EBADMSG;
    if (m->listeners_first)
        now = is_listener(item);
    if (now)
        bpf_item_to_socket(item, m->hz, &m->row);
    if (item->sock.flags & BPF_SOCK_WALKED)
        return now ? m->sink(m->ctx, &m->row) : -EBADMSG;
    if (held && item->sock.holders > 1 && item->sock.inode)
        return take_shared(m, item, now);
    if (held)
        count(m, &item->sock);
    return now ? tell_single(m, item) : wait_for_listeners(m, item);
}

int bpf_merge_feed(struct bpf_merge *m, const void *bytes, size_t n)
{
    struct bpf_decode_sink sink = {m, take_task, take_item, take_clock, take_tally};

    return bpf_decode(bytes, n, &sink);
}

static int tell_all_shared(struct bpf_merge *m, bool listeners)
{
    struct bpf_decode_sink sink = {m, ignore_task, keep_row, take_clock};

    for (size_t i = 0; i < m->shared.len; i++) {
        struct shared *s = vec_at(&m->shared, i);
        if (s->told)
            continue;
        int r = bpf_decode(s->bytes, s->n_bytes, &sink);
        if (r == 0 && (!m->listeners_first || net_socket_is_listener(&m->row) == listeners))
            r = tell_shared(m, s);
        if (r)
            return r;
    }
    return 0;
}

static int replay_item(void *ctx, const struct bpf_item *item)
{
    struct bpf_merge *m = ctx;

    bpf_item_to_socket(item, m->hz, &m->row);
    return tell_single(m, item);
}

static int replay_block(struct bpf_merge *m, const struct block *b)
{
    struct bpf_decode_sink sink = {m, ignore_task, replay_item, take_clock};
    size_t at = 0;

    while (at < b->len) {
        struct process_mark mark;
        struct bpf_chunk head;
        size_t end = at;

        memcpy(&head, b->bytes + at, sizeof head);
        if (head.tag == BPF_TAG_RESERVED) {
            memcpy(&mark, b->bytes + at, sizeof mark);
            m->process = (struct net_process *)mark.process;
            at += head.size;
            continue;
        }
        while (end < b->len) {
            memcpy(&head, b->bytes + end, sizeof head);
            if (head.tag == BPF_TAG_RESERVED)
                break;
            end += head.size;
        }
        int r = bpf_decode(b->bytes + at, end - at, &sink);
        if (r)
            return r;
        at = end;
    }
    return 0;
}

int bpf_merge_end_listeners(struct bpf_merge *m)
{
    return m->listeners_first ? tell_all_shared(m, true) : 0;
}

int bpf_merge_end(struct bpf_merge *m)
{
    int r = tell_all_shared(m, true);

    if (r == 0 && m->listeners_first)
        r = tell_all_shared(m, false);
    while (r == 0 && m->first) {
        struct block *b = m->first;
        r = replay_block(m, b);
        m->first = b->next;
        free(b);
    }
    if (!m->first)
        m->last = NULL;
    return r;
}
