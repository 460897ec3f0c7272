/* netstat -s: the counters of /proc/net/snmp, netstat and snmp6, in the files' order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "cli/command.h"
#include "dialect/netstat.h"

enum { FILE_MAX = 1 << 20, COUNTERS_MAX = 1024, NAME_MAX_BYTES = 128 };

enum manner {
    ALWAYS,  /* shown though it is zero */
    COUNTED, /* shown unless it is zero */
    DEEP,    /* the same, as a part of a histogram */
};

/* The counters that have words; '#' stands for the number. Others are told by their names. */
static const struct wording {
    const char *section, *key, *text;
    enum manner manner;
} wordings[] = {
    /* clang-format off */
    {"Ip", "InReceives", "# total packets received", ALWAYS},
    {"Ip", "InHdrErrors", "# with invalid headers", COUNTED},
    {"Ip", "InAddrErrors", "# with invalid addresses", COUNTED},
    {"Ip", "ForwDatagrams", "# forwarded", ALWAYS},
    {"Ip", "InUnknownProtos", "# with unknown protocol", COUNTED},
    {"Ip", "InDiscards", "# incoming packets discarded", ALWAYS},
    {"Ip", "InDelivers", "# incoming packets delivered", ALWAYS},
    {"Ip", "OutRequests", "# requests sent out", ALWAYS},
    {"Ip", "OutDiscards", "# outgoing packets dropped", COUNTED},
    {"Ip", "OutNoRoutes", "# dropped because of missing route", COUNTED},
    {"Ip", "ReasmTimeout", "# fragments dropped after timeout", COUNTED},
    {"Ip", "ReasmReqds", "# reassemblies required", COUNTED},
    {"Ip", "ReasmOKs", "# packets reassembled ok", COUNTED},
    {"Ip", "ReasmFails", "# packet reassemblies failed", COUNTED},
    {"Ip", "FragOKs", "# outgoing packets fragmented ok", COUNTED},
    {"Ip", "FragFails", "# outgoing packets failed fragmentation", COUNTED},
    {"Ip", "FragCreates", "# fragments created", COUNTED},
    {"Icmp", "InMsgs", "# ICMP messages received", ALWAYS},
    {"Icmp", "InErrors", "# input ICMP message failed", ALWAYS},
    {"Icmp", "InDestUnreachs", "destination unreachable: #", DEEP},
    {"Icmp", "InTimeExcds", "timeout in transit: #", DEEP},
    {"Icmp", "InParmProbs", "wrong parameters: #", DEEP},
    {"Icmp", "InSrcQuenchs", "source quenches: #", DEEP},
    {"Icmp", "InRedirects", "redirects: #", DEEP},
    {"Icmp", "InEchos", "echo requests: #", DEEP},
    {"Icmp", "InEchoReps", "echo replies: #", DEEP},
    {"Icmp", "InTimestamps", "timestamp request: #", DEEP},
    {"Icmp", "InTimestampReps", "timestamp reply: #", DEEP},
    {"Icmp", "InAddrMasks", "address mask request: #", DEEP},
    {"Icmp", "InAddrMaskReps", "address mask replies: #", DEEP},
    {"Icmp", "OutMsgs", "# ICMP messages sent", ALWAYS},
    {"Icmp", "OutErrors", "# ICMP messages failed", ALWAYS},
    {"Icmp", "OutDestUnreachs", "destination unreachable: #", DEEP},
    {"Icmp", "OutTimeExcds", "time exceeded: #", DEEP},
    {"Icmp", "OutParmProbs", "wrong parameters: #", DEEP},
    {"Icmp", "OutSrcQuenchs", "source quench: #", DEEP},
    {"Icmp", "OutRedirects", "redirect: #", DEEP},
    {"Icmp", "OutEchos", "echo requests: #", DEEP},
    {"Icmp", "OutEchoReps", "echo replies: #", DEEP},
    {"Icmp", "OutTimestamps", "timestamp requests: #", DEEP},
    {"Icmp", "OutTimestampReps", "timestamp replies: #", DEEP},
    {"Icmp", "OutAddrMasks", "address mask requests: #", DEEP},
    {"Icmp", "OutAddrMaskReps", "address mask replies: #", DEEP},
    {"Tcp", "ActiveOpens", "# active connection openings", ALWAYS},
    {"Tcp", "PassiveOpens", "# passive connection openings", ALWAYS},
    {"Tcp", "AttemptFails", "# failed connection attempts", ALWAYS},
    {"Tcp", "EstabResets", "# connection resets received", ALWAYS},
    {"Tcp", "CurrEstab", "# connections established", ALWAYS},
    {"Tcp", "InSegs", "# segments received", ALWAYS},
    {"Tcp", "OutSegs", "# segments sent out", ALWAYS},
    {"Tcp", "RetransSegs", "# segments retransmitted", ALWAYS},
    {"Tcp", "InErrs", "# bad segments received", ALWAYS},
    {"Tcp", "OutRsts", "# resets sent", ALWAYS},
    {"Udp", "InDatagrams", "# packets received", ALWAYS},
    {"Udp", "NoPorts", "# packets to unknown port received", ALWAYS},
    {"Udp", "InErrors", "# packet receive errors", ALWAYS},
    {"Udp", "OutDatagrams", "# packets sent", ALWAYS},
    {"Udp", "RcvbufErrors", "# receive buffer errors", ALWAYS},
    {"Udp", "SndbufErrors", "# send buffer errors", ALWAYS},
    {"TcpExt", "SyncookiesSent", "# SYN cookies sent", COUNTED},
    {"TcpExt", "SyncookiesRecv", "# SYN cookies received", COUNTED},
    {"TcpExt", "SyncookiesFailed", "# invalid SYN cookies received", COUNTED},
    {"TcpExt", "EmbryonicRsts", "# resets received for embryonic SYN_RECV sockets", COUNTED},
    {"TcpExt", "PruneCalled", "# packets pruned from receive queue because of socket buffer overrun", COUNTED},
    {"TcpExt", "RcvPruned", "# packets pruned from receive queue", COUNTED},
    {"TcpExt", "OfoPruned", "# packets dropped from out-of-order queue because of socket buffer overrun", COUNTED},
    {"TcpExt", "OutOfWindowIcmps", "# ICMP packets dropped because they were out-of-window", COUNTED},
    {"TcpExt", "LockDroppedIcmps", "# ICMP packets dropped because socket was locked", COUNTED},
    {"TcpExt", "TW", "# TCP sockets finished time wait in fast timer", COUNTED},
    {"TcpExt", "TWRecycled", "# time wait sockets recycled by time stamp", COUNTED},
    {"TcpExt", "PAWSActive", "# active connections rejected because of time stamp", COUNTED},
    {"TcpExt", "PAWSEstab", "# packets rejected in established connections because of timestamp", COUNTED},
    {"TcpExt", "DelayedACKs", "# delayed acks sent", COUNTED},
    {"TcpExt", "DelayedACKLocked", "# delayed acks further delayed because of locked socket", COUNTED},
    {"TcpExt", "DelayedACKLost", "Quick ack mode was activated # times", COUNTED},
    {"TcpExt", "ListenOverflows", "# times the listen queue of a socket overflowed", COUNTED},
    {"TcpExt", "ListenDrops", "# SYNs to LISTEN sockets dropped", COUNTED},
    {"TcpExt", "TCPHPHits", "# packet headers predicted", ALWAYS},
    {"TcpExt", "TCPPureAcks", "# acknowledgments not containing data payload received", COUNTED},
    {"TcpExt", "TCPHPAcks", "# predicted acknowledgments", COUNTED},
    {"TcpExt", "TCPRenoRecovery", "# times recovered from packet loss due to fast retransmit", COUNTED},
    {"TcpExt", "TCPSACKReorder", "Detected reordering # times using SACK", COUNTED},
    {"TcpExt", "TCPRenoReorder", "Detected reordering # times using reno fast retransmit", COUNTED},
    {"TcpExt", "TCPTSReorder", "Detected reordering # times using time stamp", COUNTED},
    {"TcpExt", "TCPFullUndo", "# congestion windows fully recovered without slow start", COUNTED},
    {"TcpExt", "TCPPartialUndo", "# congestion windows partially recovered using Hoe heuristic", COUNTED},
    {"TcpExt", "TCPLossUndo", "# congestion windows recovered without slow start after partial ack", COUNTED},
    {"TcpExt", "TCPRenoFailures", "# timeouts after reno fast retransmit", COUNTED},
    {"TcpExt", "TCPLossFailures", "# timeouts in loss state", COUNTED},
    {"TcpExt", "TCPFastRetrans", "# fast retransmits", COUNTED},
    {"TcpExt", "TCPSlowStartRetrans", "# retransmits in slow start", COUNTED},
    {"TcpExt", "TCPRcvCollapsed", "# packets collapsed in receive queue due to low socket buffer", COUNTED},
    {"TcpExt", "TCPAbortOnData", "# connections reset due to unexpected data", COUNTED},
    {"TcpExt", "TCPAbortOnClose", "# connections reset due to early user close", COUNTED},
    {"TcpExt", "TCPAbortOnMemory", "# connections aborted due to memory pressure", COUNTED},
    {"TcpExt", "TCPAbortOnTimeout", "# connections aborted due to timeout", COUNTED},
    {"TcpExt", "TCPAbortOnLinger", "# connections aborted after user close in linger timeout", COUNTED},
    {"TcpExt", "TCPAbortFailed", "# times unable to send RST due to no memory", COUNTED},
    {"TcpExt", "TCPMemoryPressures", "TCP ran low on memory # times", COUNTED},
    {"Ip6", "Ip6InReceives", "# total packets received", ALWAYS},
    {"Ip6", "Ip6InHdrErrors", "# with invalid headers", COUNTED},
    {"Ip6", "Ip6InTooBigErrors", "# with packets too big", COUNTED},
    {"Ip6", "Ip6InNoRoutes", "# incoming packets with no route", COUNTED},
    {"Ip6", "Ip6InAddrErrors", "# with invalid addresses", COUNTED},
    {"Ip6", "Ip6InUnknownProtos", "# with unknown protocol", COUNTED},
    {"Ip6", "Ip6InTruncatedPkts", "# with truncated packets", COUNTED},
    {"Ip6", "Ip6InDiscards", "# incoming packets discarded", ALWAYS},
    {"Ip6", "Ip6InDelivers", "# incoming packets delivered", ALWAYS},
    {"Ip6", "Ip6OutForwDatagrams", "# forwarded", ALWAYS},
    {"Ip6", "Ip6OutRequests", "# requests sent out", ALWAYS},
    {"Ip6", "Ip6OutDiscards", "# outgoing packets dropped", COUNTED},
    {"Ip6", "Ip6OutNoRoutes", "# dropped because of missing route", COUNTED},
    {"Ip6", "Ip6ReasmTimeout", "# fragments dropped after timeout", COUNTED},
    {"Ip6", "Ip6ReasmReqds", "# reassemblies required", COUNTED},
    {"Ip6", "Ip6ReasmOKs", "# packets reassembled ok", COUNTED},
    {"Ip6", "Ip6ReasmFails", "# packet reassemblies failed", COUNTED},
    {"Ip6", "Ip6FragOKs", "# outgoing packets fragmented ok", COUNTED},
    {"Ip6", "Ip6FragFails", "# outgoing packets failed fragmentation", COUNTED},
    {"Ip6", "Ip6FragCreates", "# fragments created", COUNTED},
    {"Ip6", "Ip6InMcastPkts", "# incoming multicast packets", COUNTED},
    {"Ip6", "Ip6OutMcastPkts", "# outgoing multicast packets", COUNTED},
    {"Icmp6", "Icmp6InMsgs", "# ICMP messages received", ALWAYS},
    {"Icmp6", "Icmp6InErrors", "# input ICMP message failed", ALWAYS},
    {"Icmp6", "Icmp6OutMsgs", "# ICMP messages sent", ALWAYS},
    {"Icmp6", "Icmp6InDestUnreachs", "destination unreachable: #", DEEP},
    {"Icmp6", "Icmp6InPktTooBigs", "packets too big: #", DEEP},
    {"Icmp6", "Icmp6InTimeExcds", "received ICMPv6 time exceeded: #", DEEP},
    {"Icmp6", "Icmp6InParmProblems", "parameter problem: #", DEEP},
    {"Icmp6", "Icmp6InEchos", "echo requests: #", DEEP},
    {"Icmp6", "Icmp6InEchoReplies", "echo replies: #", DEEP},
    {"Icmp6", "Icmp6InGroupMembQueries", "group member queries: #", DEEP},
    {"Icmp6", "Icmp6InGroupMembResponses", "group member responses: #", DEEP},
    {"Icmp6", "Icmp6InGroupMembReductions", "group member reductions: #", DEEP},
    {"Icmp6", "Icmp6InRouterSolicits", "router solicits: #", DEEP},
    {"Icmp6", "Icmp6InRouterAdvertisements", "router advertisement: #", DEEP},
    {"Icmp6", "Icmp6InNeighborSolicits", "neighbour solicits: #", DEEP},
    {"Icmp6", "Icmp6InNeighborAdvertisements", "neighbour advertisement: #", DEEP},
    {"Icmp6", "Icmp6InRedirects", "redirects: #", DEEP},
    {"Icmp6", "Icmp6OutDestUnreachs", "destination unreachable: #", DEEP},
    {"Icmp6", "Icmp6OutPktTooBigs", "packets too big: #", DEEP},
    {"Icmp6", "Icmp6OutTimeExcds", "sent ICMPv6 time exceeded: #", DEEP},
    {"Icmp6", "Icmp6OutParmProblems", "parameter problem: #", DEEP},
    {"Icmp6", "Icmp6OutEchos", "echo requests: #", DEEP},
    {"Icmp6", "Icmp6OutEchoReplies", "echo replies: #", DEEP},
    {"Icmp6", "Icmp6OutGroupMembQueries", "group member queries: #", DEEP},
    {"Icmp6", "Icmp6OutGroupMembResponses", "group member responses: #", DEEP},
    {"Icmp6", "Icmp6OutGroupMembReductions", "group member reductions: #", DEEP},
    {"Icmp6", "Icmp6OutRouterSolicits", "router solicits: #", DEEP},
    {"Icmp6", "Icmp6OutNeighborSolicits", "neighbor solicits: #", DEEP},
    {"Icmp6", "Icmp6OutNeighborAdvertisements", "neighbor advertisements: #", DEEP},
    {"Icmp6", "Icmp6OutRedirects", "redirects: #", DEEP},
    {"Udp6", "Udp6InDatagrams", "# packets received", ALWAYS},
    {"Udp6", "Udp6NoPorts", "# packets to unknown port received", ALWAYS},
    {"Udp6", "Udp6InErrors", "# packet receive errors", ALWAYS},
    {"Udp6", "Udp6OutDatagrams", "# packets sent", ALWAYS},
    /* clang-format on */
};

