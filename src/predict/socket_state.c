#include "predict/socket_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MS = 1000,
    RTO_FIRST_MS = 1000,   /* TCP_TIMEOUT_INIT of include/net/tcp.h */
    RTO_MIN_MS = 200,      /* TCP_RTO_MIN */
    RTO_MAX_MS = 120 * MS, /* TCP_RTO_MAX */
    ORPHAN_RETRIES = 8,    /* what 0 stands for: tcp_orphan_retries of net/ipv4/tcp_timer.c */
    RETRIES_MAX = 255
};

/* What each situation means by itself. */
struct meaning {
    const char *name;
    enum predict_mover mover;
    enum net_state next;
    bool for_ever, gone_next;
};

static const struct meaning meanings[] = {
    [SITUATION_UNKNOWN] = {"unknown", MOVER_NOBODY, 0, false, false},
    [SITUATION_BOUND] = {"bound", MOVER_PROGRAM, 0, true, false},
    [SITUATION_LISTENS] = {"listens", MOVER_CLIENT, 0, true, false},
    [SITUATION_TO_ACCEPT] = {"to-accept", MOVER_PROGRAM, 0, true, false},
    [SITUATION_QUEUE_FULL] = {"queue-full", MOVER_PROGRAM, 0, true, false},
    [SITUATION_CONNECTING] = {"connecting", MOVER_PEER, NET_ESTABLISHED, false, false},
    [SITUATION_HANDSHAKE] = {"handshake", MOVER_PEER, NET_ESTABLISHED, false, false},
    [SITUATION_NOT_ACCEPTED] = {"not-accepted", MOVER_LISTENER, 0, true, false},
    [SITUATION_IDLE] = {"idle", MOVER_NOBODY, 0, true, false},
    [SITUATION_UNREAD] = {"unread", MOVER_PROGRAM, 0, true, false},
    [SITUATION_SENDING] = {"sending", MOVER_PEER, 0, false, false},
    [SITUATION_RETRANSMITS] = {"retransmits", MOVER_PEER, 0, false, false},
    [SITUATION_ZERO_WINDOW] = {"zero-window", MOVER_PEER, 0, true, false},
    [SITUATION_FIN_SENT] = {"fin-sent", MOVER_PEER, NET_FIN_WAIT2, false, false},
    [SITUATION_HALF_CLOSED] = {"half-closed", MOVER_PEER, NET_TIME_WAIT, true, false},
    [SITUATION_FIN_AWAITED] = {"fin-awaited", MOVER_PEER, NET_TIME_WAIT, false, false},
    [SITUATION_END_AWAITED] = {"end-awaited", MOVER_PEER, NET_TIME_WAIT, true, false},
    [SITUATION_NOT_CLOSED] = {"not-closed", MOVER_PROGRAM, NET_LAST_ACK, true, false},
    [SITUATION_LAST_ACK] = {"last-ack", MOVER_PEER, 0, false, true},
    [SITUATION_BOTH_CLOSING] = {"both-closing", MOVER_PEER, NET_TIME_WAIT, false, false},
    [SITUATION_TIME_WAIT] = {"time-wait", MOVER_KERNEL, 0, false, true},
    [SITUATION_RECEIVES] = {"receives", MOVER_PEER, 0, true, false},
    [SITUATION_ASSOCIATED] = {"associated", MOVER_NOBODY, 0, true, false},
    [SITUATION_RECEIVE_FULL] = {"receive-full", MOVER_PROGRAM, 0, true, false},
};
static_assert(sizeof meanings / sizeof *meanings == SITUATIONS, "a meaning a situation");

static const char *const movers[] = {"nobody", "program", "listener", "peer", "client", "kernel"};
static_assert(sizeof movers / sizeof *movers == MOVERS, "a word a mover");

const char *predict_situation_name(enum predict_situation s)
{
    return meanings[s].name;
}

const char *predict_mover_name(enum predict_mover m)
{
    return movers[m];
}

/* Patience */

const char *const predict_patience_names[] = {"net.ipv4.tcp_fin_timeout",
                                              "net.ipv4.tcp_syn_retries",
                                              "net.ipv4.tcp_syn_linear_timeouts",
                                              "net.ipv4.tcp_synack_retries",
                                              "net.ipv4.tcp_retries2",
                                              "net.ipv4.tcp_orphan_retries",
                                              NULL};

void predict_patience_init(struct predict_patience *p)
{
    *p = (struct predict_patience){
        .fin_timeout_ms = 60 * MS, .syn_retries = 6, .synack_retries = 5, .retries2 = 15};
}

