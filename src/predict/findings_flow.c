/* Findings about connections that don't get on, and what the kernel dropped or has left. */
#include <errno.h>
#include <string.h>

#include "base/time.h"
#include "predict/findings_impl.h"

enum { PILE = 10, PILE_BAD = 100, RETRIES = 2, STOPPED_MS = 1000, NS_PER_MS = 1000000 };

/* CLOSE_WAIT */

static bool waits_for_close(const struct net_socket *s)
{
    return s->kind == NET_TCP && s->state == NET_CLOSE_WAIT && s->detached != NET_IN_QUEUE &&
           s->detached != NET_ORPHAN;
}

/* Those of a process that may not be seen stand together by their user. */
static uint64_t holder_key(const struct net_socket *s)
{
    if (has_owner(s))
        return (uint64_t)s->owners[0].pid;
    return UINT64_C(1) << 40 | (net_socket_knows(s, NET_F_UID) ? s->uid : UINT32_MAX);
}

static int tell_pile(struct findings *f, const struct group *g)
{
    const struct net_socket *first = group_socket(g, 0);
    uint64_t unread = 0;
    struct draft d = draft_start(f, g->sockets.len >= PILE_BAD ? FINDING_BAD : FINDING_WARNING);
    put_owner(&d.title, first);
    buf_printf(&d.title, " doesn't close %zu connections that the other end has closed",
               g->sockets.len);
    int r = 0;
    for (size_t i = 0; i < g->sockets.len && r == 0; i++) {
        unread += findings_queues(group_socket(g, i)).unread;
        r = draft_add(&d, group_socket(g, i));
    }
    put_sockets(&d.evidence, &d.sockets);
    buf_str(&d.evidence, "CLOSE_WAIT ends only when the program calls close(): no timer does it, "
                         "and each has a descriptor\n");
    if (unread)
        buf_printf(&d.evidence, "%llu byte%s that came before w%s not read either\n",
                   (unsigned long long)unread, plural(unread), unread == 1 ? "as" : "ere");
    buf_str(&d.remedy, "it is a fault of the program: it forgets to close after read() gave 0, or "
                       "hangs\n");
    if (has_owner(first))
        buf_printf(&d.remedy,
                   "see how many descriptors it has left: grep 'open files' "
                   "/proc/%d/limits; ls /proc/%d/fd | wc -l\n",
                   first->owners[0].pid, first->owners[0].pid);
    buf_str(&d.remedy, "until it is repaired, a restart closes them");
    if (r == 0)
        return draft_end(&d);
    draft_drop(&d);
    return r;
}

int find_close_wait(struct findings *f)
{
    _cleanup_groups_ struct groups holders = GROUPS_INIT;
    int r = 0;
    for (size_t i = 0; i < f->host.n_sockets && r == 0; i++) {
        const struct net_socket *s = findings_socket(f, i);
        if (waits_for_close(s))
            r = groups_add(&holders, holder_key(s), s, NULL);
    }
    for (size_t i = 0; i < holders.all.len && r == 0; i++) {
        const struct group *g = vec_at(&holders.all, i);
        if (g->sockets.len >= PILE)
            r = tell_pile(f, g);
    }
    return r;
}

/* Timers that fire again and again */

static bool has_timer(const struct net_socket *s, const char *name)
{
    return s->kind == NET_TCP && net_socket_knows(s, NET_F_TIMER) && strcmp(s->timer, name) == 0;
}

static bool is_retransmitting(const struct net_socket *s)
{
    return has_timer(s, "on") && net_socket_knows(s, NET_F_TIMER_RETRIES) &&
           s->timer_retries >= RETRIES && s->state != NET_NEW_SYN_RECV && s->state != NET_SYN_RECV;
}

/* A reader that is only slow opens its window at once. Probes that are answered don't count as
 * retries (tcp_send_probe0), so that the time without data tells. */
static bool is_stopped(const struct net_socket *s)
{
    return has_timer(s, "persist") && net_socket_knows(s, NET_F_LAST_SEND) &&
           s->last_send_ms >= STOPPED_MS;
}

static void put_stuck(struct buf *out, const struct net_socket *s)
{
    put_socket(out, s);
    if (is_stopped(s)) {
        buf_str(out, ": nothing could be sent for ");
        time_format_duration(out, s->last_send_ms * NS_PER_MS);
    } else {
        buf_printf(out, ": %llu times in a row", (unsigned long long)s->timer_retries);
    }
    if (net_socket_knows(s, NET_F_LAST_ACK) && s->state != NET_SYN_SENT && !is_stopped(s)) {
        buf_str(out, ", the last answer came ");
        time_format_duration(out, s->last_ack_ms * NS_PER_MS);
        buf_str(out, " ago");
    }
    struct predict_state queues = findings_queues(s);
    uint64_t waiting = queues.unacknowledged + queues.unsent;
    if (waiting)
        buf_printf(out, ", %llu byte%s wait%s", (unsigned long long)waiting, plural(waiting),
                   waiting == 1 ? "s" : "");
    buf_char(out, '\n');
}