/* What stands before the first part of a histogram. */
static const struct {
    const char *key, *heading;
} histograms[] = {
    {"InDestUnreachs", "ICMP input histogram:"},
    {"OutDestUnreachs", "ICMP output histogram:"},
    {"Icmp6InDestUnreachs", "ICMP input histogram:"},
    {"Icmp6OutDestUnreachs", "ICMP output histogram:"},
};

static const char *const hidden[] = {"DefaultTTL", "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn"};

struct statistics {
    const struct netstat_options *o;
    struct out *out;
    bool deep; /* the line before was of a histogram: names without words stand as deep */
};

static bool is_asked(const struct netstat_options *o, const char *section)
{
    static const struct {
        const char *section;
        size_t flag;
    } flags[] = {
        {"Ip", offsetof(struct netstat_options, raw)},
        {"Icmp", offsetof(struct netstat_options, raw)},
        {"Tcp", offsetof(struct netstat_options, tcp)},
        {"Udp", offsetof(struct netstat_options, udp)},
        {"TcpExt", offsetof(struct netstat_options, tcp)},
        {"Ip6", offsetof(struct netstat_options, raw)},
        {"Icmp6", offsetof(struct netstat_options, raw)},
        {"Udp6", offsetof(struct netstat_options, udp)},
    };
    if (!o->tcp && !o->udp && !o->udplite && !o->sctp && !o->raw)
        return true;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i].section, section) == 0)
            return *(const bool *)((const char *)o + flags[i].flag);
    return true;
}

