/* What the files of findings share; private to this folder. */
#pragma once
#include "base/buf.h"
#include "base/hash.h"
#include "net/pairs.h"
#include "predict/findings.h"
#include "predict/host.h"
#include "predict/socket_state.h"

struct findings {
    const struct facts *facts;
    uint64_t counted_ns;
    struct predict_host host; /* its sockets are those of the facts' namespace */
    struct vec sockets;       /* const struct net_socket * */
    struct port_set *listens; /* ports of TCP where somebody listens */
    struct net_pairs pairs;   /* of TCP connections */
    const char *name;         /* of the finding that is looked for */
    struct vec *ret;
};

/* The functions of the table: 0 or -ENOMEM. */
int find_accept_queues(struct findings *f);
int find_overflows(struct findings *f);
int find_syn_cookies(struct findings *f);
int find_somaxconn(struct findings *f);
int find_ports_running_out(struct findings *f);
int find_ports_blocked(struct findings *f);
int find_time_wait(struct findings *f);
int find_several_listeners(struct findings *f);
int find_localhost(struct findings *f);
int find_loopback(struct findings *f);
int find_open_to_all(struct findings *f);
int find_reuseport_strangers(struct findings *f);
int find_close_wait(struct findings *f);
int find_retransmitting(struct findings *f);
int find_zero_window(struct findings *f);
int find_udp_errors(struct findings *f);
int find_orphans(struct findings *f);
int find_memory(struct findings *f);

/* One finding under way: its texts are written into the buffers. */
struct draft {
    struct findings *all;
    enum finding_severity severity;
    struct buf title, evidence, remedy;
    struct vec sockets;
};
struct draft draft_start(struct findings *f, enum finding_severity severity);
int draft_add(struct draft *d, const struct net_socket *s);
/* Adds it to the findings, and releases the draft whatever comes. 0 or -ENOMEM. */
int draft_end(struct draft *d);
void draft_drop(struct draft *d);

enum { SHOWN = 6 }; /* of many sockets, in words */

static inline const struct net_socket *findings_socket(const struct findings *f, size_t i)
{
    return f->host.sockets[i];
}

uint64_t findings_counter(const struct findings *f, const char *name); /* 0: not known either */
/* One number of a setting, which may have several ("tcp_mem"). False: not known. */
bool findings_setting(const struct findings *f, const char *name, unsigned at, uint64_t *ret);

/* Sockets put together by a key and by what `same` says of the first of a group; NULL: the key
 * says all. */
struct group {
    uint64_t key;
    struct vec sockets; /* const struct net_socket * */
};
struct groups {
    struct vec all; /* struct group */
    struct hash at; /* key -> index + 1 */
};
#define GROUPS_INIT                   \
    (struct groups)                   \
    {                                 \
        .all = VEC_INIT(struct group) \
    }
int groups_add(struct groups *g, uint64_t key, const struct net_socket *s,
               bool (*same)(const struct net_socket *a, const struct net_socket *b));
void groups_clear(struct groups *g);
#define _cleanup_groups_ __attribute__((cleanup(groups_clear)))
static inline const struct net_socket *group_socket(const struct group *g, size_t i)
{
    return *(const struct net_socket **)vec_at(&g->sockets, i);
}

/* What its queues hold, without the number that a SYN or FIN takes up. */
struct predict_state findings_queues(const struct net_socket *s);

/* Words. */
bool has_owner(const struct net_socket *s); /* a process that is known */
void put_owner(struct buf *out,
               const struct net_socket *s); /* "nginx[812]", or why there is none */
void put_end(struct buf *out, const struct net_socket *s, enum net_end end);
void put_address(struct buf *out, const struct net_addr *a);
/* "nginx[812] listens on 0.0.0.0:80", or "nginx[812]: 127.0.0.1:80 to 127.0.0.1:4000 (CLOSE_WAIT)".
 */
void put_socket(struct buf *out, const struct net_socket *s);
/* A line each for the first of them, and how many more there are. */
void put_sockets(struct buf *out, const struct vec *sockets);
/* "2 ESTABLISHED, 1 TIME_WAIT" */
void put_states(struct buf *out, const struct vec *sockets);
/* "so far", "within 10s". */
void put_when(struct buf *out, const struct findings *f);
/* "curl[913] has 7, sshd[3] has 1" as a line: whose they are; nothing where nobody is known. */
int put_holders(struct buf *out, const struct vec *sockets);
const char *plural(size_t n); /* "s", or "" for 1 */
