/* Between the files of `berth listen`: what its options chose, its threads, its clients.
 *
 * A server has listeners and a mode; each of its workers is a thread with a loop and the clients
 * that it took. A client goes through: accepted → (handshakes) → its mode → over. What it gets is
 * the mode's business alone.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "cli/command.h"
#include "cmd/confine.h"
#include "cmd/far.h"
#include "cmd/flow_events.h"
#include "cmd/listeners.h"
#include "cmd/sockopt_options.h"
#include "cmd/tls_options.h"
#include "flow/accept.h"
#include "flow/hub.h"
#include "flow/peers.h"
#include "flow/rate.h"
#include "flow/signals.h"

struct err;

enum listen_kind {
    LISTEN_STDIO,
    LISTEN_ECHO,
    LISTEN_REPLY,
    LISTEN_DISCARD,
    LISTEN_EXEC,
    LISTEN_FORWARD,
    LISTEN_CHAT,
    LISTEN_SAVE,
    LISTEN_HANDOFF,
    LISTEN_KINDS
};

struct listen_arguments {
    bool echo, discard, chat, shell, raw;
    const char *reply, *exec, *forward, *save, *handoff;
    bool once, refuse, first, ipv4, ipv6, proxy_protocol;
    uint64_t max_clients, idle_ns, lifetime_ns, grace_ns, rate_bytes, backlog, workers;
    int send_proxy;         /* 0 none, else the version */
    struct vec allow, deny; /* const char * */
    struct flow_events events;
    struct tls_server_arguments tls;
    struct confine_arguments confine;
    struct sockopt_arguments options;
};

struct client;

struct listen_mode {
    size_t size;   /* of its struct, whose first member is the struct client */
    bool blocking; /* sockets for a process */
    bool alone;    /* all clients belong to one thread */
    /* Takes c->fd. 0, or a negative errno: then the descriptor is closed by the caller. */
    int (*start)(struct client *c);
    /* The client's time is over: client_over before this returns, but for a process, which gets a
     * signal. */
    void (*stop)(struct client *c, enum event_why why);
};

struct server {
    const struct listen_arguments *a;
    const struct listen_mode *mode;
    enum listen_kind kind;
    bool once;
    struct sockopt_set options;
    struct flow_events events;
    struct accept_shared accept;
    struct vec listeners;   /* struct listener; of the first worker */
    struct vec allow, deny; /* struct net_prefix */
    _Atomic uint32_t peers; /* clients that never say when they end */
    _Atomic uint64_t last_id, bytes_in, bytes_out, refused;
    uint64_t started_ns; /* 0: it never served anybody */
    _Atomic int failed;  /* with --once: how it went */
    bool no_output;      /* standard output couldn't be written to */

    struct buf reply;
    char **exec_words, *exec_path;
    int save_dir;
    struct endpoint forward_to;
    struct far_plan forward;
    struct buf forward_host; /* text of the name that its certificate has to bear */
    struct handoff *handoff;
    struct tls_context *tls; /* NULL: no listener speaks TLS */

    struct worker *workers;
    uint32_t n_workers;
};

struct worker_listener {
    struct acceptor acceptor; /* of connections */
    struct peers peers;       /* of datagrams */
    uint64_t refused_ns;      /* when one of them was told of that is refused */
    struct worker *worker;
    const struct listener *listener;
};

struct worker {
    struct server *server;
    struct loop loop;
    char *scratch;
    struct worker_listener *listeners;
    size_t n_listeners;
    struct client *clients;
    uint32_t n_clients;
    struct hub hub;
    struct stream null; /* /dev/null, for --discard */
    struct far_place forward;
    bool stopping;
    bool pressed;          /* the grace is over too */
    struct client *coming; /* whose first datagram is being dealt with */
    struct loop_timer grace;
    struct signals signals;       /* of the first worker */
    struct loop_watch stop_watch; /* of the others: an eventfd */
    int stop_fd;
    pthread_t thread;
};

struct client {
    struct worker *worker;
    const struct listener *listener;
    struct client *next, **at;
    uint64_t id, started_ns;
    int fd;                   /* until the mode has it; -1 for datagrams */
    const struct peer *heard; /* while a peer of datagrams comes */
    struct peer *dgram_peer;  /* of datagrams; NULL: a connection */
    struct dgram *packets;    /* a connection with boundaries; else NULL */
    bool opened;              /* told */
    struct rate rate_in, rate_out;
    struct sockaddr_storage local, peer;
    socklen_t local_n, peer_n;
    struct header_stage *header; /* while its PROXY header is read */
    struct tls_stage *tls;       /* it speaks TLS; its fd isn't here then */
};