static const struct wording *find_wording(const char *section, const char *key)
{
    for (size_t i = 0; i < sizeof wordings / sizeof *wordings; i++)
        if (strcmp(wordings[i].key, key) == 0 && strcmp(wordings[i].section, section) == 0)
            return &wordings[i];
    return NULL;
}

static bool is_hidden(const char *key)
{
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (strcmp(hidden[i], key) == 0)
            return true;
    return false;
}

static void indent(struct statistics *s, bool deep)
{
    buf_str(&s->out->buf, deep ? "        " : "    ");
}

static void begin_histogram(struct statistics *s, const char *key)
{
    for (size_t i = 0; i < sizeof histograms / sizeof *histograms; i++) {
        if (strcmp(histograms[i].key, key) != 0)
            continue;
        indent(s, s->deep);
        buf_printf(&s->out->buf, "%s\n", histograms[i].heading);
        s->deep = true;
    }
}

static void print_worded(struct statistics *s, const struct wording *w, const char *value)
{
    size_t before = strcspn(w->text, "#");
    indent(s, w->manner == DEEP);
    buf_add(&s->out->buf, w->text, before);
    buf_str(&s->out->buf, value);
    buf_printf(&s->out->buf, "%s\n", w->text + before + 1);
}

static void print_counter(struct statistics *s, const char *section, const char *key,
                          const char *value)
{
    const struct wording *w = find_wording(section, key);
    bool zero = strcmp(value, "0") == 0;
    begin_histogram(s, key);
    if (w) {
        if (!zero || w->manner == ALWAYS) {
            s->deep = w->manner == DEEP;
            print_worded(s, w, value);
        }
        return;
    }
    if (zero || is_hidden(key))
        return;
    indent(s, s->deep);
    netstat_text(&s->out->buf, key, strlen(key));
    buf_printf(&s->out->buf, ": %s\n", value);
}