void predict_patience_read(struct predict_patience *p, const char *name, const char *value)
{
    uint32_t *const numbers[] = {NULL,           &p->syn_retries,
                                 &p->syn_linear, &p->synack_retries,
                                 &p->retries2,   &p->orphan_retries};
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || number > INT32_MAX)
        return;
    for (size_t i = 0; predict_patience_names[i]; i++) {
        if (strcmp(predict_patience_names[i], name) != 0)
            continue;
        if (numbers[i])
            *numbers[i] = number < RETRIES_MAX ? (uint32_t)number : RETRIES_MAX;
        else
            p->fin_timeout_ms = (uint64_t)number * MS;
        p->knows_linear |= numbers[i] == &p->syn_linear;
    }
}

/* How long the kernel waits after the attempt number i, when each wait doubles from the
 * linear-th on. */
static uint64_t wait_ms(uint64_t first_ms, uint32_t linear, uint32_t i)
{
    uint32_t doublings = i > linear ? i - linear : 0;
    uint64_t ms = doublings < 20 ? first_ms << doublings : RTO_MAX_MS;
    return ms < RTO_MAX_MS ? ms : RTO_MAX_MS;
}

/* What is left of a series of attempts, of which `made` were made and the next is due. */
static uint64_t left_ms(uint64_t due_ms, uint64_t made, uint32_t retries, uint32_t linear)
{
    uint64_t sum = due_ms;
    for (uint32_t i = (uint32_t)(made < RETRIES_MAX ? made : RETRIES_MAX) + 1; i <= retries; i++)
        sum += wait_ms(RTO_FIRST_MS, linear, i);
    return sum;
}

/* All of a series: tcp_model_timeout of net/ipv4/tcp_timer.c. */
static uint64_t model_ms(uint32_t retries)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i <= retries; i++)
        sum += wait_ms(RTO_MIN_MS, 0, i);
    return sum;
}

/* Situations */

static bool is_known(const struct net_socket *s, enum net_field f)
{
    return net_socket_knows(s, f);
}

static enum predict_situation of_listener(const struct predict_state *r, const struct net_socket *s)
{
    if (!is_known(s, NET_F_RECV_Q) || r->waiting == 0)
        return SITUATION_LISTENS;
    return r->waiting > r->room ? SITUATION_QUEUE_FULL : SITUATION_TO_ACCEPT;
}

static bool is_held_back(const struct net_socket *s)
{
    bool probes = is_known(s, NET_F_TIMER) && strcmp(s->timer, "persist") == 0;
    return probes || (is_known(s, NET_F_SND_WND) && s->snd_wnd == 0 && s->send_q > 0);
}

static bool is_sent_again(const struct net_socket *s)
{
    bool timer = is_known(s, NET_F_TIMER) && strcmp(s->timer, "on") == 0 && s->timer_retries > 0;
    return timer || (is_known(s, NET_F_RETRANS) && s->retrans > 0);
}

static enum predict_situation of_connection(const struct predict_state *r,
                                            const struct net_socket *s)
{
    if (s->detached == NET_IN_QUEUE)
        return SITUATION_NOT_ACCEPTED;
    if (r->unacknowledged + r->unsent) {
        if (is_held_back(s))
            return SITUATION_ZERO_WINDOW;
        if (is_sent_again(s))
            return SITUATION_RETRANSMITS;
    }
    if (r->unread)
        return SITUATION_UNREAD;
    return r->unacknowledged + r->unsent ? SITUATION_SENDING : SITUATION_IDLE;
}

static enum predict_situation of_tcp(const struct predict_state *r, const struct net_socket *s)
{
    switch (s->state) {
    case NET_LISTEN:
        return of_listener(r, s);
    case NET_ESTABLISHED:
        return of_connection(r, s);
    case NET_SYN_SENT:
        return SITUATION_CONNECTING;
    case NET_SYN_RECV:
    case NET_NEW_SYN_RECV:
        return SITUATION_HANDSHAKE;
    case NET_FIN_WAIT1:
        return SITUATION_FIN_SENT;
    case NET_FIN_WAIT2: /* without a program it may be a mini-socket, with the timer of TIME_WAIT */
        return s->detached == NET_ORPHAN || s->detached == NET_TIME_WAITING ? SITUATION_FIN_AWAITED
                                                                            : SITUATION_HALF_CLOSED;
    case NET_CLOSE_WAIT:
        return SITUATION_NOT_CLOSED;
    case NET_LAST_ACK:
        return SITUATION_LAST_ACK;
    case NET_CLOSING:
        return SITUATION_BOTH_CLOSING;
    case NET_TIME_WAIT:
        return SITUATION_TIME_WAIT;
    case NET_CLOSE:
    case NET_BOUND_INACTIVE:
        return SITUATION_BOUND;
    case NET_STATE_UNKNOWN:
    case NET_STATES:
        break;
    }
    return SITUATION_UNKNOWN;
}

static enum predict_situation of_udp(const struct predict_state *r, const struct net_socket *s)
{
    if (is_known(s, NET_F_DROPS) && s->drops && r->unread)
        return SITUATION_RECEIVE_FULL;
    if (r->unread)
        return SITUATION_UNREAD;
    return s->peer_port ? SITUATION_ASSOCIATED : SITUATION_RECEIVES;
}

