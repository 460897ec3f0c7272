#include "kernel/bpf/decode.h"

#include <errno.h>
#include <string.h>

/* The most that a chunk of a tag may have, and the least that makes sense of it. */
struct tag_shape {
    size_t offset, least, most;
};

#define WHOLE(member)                                                            \
    {                                                                            \
        offsetof(struct bpf_item, member), sizeof((struct bpf_item *)0)->member, \
            sizeof((struct bpf_item *)0)->member                                 \
    }

static const struct tag_shape tag_shapes[] = {
    [BPF_TAG_SOCK] = {offsetof(struct bpf_item, sock), BPF_SOCK_SIZE_BARE,
                      sizeof(struct bpf_sock_chunk)},
    [BPF_TAG_OPTIONS] = WHOLE(options),
    [BPF_TAG_TCP] = WHOLE(tcp),
    [BPF_TAG_MEMORY] = WHOLE(memory),
    [BPF_TAG_TIMER] = WHOLE(timer),
    [BPF_TAG_CGROUP] = WHOLE(cgroup),
    [BPF_TAG_UNIX] = {offsetof(struct bpf_item, unix_name), BPF_UNIX_SIZE_BARE,
                      sizeof(struct bpf_unix_chunk)},
    [BPF_TAG_PORTID] = WHOLE(portid),
};

enum { TAGS = sizeof tag_shapes / sizeof tag_shapes[0] };

/* What a cursor stands on: the head of a chunk that lies whole before the end. */
static int chunk_at(const uint8_t *at, size_t left, struct bpf_chunk *ret)
{
    struct bpf_chunk head;

    if (left < sizeof head)
        return -EBADMSG;
    memcpy(&head, at, sizeof head);
    if (head.size < sizeof head || head.size > left || head.tag == BPF_TAG_RESERVED)
        return -EBADMSG;
    *ret = head;
    return 0;
}

static int take_part(struct bpf_item *item, const uint8_t *at, struct bpf_chunk head)
{
    if (head.tag >= TAGS || !tag_shapes[head.tag].most)
        return 0;
    const struct tag_shape *shape = &tag_shapes[head.tag];
    if (head.size < shape->least)
        return -EBADMSG;
    memcpy((uint8_t *)item + shape->offset, at, head.size < shape->most ? head.size : shape->most);
    item->have |= 1u << head.tag;
    return 0;
}

static bool sock_is_sound(const struct bpf_sock_chunk *s)
{
    if (s->flags & BPF_SOCK_HAS_ADDR6)
        return s->chunk.size >= BPF_SOCK_SIZE_ADDR6 && !(s->flags & BPF_SOCK_HAS_ADDR4);
    return !(s->flags & BPF_SOCK_HAS_ADDR4) || s->chunk.size >= BPF_SOCK_SIZE_ADDR4;
}

static bool ends_item(uint16_t tag)
{
    return tag == BPF_TAG_SOCK || tag == BPF_TAG_TASK || tag == BPF_TAG_CLOCK ||
           tag == BPF_TAG_TALLY || tag == BPF_TAG_BUCKET;
}

/* Reads a SOCK chunk and all that belongs to it; *ret_used is their length. */
static int decode_item(const uint8_t *at, size_t left, struct bpf_item *item, size_t *ret_used)
{
    size_t used = 0;

    item->have = 0;
    while (used < left) {
        struct bpf_chunk head;
        int r = chunk_at(at + used, left - used, &head);
        if (r < 0)
            return r;
        if (used && ends_item(head.tag))
            break;
        r = take_part(item, at + used, head);
        if (r < 0)
            return r;
        used += head.size;
    }
    if (!sock_is_sound(&item->sock))
        return -EBADMSG;
    if (item->have & 1 << BPF_TAG_UNIX) {
        size_t room = item->unix_name.chunk.size - BPF_UNIX_SIZE_BARE;
        if (item->unix_name.length > room || item->unix_name.length > BPF_UNIX_PATH_MAX)
            return -EBADMSG;
    }
    item->bytes = at;
    item->n_bytes = used;
    *ret_used = used;
    return 0;
}

int bpf_decode(const void *bytes, size_t n, const struct bpf_decode_sink *sink)
{
    const uint8_t *at = bytes;
    struct bpf_item item;

    while (n > 0) {
        struct bpf_chunk head;
        int r = chunk_at(at, n, &head);
        if (r < 0)
            return r;
        size_t used = head.size;
        if (head.tag == BPF_TAG_TASK) {
            struct bpf_task_chunk task;
            if (head.size < sizeof task)
                return -EBADMSG;
            memcpy(&task, at, sizeof task);
            r = sink->task(sink->ctx, &task);
        } else if (head.tag == BPF_TAG_CLOCK) {
            struct bpf_clock_chunk clock;
            if (head.size < sizeof clock)
                return -EBADMSG;
            memcpy(&clock, at, sizeof clock);
            r = sink->clock(sink->ctx, &clock);
        } else if (head.tag == BPF_TAG_TALLY && sink->tally) {
            struct bpf_tally_chunk tally;
            if (head.size < sizeof tally)
                return -EBADMSG;
            memcpy(&tally, at, sizeof tally);
            r = sink->tally(sink->ctx, &tally);
        } else if (head.tag == BPF_TAG_BUCKET && sink->bucket) {
            struct bpf_bucket_chunk bucket;
            if (head.size < sizeof bucket)
                return -EBADMSG;
            memcpy(&bucket, at, sizeof bucket);
            r = sink->bucket(sink->ctx, &bucket);
        } else if (head.tag == BPF_TAG_SOCK) {
            r = decode_item(at, n, &item, &used);
            if (r == 0)
                r = sink->item(sink->ctx, &item);
        }
        if (r)
            return r;
        at += used;
        n -= used;
    }
    return 0;
}

/* jiffies start at 2^32 - 300 s (INITIAL_JIFFIES of linux/jiffies.h) when the monotonic clock
 * starts at 0, so that only the true rate fits. */
uint32_t bpf_decode_hz(const struct bpf_clock_chunk *clock)
{
    static const uint32_t rates[] = {100, 250, 300, 1000, 24, 48, 128, 200, 500, 1024};

    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        uint64_t ticks = clock->jiffies - ((1ULL << 32) - 300ULL * rates[i]);
        uint64_t expected = clock->monotonic_ns / 1000 * rates[i] / 1000000;
        uint64_t slack = rates[i] + expected / 100;
        if (ticks + slack >= expected && ticks <= expected + slack)
            return rates[i];
    }
    return 0;
}