/* Two lines: the names, and the numbers. */
static void print_pair(struct statistics *s, char *names, char *numbers, const char *only)
{
    char *words[COUNTERS_MAX], *values[COUNTERS_MAX];
    size_t n = netstat_words(names, words, COUNTERS_MAX);
    size_t n_values = netstat_words(numbers, values, COUNTERS_MAX);
    char *colon = n ? strchr(words[0], ':') : NULL;
    if (!colon || !n_values || strcmp(words[0], values[0]) != 0)
        return;
    *colon = '\0';
    if (!is_asked(s->o, words[0]) || (only && strcmp(words[0], only) != 0))
        return;
    s->deep &= strcmp(words[0], "IcmpMsg") == 0; /* which goes on where Icmp ended */
    netstat_text(&s->out->buf, words[0], strlen(words[0]));
    buf_str(&s->out->buf, ":\n");
    for (size_t i = 1; i < n && i < n_values; i++)
        if (netstat_is_number(values[i]))
            print_counter(s, words[0], words[i], values[i]);
}

static bool print_file(struct statistics *s, const char *name, const char *only)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    char *names, *numbers;
    if (netstat_file(name, &text) < 0)
        return false;
    s->deep = false;
    for (char *at = text.data; at && netstat_line(&at, &names) && netstat_line(&at, &numbers);)
        print_pair(s, names, numbers, only);
    return true;
}

