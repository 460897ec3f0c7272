/* berth connect: what its parts share.
 *
 * connect.c has the options and one run; connect_words.c tells how it went, connect_talk.c is the
 * conversation once it stands.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cmd/connect_record.h"
#include "cmd/reach.h"
#include "cmd/sockopt_options.h"
#include "cmd/tls_options.h"
#include "flow/loop.h"
#include "net/endpoint.h"

enum { HALF_CLOSE_NO, HALF_CLOSE_YES };

struct connect_arguments {
    bool ipv4, ipv6, all, verbose;
    const char *source;
    uint64_t timeout_ns, wait_ns, idle_ns; /* 0: none */
    const char *send, *send_file, *expect;
    const char *record, *hexdump, *replay;
    bool crlf, raw, json, progress;
    uint64_t repeat, parallel;
    int half_close;
    uint64_t hold_ns;
    struct proxy_arguments proxy;
    struct tls_client_arguments tls;
    struct sockopt_arguments options;
};

/* One run of the command. */
struct connect {
    const struct connect_arguments *arguments;
    const char *word; /* the endpoint, as it was written */
    struct endpoint endpoint;
    struct vec sources; /* struct target */
    struct sockopt_set options;
    struct proxy_choice proxy;
    struct reach_plan plan;
    struct buf tls_name; /* where the plan's may lie */
    struct loop loop;
    struct reach reach;
    uint64_t began_ns;
    uint64_t tries; /* of --wait */
    int input;      /* what is sent; -1: nothing */
    struct recorder recorder;
    struct replay replay;
};

/* Looks the name up, no longer than connecting may take. 0, or a negative errno with c->reach.error
 * filled. */
int connect_resolve(struct connect *c);

/* How it went, on stderr. */
void connect_tell_resolved(const struct connect *c);
void connect_tell_connected(const struct connect *c);
/* What TLS agreed on; all of it with --tls-info. */
void connect_tell_tls(const struct connect *c);
void connect_tell_attempts(const struct connect *c);
/* Why it failed, and what would help; the exit status. */
int connect_tell_failure(const struct connect *c);

/* --repeat: many connections, and a table of how long they took. The exit status. */
int connect_repeat(struct connect *c);

/* The conversation over the connection that was reached. The exit status. */
int connect_talk(struct connect *c);