/* listen_modes.c and its neighbours */
extern const struct listen_mode *const listen_modes[LISTEN_KINDS];
extern const struct listen_mode listen_mode_reply, listen_mode_exec, listen_mode_save,
    listen_mode_forward, listen_mode_handoff, listen_mode_exec_tls, listen_mode_reply_tls;
/* What a mode needs before the first client. 0, or an exit status after a message. */
int listen_exec_prepare(struct server *s);
int listen_save_prepare(struct server *s);
/* Whether files can be made there by whom berth is by now. 0, or an exit status after a message. */
int listen_save_check(const struct server *s);
int listen_forward_prepare(struct server *s);
int listen_handoff_prepare(struct server *s);
int listen_reply_prepare(struct server *s);
void listen_forward_clear(struct server *s);
void listen_handoff_clear(struct server *s);

/* listen_open.c */
/* Opens what the words say. 0, or an exit status after a message. */
int listen_open(struct server *s, const struct command_words *words);
/* The same address once more, with SO_REUSEPORT, for another thread. A negative errno. */
int listen_open_again(struct server *s, const struct listener *l, struct err *e);

/* listen_worker.c */
int worker_init(struct worker *w, struct server *s, bool first);
/* Until all is over. */
int worker_run(struct worker *w);
void worker_clear(struct worker *w);
/* No new clients; those that run may end within the grace. */
void worker_stop(struct worker *w);
/* A client is gone. */
void worker_client_gone(struct worker *w);

/* listen_client.c */
void client_accept(struct worker_listener *l, int fd, const struct sockaddr_storage *peer,
                   socklen_t n);
/* A peer's first datagram. NULL where it couldn't be served. */
struct peer *client_hear(struct worker_listener *l, const struct peer *heard);
/* Its address is known: on to TLS, or to its mode. */
void client_go_on(struct client *c);
/* The handshakes are done: its mode begins. words: what was agreed on; NULL nothing. */
void client_begin(struct client *c, const char *words);
struct client_end {
    enum event_why why;
    int error, status;
    const char *words;
    int64_t bytes_in, bytes_out;
};
/* The client as a stream, which takes its descriptor; the datagrams behind it, or NULL. */
struct dgram *client_stream(struct client *c, struct stream *ret);
/* Has troubles with its datagrams told; d. */
struct dgram *client_tell_troubles(struct client *c, struct dgram *d);
/* --idle-timeout; datagrams always have a limit, since nobody says when he goes. */
uint64_t client_idle_ns(const struct client *c);
/* It is over; c is freed. */
void client_over(struct client *c, const struct client_end *how);
void client_stop(struct client *c, enum event_why why);
/* An event about it, with its ends. */
struct event client_event(const struct client *c, enum event_kind kind);
/* --rate, or NULL. */
struct rate *client_rate(struct client *c, struct rate *r);

/* listen_reply.c: the text of --reply for this client. */
void listen_reply_text(struct buf *out, const struct client *c);

/* listen_confine.c */
/* Gives up what this mode doesn't need. 0, or an exit status after a message. */
int listen_confine(struct server *s);

/* listen.c */
/* Tells of a negative errno that keeps it from listening. The exit status. */
int listen_fail(const struct server *s, int result);

/* listen_tls.c */
/* The context, if a listener speaks TLS; which ones do. 0, or an exit status after a message. */
int listen_tls_open(struct server *s);
/* What a client of this listener gets: with TLS nobody else can have its descriptor. */
const struct listen_mode *listen_mode_of(const struct server *s, const struct listener *l);
int tls_stage_start(struct client *c);
/* True while the handshake isn't over. */
bool tls_stage_runs(const struct client *c);
void tls_stage_take(struct client *c, struct stream *s);
/* Why its stream failed, in words; NULL. */
const char *tls_stage_fault(const struct client *c);
/* Frees the stage, and closes the connection if nobody took it. */
void tls_stage_free(struct client *c);

/* listen_header.c: PROXY headers. */
int header_stage_start(struct client *c);
void header_stage_drop(struct client *c);
