/* Findings about queues of listeners: full ones, those that were, and the limit of them all. */
#include <errno.h>

#include "predict/findings_impl.h"

static bool is_queue(const struct net_socket *s)
{
    return s->state == NET_LISTEN && net_socket_knows(s, NET_F_RECV_Q) &&
           net_socket_knows(s, NET_F_SEND_Q);
}

/* The kernel drops a SYN when more than the backlog wait, so that one more has room
 * (sk_acceptq_is_full of include/net/sock.h; test_doctor.py, test_accept_queue_full). */
static bool is_full(const struct net_socket *s)
{
    return s->recv_q > s->send_q;
}

/* Three quarters of a queue that isn't tiny. */
static bool is_filling(const struct net_socket *s)
{
    return s->recv_q >= 8 && s->recv_q * 4 >= s->send_q * 3;
}

static void put_queue_title(struct buf *out, const struct net_socket *s)
{
    put_owner(out, s);
    if (is_full(s))
        buf_str(out, " doesn't accept: the queue of ");
    else
        buf_str(out, " accepts too slowly: the queue of ");
    put_end(out, s, NET_END_LOCAL);
    buf_str(out, is_full(s) ? " is full" : " is nearly full");
}

static void put_queue_remedy(struct buf *out, const struct findings *f, const struct net_socket *s)
{
    uint64_t somaxconn;
    buf_str(out, "look what ");
    put_owner(out, s);
    buf_str(out, " is doing: it hangs, is stopped, or has no thread or descriptor left");
    if (has_owner(s))
        buf_printf(out, " (ls /proc/%d/fd | wc -l; cat /proc/%d/wchan)", s->owners[0].pid,
                   s->owners[0].pid);
    buf_char(out, '\n');
    buf_printf(out, "if it is only busy: more workers, or a backlog above %llu in its listen()",
               (unsigned long long)s->send_q);
    if (findings_setting(f, "net.core.somaxconn", 0, &somaxconn))
        buf_printf(out, " (net.core.somaxconn, now %llu, is the most)",
                   (unsigned long long)somaxconn);
}

static int tell_queue(struct findings *f, const struct net_socket *s)
{
    bool full = is_full(s);
    struct draft d = draft_start(f, full ? FINDING_BAD : FINDING_WARNING);
    put_queue_title(&d.title, s);
    buf_printf(&d.evidence, "%llu connection%s to be accepted, and there is room for %llu\n",
               (unsigned long long)s->recv_q, s->recv_q == 1 ? " waits" : "s wait",
               (unsigned long long)s->send_q + 1);
    if (full && s->kind == NET_TCP)
        buf_str(&d.evidence,
                "new ones are dropped without a word: their clients wait, and time out "
                "after two minutes\n");
    else if (full)
        buf_str(&d.evidence, "whoever connects now waits, or gets EAGAIN\n");
    put_queue_remedy(&d.remedy, f, s);
    if (draft_add(&d, s) == 0)
        return draft_end(&d);
    draft_drop(&d);
    return -ENOMEM;
}

