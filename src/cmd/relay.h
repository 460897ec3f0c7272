/* Between the files of `berth relay`: its two ends, and its conversations.
 *
 * relay.c has the options and the run, relay_ends.c what the two words stand for and who comes to
 * them, relay_talk.c a conversation from its beginning to its end, relay_hooks.c what sees the
 * bytes go by.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cmd/far.h"
#include "cmd/flow_events.h"
#include "cmd/listeners.h"
#include "cmd/pairing.h"
#include "cmd/sockopt_options.h"
#include "cmd/tls_options.h"
#include "flow/accept.h"
#include "flow/hook_escape.h"
#include "flow/pair.h"
#include "flow/peers.h"
#include "flow/signals.h"

enum { SIDES = 2 };
/* What a mirror copies: what A says, what B says. */
enum { RELAY_FORTH = 1, RELAY_BACK = 2 };

struct relay_arguments {
    bool once, ipv4, ipv6, refuse, raw;
    const char *mirror, *mirror_forth, *mirror_back;
    uint64_t max_clients, backlog, idle_ns, lifetime_ns, grace_ns, timeout_ns, rate_bytes;
    uint64_t peer_idle_ns, datagram_size;
    struct vec allow, deny; /* const char * */
    struct flow_events events;
    struct tls_server_arguments tls;    /* of ends that listen */
    struct tls_client_arguments tls_to; /* of ends that connect */
    struct sockopt_arguments options;
};

struct relay_listener {
    struct acceptor acceptor; /* of connections */
    struct peers peers;       /* of datagrams */
    uint64_t refused_ns;      /* when one of them was told of that is refused */
    bool datagrams;
    struct relay *relay;
    int side;
    struct listener *listener;
};

struct relay_side {
    const char *word;
    struct endpoint endpoint;
    /* Where nobody comes: */
    struct far_plan plan;
    struct far_place place;
    struct buf tls_text;
    /* Where somebody comes: */
    struct vec listeners; /* struct listener */
    struct relay_listener *heard;
    size_t n_heard;
    struct tls_context *tls; /* NULL: they speak none */
};

struct relay_mirror {
    int fd;
    int ways;
    struct relay *relay;
};

struct relay {
    const struct relay_arguments *a;
    struct relay_side sides[SIDES];
    bool listens; /* one of the sides does, or both */
    bool single;  /* there is one conversation, and then the end */
    struct sockopt_set options;
    struct accept_shared shared;
    struct vec allow, deny; /* struct net_prefix */
    struct relay_mirror mirrors[3];
    struct loop loop;
    char *scratch;
    struct signals signals;
    struct terminal_mode keyboard;
    struct talk *talks;
    uint32_t n_talks;
    bool stopping, pressed;
    struct loop_timer grace;
    uint64_t last_id, bytes_forth, bytes_back, refused, started_ns;
    bool failed;
};

struct talk_side {
    struct stream *stream; /* in the pair */
    bool there;            /* it is open */
    bool counted;          /* it came from a listener */
    struct talk *talk;
    struct far far; /* it is opened */
    /* Somebody came: */
    struct peer peer;
    struct dgram dgram;
    struct dgram *datagrams; /* where it is made of them */
    struct tls_handshake handshake;
    struct tls_fault fault;
    const struct listener *listener;
    struct sockaddr_storage local, remote;
    socklen_t local_n, remote_n;
};

struct relay_hooks {
    struct pump_hook mirror[SIDES];
    struct hook_escape escape[SIDES];
    struct pump_hook key;
};

struct talk {
    struct relay *relay;
    struct talk *next, **at;
    uint64_t id, started_ns;
    struct talk_side sides[SIDES];
    int near; /* the side whose addresses are told */
    struct pair pair;
    bool told; /* that it began */
    bool joined, over;
    bool keyed; /* somebody has ended it with a key: however its process takes it, that's well */
    enum event_why why;
    int error;
    const char *words;
    struct err trouble; /* what couldn't be opened */
    struct rate rates[SIDES];
    struct relay_hooks hooks;
    struct loop_turn turn;
};

/* relay_ends.c */
/* What the words stand for: looked up, listened at. 0, or an exit status after a message. */
int relay_ends_open(struct relay *r, const struct command_words *words);
/* 0, or a negative errno. */
int relay_ends_start(struct relay *r);
/* Nobody new comes. */
void relay_ends_stop(struct relay *r);
void relay_ends_resume(struct relay *r);
void relay_ends_close(struct relay *r);

/* relay_talk.c */
/* NULL without memory. Its sides that nobody comes to are opened in the loop's next round. */
struct talk *talk_new(struct relay *r);
/* The one that waits for somebody on this side, or a new one. */
struct talk *talk_for(struct relay *r, int side);
/* Somebody is there, on this side. words: what was agreed on; NULL nothing. */
void talk_tell_opened(struct talk *t, int side, const char *words);
/* A connected socket became its side; taken over. */
void talk_take_socket(struct talk *t, int side, int fd);
/* Troubles with the datagrams of a side are told. */
void talk_tell_troubles(struct talk *t, int side);
/* Its side is open; with the other one the conversation begins. */
void talk_side_is_there(struct talk *t, int side);
/* It couldn't begin. words: for events; NULL: those of the error. */
void talk_fail(struct talk *t, const struct err *e, const char *words);
void talk_stop(struct talk *t, enum event_why why);
/* One that is over, but for its processes: they are killed. */
void talk_drop(struct talk *t);
struct event talk_event(const struct talk *t, enum event_kind kind);

/* relay_tls.c */
/* The contexts of those ends that speak TLS. 0, or an exit status after a message. */
int relay_tls_open(struct relay *r);
void relay_tls_close(struct relay *r);
/* With who came; takes the socket over. Nothing is opened for him before it is done. */
void talk_start_tls(struct talk *t, int side, int fd);
/* Changes how it ended, if something was wrong with TLS. */
void talk_judge_tls(const struct talk *t, enum event_why *why, int *error, const char **words);

/* relay_hooks.c */
/* 0, or an exit status after a message. */
int relay_mirrors_open(struct relay *r);
void relay_mirrors_close(struct relay *r);
void relay_hooks_add(struct talk *t, const struct pairing_side sides[SIDES]);
void relay_hooks_clear(struct talk *t);

/* relay.c */
/* It is over; t is freed after this. */
void relay_talk_over(struct relay *r, const struct talk *t);
void relay_tell(const struct relay *r, const struct event *e);