/* Of IPv6 each line is a name and a number; the section is in the name. */
static const char *section6(const char *key)
{
    static const char *const sections[] = {"Icmp6", "Ip6", "UdpLite6", "Udp6"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strncmp(key, sections[i], strlen(sections[i])) == 0)
            return sections[i];
    return NULL;
}

static bool print_file6(struct statistics *s)
{
    _cleanup_buf_ struct buf text = BUF_INIT(FILE_MAX);
    const char *section = NULL;
    char *line, *words[3];
    if (netstat_file("snmp6", &text) < 0)
        return false;
    s->deep = false;
    for (char *at = text.data; at && netstat_line(&at, &line);) {
        if (netstat_words(line, words, 3) != 2 || !netstat_is_number(words[1]))
            continue;
        const char *now = section6(words[0]);
        if (!now || !is_asked(s->o, now))
            continue;
        if (now != section) {
            buf_printf(&s->out->buf, "%s:\n", now);
            s->deep = false;
        }
        section = now;
        print_counter(s, now, words[0], words[1]);
    }
    return true;
}

int netstat_statistics(const struct netstat_options *o, struct out *out)
{
    struct statistics s = {.o = o, .out = out};
    bool found;
    if (*o->families && strcmp(o->families, "inet") != 0 && strcmp(o->families, "inet6") != 0) {
        buf_printf(&out->buf, "netstat: No statistics support for specified address family: %s\n",
                   o->families);
        return EXIT_NO;
    }
    if (o->inet6) {
        found = print_file6(&s);
        if (o->tcp || is_asked(o, "Tcp"))
            found &= print_file(&s, "snmp", "Tcp");
    } else {
        found = print_file(&s, "snmp", NULL) && print_file(&s, "netstat", NULL);
    }
    return found ? EXIT_YES : EXIT_NO;
}
