/* One run of netstat's lists of sockets. Private to netstat_sockets.c, which decides what is listed
 * and reads it, netstat_inet.c and netstat_unix.c, which print it, and netstat_owners.c.
 */
#pragma once
#include "base/buf.h"
#include "base/hash.h"
#include "base/out.h"
#include "base/vec.h"
#include "dialect/netstat.h"
#include "kernel/source.h"
#include "names/users.h"

struct owners;

struct listing {
    const struct netstat_options *o;
    struct out *out;
    struct reverse *reverse; /* NULL: numbers */
    struct owners *owners;   /* NULL: not asked for */
    struct users users;
    struct hash titles;     /* pid -> index + 1 in title_texts */
    struct vec title_texts; /* struct buf */
    struct vec rows;        /* of netstat_inet.c, where names are waited for */
};

/* 0, or -errno after a message. */
int netstat_read(struct listing *l, uint32_t kinds, source_sink *sink);

/* Reads who has which socket. 0, or -errno after a message; what may not be seen is told. */
int netstat_owners_open(struct listing *l);
/* The column of a socket's owner. */
void netstat_owner(struct buf *out, struct listing *l, uint64_t inode);
void netstat_owners_close(struct listing *l);

/* 0 or -errno. Without kinds the heading alone. */
int netstat_inet(struct listing *l, uint32_t kinds);
void netstat_inet_close(struct listing *l);
int netstat_unix(struct listing *l);
