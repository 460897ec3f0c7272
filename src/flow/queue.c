#include "flow/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 4096 };

static int grow(struct queue *q, size_t needed)
{
    size_t cap = q->cap ? q->cap : FIRST;
    while (cap < needed)
        cap *= 2;
    char *bytes = malloc(cap);
    if (!bytes)
        return -ENOMEM;
    if (q->n)
        memcpy(bytes, q->bytes + q->at, q->n);
    free(q->bytes);
    q->bytes = bytes;
    q->cap = cap;
    q->at = 0;
    return 0;
}

int queue_add(struct queue *q, const void *bytes, size_t n, size_t max)
{
    if (n == 0)
        return 0;
    if (q->n > max || n > max - q->n)
        return -ENOBUFS;
    if (q->n + n > q->cap) {
        int result = grow(q, q->n + n);
        if (result < 0)
            return result;
    }
    if (q->at + q->n + n > q->cap) {
        memmove(q->bytes, q->bytes + q->at, q->n);
        q->at = 0;
    }
    memcpy(q->bytes + q->at + q->n, bytes, n);
    q->n += n;
    return 0;
}

const char *queue_bytes(const struct queue *q)
{
    return q->bytes + q->at;
}

void queue_drop(struct queue *q, size_t n)
{
    q->at += n;
    q->n -= n;
    if (q->n == 0)
        queue_clear(q);
}

void queue_clear(struct queue *q)
{
    free(q->bytes);
    *q = (struct queue){0};
}
