/* Bytes that wait for a slow reader, up to a limit. Zeroed: empty. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct queue {
    char *bytes; /* those from `at` on wait, n of them */
    size_t at, n, cap;
};

/* 0, -ENOBUFS where more than max would wait (nothing is added then), or -ENOMEM. */
int queue_add(struct queue *q, const void *bytes, size_t n, size_t max);
/* What waits. */
const char *queue_bytes(const struct queue *q);
/* n of them are gone; an empty queue keeps no memory. */
void queue_drop(struct queue *q, size_t n);
void queue_clear(struct queue *q);