int find_accept_queues(struct findings *f)
{
    for (size_t i = 0; i < f->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (!is_queue(s) || !(is_full(s) || is_filling(s)))
            continue;
        int r = tell_queue(f, s);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What was dropped before anybody looked */

int find_overflows(struct findings *f)
{
    uint64_t overflows = findings_counter(f, "TcpExtListenOverflows"),
             requests = findings_counter(f, "TcpExtTCPReqQFullDrop"), all = overflows + requests;
    if (all == 0)
        return 0;
    struct draft d = draft_start(f, FINDING_WARNING);
    buf_printf(&d.title, "%llu connection%s dropped since a listener's queue was full",
               (unsigned long long)all, all == 1 ? " was" : "s were");
    if (overflows) {
        buf_printf(&d.evidence, "%llu time%s an accept queue had no room ",
                   (unsigned long long)overflows, plural(overflows));
        put_when(&d.evidence, f);
        buf_str(&d.evidence, " (TcpExtListenOverflows; a client that tries again counts again)\n");
    }
    if (requests) {
        buf_printf(&d.evidence, "%llu SYN%s found no room among the half-open ones ",
                   (unsigned long long)requests, plural(requests));
        put_when(&d.evidence, f);
        buf_str(&d.evidence, " (TcpExtTCPReqQFullDrop)\n");
    }
    if (!f->counted_ns)
        buf_str(&d.remedy, "see whether it goes on: berth doctor --for 10s\n");
    buf_str(&d.remedy, "find the queue that fills: berth list --listeners -o owner,local,recv_q,"
                       "send_q tcp\n"
                       "let that program accept faster, or ask listen() for a longer queue");
    return draft_end(&d);
}

int find_syn_cookies(struct findings *f)
{
    uint64_t sent = findings_counter(f, "TcpExtSyncookiesSent"), always = 0, half_open;
    if (sent == 0)
        return 0;
    struct draft d = draft_start(f, FINDING_WARNING);
    (void)findings_setting(f, "net.ipv4.tcp_syncookies", 0, &always);
    buf_printf(&d.title, "%llu SYN cookie%s sent: %s", (unsigned long long)sent,
               sent == 1 ? " was" : "s were",
               always == 2 ? "this host answers every SYN by one"
                           : "more connections began than there was room for");
    buf_printf(&d.evidence, "%llu sent ", (unsigned long long)sent);
    put_when(&d.evidence, f);
    buf_printf(&d.evidence, ", %llu came back good, %llu bad\n",
               (unsigned long long)findings_counter(f, "TcpExtSyncookiesRecv"),
               (unsigned long long)findings_counter(f, "TcpExtSyncookiesFailed"));
    if (always == 2)
        buf_str(&d.evidence, "net.ipv4.tcp_syncookies is 2\n");
    buf_str(&d.evidence, "a connection made by cookie works, but may lack window scaling and "
                         "SACK, and is slower\n");
    if (always == 2) {
        buf_str(&d.remedy, "set net.ipv4.tcp_syncookies to 1, unless this is a test");
        return draft_end(&d);
    }
    buf_str(&d.remedy, "cookies that mostly don't come back are a SYN flood: filter it before "
                       "this host\n"
                       "if they do come back, there are just many clients: a longer backlog in the "
                       "server's listen()");
    if (findings_setting(f, "net.ipv4.tcp_max_syn_backlog", 0, &half_open))
        buf_printf(&d.remedy, ", and net.ipv4.tcp_max_syn_backlog above %llu",
                   (unsigned long long)half_open);
    return draft_end(&d);
}

/* listen(2) cuts a backlog silently to net.core.somaxconn. What was asked for isn't kept: a
 * backlog of exactly the limit may have been cut, one above it was before the limit fell. Many
 * programs ask for the limit itself, so that equality says something only below the kernel's own
 * limit (4096 since Linux 5.4). test: test_doctor.py, test_somaxconn */

enum { USUAL_SOMAXCONN = 4096 };

static bool is_cut(const struct net_socket *s, uint64_t limit)
{
    if (!is_queue(s))
        return false;
    return s->send_q > limit || (s->send_q == limit && limit < USUAL_SOMAXCONN);
}

int find_somaxconn(struct findings *f)
{
    uint64_t limit;
    if (!findings_setting(f, "net.core.somaxconn", 0, &limit))
        return 0;
    struct draft d = draft_start(f, FINDING_NOTE);
    for (size_t i = 0; i < f->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (is_cut(s, limit) && draft_add(&d, s) < 0) {
            draft_drop(&d);
            return -ENOMEM;
        }
    }
    if (d.sockets.len == 0) {
        draft_drop(&d);
        return 0;
    }
    buf_printf(&d.title, "net.core.somaxconn, %llu, cuts the queue of %zu listener%s",
               (unsigned long long)limit, d.sockets.len, plural(d.sockets.len));
    for (size_t i = 0; i < d.sockets.len && i < SHOWN; i++) {
        const struct net_socket *s = *(const struct net_socket **)vec_at(&d.sockets, i);
        put_socket(&d.evidence, s);
        if (s->send_q > limit)
            buf_printf(&d.evidence, " with a backlog of %llu, which its next start won't get\n",
                       (unsigned long long)s->send_q);
        else
            buf_printf(&d.evidence, " with a backlog of %llu: it asked for that or for more\n",
                       (unsigned long long)s->send_q);
    }
    if (d.sockets.len > SHOWN)
        buf_printf(&d.evidence, "and %zu more\n", d.sockets.len - SHOWN);
    buf_printf(&d.remedy,
               "sysctl net.core.somaxconn=%d (the kernel's own default), then restart "
               "them",
               USUAL_SOMAXCONN);
    return draft_end(&d);
}