static int gather_stuck(struct draft *d, bool (*is_stuck)(const struct net_socket *s))
{
    for (size_t i = 0; i < d->all->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(d->all, i);
        if (!is_stuck(s))
            continue;
        if (d->sockets.len < SHOWN)
            put_stuck(&d->evidence, s);
        if (draft_add(d, s) < 0)
            return -ENOMEM;
    }
    if (d->sockets.len > SHOWN)
        buf_printf(&d->evidence, "and %zu more\n", d->sockets.len - SHOWN);
    return 0;
}

int find_retransmitting(struct findings *f)
{
    struct draft d = draft_start(f, FINDING_WARNING);
    int r = gather_stuck(&d, is_retransmitting);
    if (r < 0 || d.sockets.len == 0) {
        draft_drop(&d);
        return r;
    }
    const struct net_socket *first = *(const struct net_socket **)vec_at(&d.sockets, 0);
    buf_printf(&d.title, "%zu connection%s sen%s again and again, and get%s no answer",
               d.sockets.len, plural(d.sockets.len), d.sockets.len == 1 ? "ds" : "d",
               d.sockets.len == 1 ? "s" : "");
    buf_str(&d.remedy, "the other host, or the way to it, is gone: ping it, and berth explain "
                       "connect ");
    put_end(&d.remedy, first, NET_END_PEER);
    buf_str(&d.remedy, "\na firewall may have forgotten the connection: keep-alive before its "
                       "timeout prevents that\n"
                       "if small packets pass and large ones don't, it is the MTU (ping -M do -s "
                       "1400)");
    return draft_end(&d);
}

int find_zero_window(struct findings *f)
{
    struct draft d = draft_start(f, FINDING_WARNING);
    int r = gather_stuck(&d, is_stopped);
    if (r < 0 || d.sockets.len == 0) {
        draft_drop(&d);
        return r;
    }
    buf_printf(&d.title, "%zu connection%s wait%s since the other end doesn't read", d.sockets.len,
               plural(d.sockets.len), d.sockets.len == 1 ? "s" : "");
    const struct net_socket *reader = NULL;
    for (size_t i = 0; i < d.sockets.len && !reader; i++)
        reader = net_pairs_far_end(&f->pairs, *(const struct net_socket **)vec_at(&d.sockets, i));
    if (reader) {
        buf_str(&d.evidence, "the other end is on this host: ");
        put_socket(&d.evidence, reader);
        buf_printf(&d.evidence, ", with %llu bytes that it hasn't read\n",
                   (unsigned long long)findings_queues(reader).unread);
        buf_str(&d.remedy, "look why ");
        put_owner(&d.remedy, reader);
        buf_str(&d.remedy, " doesn't read: it hangs, is stopped, or waits for something else");
    } else {
        buf_str(&d.remedy, "look at the program at the other end: it hangs, is stopped, or waits "
                           "for something else");
    }
    buf_str(&d.remedy, "\na writer should have a limit of its own to how long it waits");
    return draft_end(&d);
}

/* UDP */

static uint64_t both(const struct findings *f, const char *four, const char *six)
{
    return findings_counter(f, four) + findings_counter(f, six);
}

static int gather_drops(struct draft *d)
{
    for (size_t i = 0; i < d->all->host.n_sockets; i++) {
        const struct net_socket *s = findings_socket(d->all, i);
        if (s->kind != NET_UDP || !net_socket_knows(s, NET_F_DROPS) || !s->drops)
            continue;
        if (d->sockets.len < SHOWN) {
            put_socket(&d->evidence, s);
            buf_printf(&d->evidence, ": %llu dropped since it was opened",
                       (unsigned long long)s->drops);
            if (s->recv_q) /* memory, not what recv(2) would give (sk_rmem_alloc_get) */
                buf_printf(&d->evidence, ", what it hasn't read takes %llu bytes of its buffer",
                           (unsigned long long)s->recv_q);
            buf_char(&d->evidence, '\n');
        }
        if (draft_add(d, s) < 0)
            return -ENOMEM;
    }
    return 0;
}