enum {
    SYN_UNDERWAY = 1 << NET_SYN_SENT | 1 << NET_SYN_RECV,
    FIN_UNDERWAY = 1 << NET_FIN_WAIT1 | 1 << NET_LAST_ACK | 1 << NET_CLOSING,
    FIN_RECEIVED = 1 << NET_CLOSE_WAIT | 1 << NET_LAST_ACK | 1 << NET_CLOSING
};

/* A SYN and a FIN count as one byte, the peer's FIN until the program has read the end
 * (tcp_diag_get_info of net/ipv4/tcp_diag.c). test: tests/cli/test_explain_socket.py */
static void leave_out_flags(const struct net_socket *s, struct predict_state *ret)
{
    if ((SYN_UNDERWAY | FIN_UNDERWAY) >> s->state & 1 && ret->unacknowledged)
        ret->unacknowledged--;
    if (!(FIN_RECEIVED >> s->state & 1) || !ret->unread)
        return;
    ret->unread--;
    ret->end_unread = s->state == NET_CLOSE_WAIT; /* closed here, nobody is to read it */
}

static void read_queues(const struct net_socket *s, struct predict_state *ret)
{
    uint64_t in = is_known(s, NET_F_RECV_Q) ? s->recv_q : 0;
    uint64_t out = is_known(s, NET_F_SEND_Q) ? s->send_q : 0;
    if (s->kind == NET_TCP && s->state == NET_LISTEN) {
        ret->waiting = in;
        ret->room = out;
        return;
    }
    ret->unread = in;
    ret->unsent = is_known(s, NET_F_NOTSENT) && s->notsent <= out ? s->notsent : 0;
    ret->unacknowledged = out - ret->unsent;
    if (s->kind == NET_TCP)
        leave_out_flags(s, ret);
}

static void read_timer(const struct net_socket *s, struct predict_state *ret)
{
    ret->due = is_known(s, NET_F_TIMER) && s->timer[0] && is_known(s, NET_F_TIMER_MS);
    ret->due_ms = ret->due ? s->timer_ms : 0;
    ret->retries = ret->due && is_known(s, NET_F_TIMER_RETRIES) ? s->timer_retries : 0;
}

/* How long */

static uint32_t retries_of(const struct net_socket *s, const struct predict_patience *p)
{
    if (s->detached != NET_ORPHAN)
        return p->retries2;
    return p->orphan_retries ? p->orphan_retries : ORPHAN_RETRIES;
}

static void limit(const struct net_socket *s, const struct predict_patience *p,
                  struct predict_state *ret)
{
    switch (ret->situation) {
    case SITUATION_CONNECTING: {
        uint32_t retries = p->syn_retries + (p->knows_linear ? p->syn_linear : 0);
        ret->limit_ms =
            left_ms(ret->due_ms, ret->retries, retries, p->knows_linear ? p->syn_linear : 0);
        break;
    }
    case SITUATION_HANDSHAKE:
        ret->limit_ms = left_ms(ret->due_ms, ret->retries, p->synack_retries, 0);
        break;
    case SITUATION_SENDING:
    case SITUATION_RETRANSMITS:
    case SITUATION_FIN_SENT:
    case SITUATION_LAST_ACK:
    case SITUATION_BOTH_CLOSING:
        ret->limit_ms = model_ms(retries_of(s, p));
        ret->counts_from_loss = true;
        break;
    case SITUATION_FIN_AWAITED:
        ret->limit_ms = ret->due ? ret->due_ms : p->fin_timeout_ms;
        break;
    case SITUATION_TIME_WAIT:
        ret->limit_ms = ret->due_ms;
        break;
    default:
        break;
    }
}

static void take_meaning(struct predict_state *ret)
{
    const struct meaning *m = &meanings[ret->situation];
    ret->mover = m->mover;
    ret->for_ever = m->for_ever;
    ret->next = m->next;
    ret->gone_next = m->gone_next;
}

void predict_state(const struct net_socket *s, const struct predict_patience *p,
                   struct predict_state *ret)
{
    *ret = (struct predict_state){0};
    read_queues(s, ret);
    read_timer(s, ret);
    ret->situation = s->kind == NET_TCP   ? of_tcp(ret, s)
                     : s->kind == NET_UDP ? of_udp(ret, s)
                                          : SITUATION_UNKNOWN;
    take_meaning(ret);
    limit(s, p, ret);
}

void predict_state_with(struct predict_state *s, enum net_state far)
{
    bool waits = s->situation == SITUATION_HALF_CLOSED || s->situation == SITUATION_FIN_AWAITED;
    bool for_ever = s->for_ever;
    if (!waits || !(FIN_UNDERWAY >> far & 1))
        return;
    s->situation = SITUATION_END_AWAITED;
    take_meaning(s);
    s->for_ever = for_ever;
}