int find_udp_errors(struct findings *f)
{
    uint64_t room = both(f, "UdpRcvbufErrors", "Udp6RcvbufErrors"),
             sums = both(f, "UdpInCsumErrors", "Udp6InCsumErrors"),
             memory = both(f, "UdpMemErrors", "Udp6MemErrors"),
             all = both(f, "UdpInErrors", "Udp6InErrors"), most;
    if (all < room + sums)
        all = room + sums;
    struct draft d = draft_start(f, FINDING_WARNING);
    int r = f->counted_ns && all == 0 ? 0 : gather_drops(&d);
    if (r < 0 || (all == 0 && d.sockets.len == 0)) {
        draft_drop(&d);
        return r;
    }
    if (all)
        buf_printf(&d.title, "%llu datagram%s dropped on arrival", (unsigned long long)all,
                   all == 1 ? " was" : "s were");
    else
        buf_str(&d.title, "datagrams were dropped on arrival");
    if (room) {
        buf_printf(&d.evidence, "%llu for want of room in the receiver's buffer ",
                   (unsigned long long)room);
        put_when(&d.evidence, f);
        buf_str(&d.evidence, " (UdpRcvbufErrors)\n");
    }
    if (sums)
        buf_printf(&d.evidence, "%llu with a bad checksum (UdpInCsumErrors)\n",
                   (unsigned long long)sums);
    if (memory)
        buf_printf(&d.evidence, "%llu for want of memory for UDP (net.ipv4.udp_mem)\n",
                   (unsigned long long)memory);
    buf_str(&d.remedy, "let the receiver read faster, or give it a larger buffer: SO_RCVBUF");
    if (findings_setting(f, "net.core.rmem_max", 0, &most))
        buf_printf(&d.remedy, ", at most net.core.rmem_max, now %llu", (unsigned long long)most);
    if (!f->counted_ns)
        buf_str(&d.remedy, "\nsee whether it goes on: berth doctor --for 10s");
    return draft_end(&d);
}

/* What the whole host has left */

int find_orphans(struct findings *f)
{
    uint64_t most, now = findings_counter(f, "sockstat.TCP.orphan"),
                   cut = findings_counter(f, "TcpExtTCPAbortOnMemory");
    bool known = findings_setting(f, "net.ipv4.tcp_max_orphans", 0, &most) && most;
    bool near = known && now * 2 >= most;
    if (!near && !cut)
        return 0;
    struct draft d = draft_start(f, known && now * 10 >= most * 9 ? FINDING_BAD : FINDING_WARNING);
    if (near)
        buf_printf(&d.title, "%llu connections belong to no program any more, and %llu is the most",
                   (unsigned long long)now, (unsigned long long)most);
    else
        buf_printf(&d.title, "%llu closed connections were cut for want of memory",
                   (unsigned long long)cut);
    if (known)
        buf_printf(&d.evidence,
                   "%llu orphans, net.ipv4.tcp_max_orphans is %llu: beyond it, what "
                   "a program wrote before it closed is thrown away\n",
                   (unsigned long long)now, (unsigned long long)most);
    if (cut) {
        buf_printf(&d.evidence, "%llu were cut ", (unsigned long long)cut);
        put_when(&d.evidence, f);
        buf_str(&d.evidence, " (TcpExtTCPAbortOnMemory)\n");
    }
    buf_str(&d.remedy, "see whose peers don't take what is left for them: berth list 'state "
                       "fin-wait-1 or state last-ack'\n"
                       "sooner over: net.ipv4.tcp_orphan_retries; more room: "
                       "net.ipv4.tcp_max_orphans");
    return draft_end(&d);
}

int find_memory(struct findings *f)
{
    uint64_t pressure, most, now = findings_counter(f, "sockstat.TCP.mem");
    if (!findings_setting(f, "net.ipv4.tcp_mem", 1, &pressure) ||
        !findings_setting(f, "net.ipv4.tcp_mem", 2, &most) || !most || now < pressure)
        return 0;
    struct draft d = draft_start(f, now * 10 >= most * 9 ? FINDING_BAD : FINDING_WARNING);
    buf_printf(&d.title, "TCP has %llu of the %llu pages of memory that it may have",
               (unsigned long long)now, (unsigned long long)most);
    buf_printf(&d.evidence,
               "above %llu the kernel shrinks every window, above %llu it drops what "
               "comes (net.ipv4.tcp_mem)\n",
               (unsigned long long)pressure, (unsigned long long)most);
    buf_str(&d.remedy,
            "see who has it: berth list --sort -wmem_queued_bytes --top 10 --memory tcp\n"
            "programs that don't read, or write faster than their peers read, are what "
            "fills it; net.ipv4.tcp_mem is the limit");
    return draft_end(&d);
}
