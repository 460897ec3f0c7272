/* What the words of a filter mean: protocols, families, states; and which word was meant. */
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "net/filter_impl.h"

enum {
    IPV4 = 1 << AF_INET,
    IPV6 = 1 << AF_INET6,
    SYN_RECEIVED = 1 << NET_SYN_RECV | 1 << NET_NEW_SYN_RECV, /* one state in ss's eyes */
    BUCKET = SYN_RECEIVED | 1 << NET_TIME_WAIT,
    UNCONNECTED =
        1 << NET_STATE_UNKNOWN | 1 << NET_CLOSE | 1 << NET_LISTEN | 1 << NET_BOUND_INACTIVE,
    CONNECTED = NET_STATES_ALL & ~UNCONNECTED,
};

static const struct {
    const char *word;
    struct filter_what what;
} whats[] = {
    {"inet", {FILTER_KINDS_IP, IPV4, true}}, {"inet4", {FILTER_KINDS_IP, IPV4, true}},
    {"ipv4", {FILTER_KINDS_IP, IPV4, true}}, {"inet6", {FILTER_KINDS_IP, IPV6, true}},
    {"ipv6", {FILTER_KINDS_IP, IPV6, true}}, {"unix", {NET_KINDS_UNIX, 0, false}},
    {"link", {1 << NET_PACKET, 0, false}},
};

/* IP protocols take a 4 or 6 behind their names. */
static bool find_kind(const char *word, size_t n, struct filter_what *ret)
{
    char name[24];
    if (n == 0 || n >= sizeof name)
        return false;
    memcpy(name, word, n);
    name[n] = '\0';
    enum net_kind kind;
    uint32_t families = 0;
    int r = net_kind_parse(name, &kind);
    if (r < 0 && (name[n - 1] == '4' || name[n - 1] == '6')) {
        families = name[n - 1] == '4' ? IPV4 : IPV6;
        name[n - 1] = '\0';
        r = net_kind_parse(name, &kind);
        if (r == 0 && !(1u << kind & FILTER_KINDS_IP))
            return false;
    }
    if (r < 0 || kind == NET_OTHER)
        return false;
    *ret = (struct filter_what){1u << kind, families, false};
    return true;
}

bool filter_find_what(const char *word, size_t n, struct filter_what *ret)
{
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
        if (strlen(whats[i].word) == n && memcmp(whats[i].word, word, n) == 0) {
            *ret = whats[i].what;
            return true;
        }
    }
    return find_kind(word, n, ret);
}

static const struct {
    const char *word;
    uint32_t states;
    bool in_clause; /* too common a word to stand alone */
} states[] = {
    {"established", 1 << NET_ESTABLISHED, false},
    {"estab", 1 << NET_ESTABLISHED, false},
    {"syn-sent", 1 << NET_SYN_SENT, false},
    {"syn-recv", SYN_RECEIVED, false},
    {"syn-rcv", SYN_RECEIVED, false},
    {"new-syn-recv", 1 << NET_NEW_SYN_RECV, false},
    {"fin-wait-1", 1 << NET_FIN_WAIT1, false},
    {"fin-wait1", 1 << NET_FIN_WAIT1, false},
    {"fin-wait-2", 1 << NET_FIN_WAIT2, false},
    {"fin-wait2", 1 << NET_FIN_WAIT2, false},
    {"time-wait", 1 << NET_TIME_WAIT, false},
    {"closed", 1 << NET_CLOSE, false},
    {"close", 1 << NET_CLOSE, true},
    {"unconnected", 1 << NET_CLOSE, false},
    {"unconn", 1 << NET_CLOSE, false},
    {"close-wait", 1 << NET_CLOSE_WAIT, false},
    {"last-ack", 1 << NET_LAST_ACK, false},
    {"listening", 1 << NET_LISTEN, false},
    {"listen", 1 << NET_LISTEN, false},
    {"closing", 1 << NET_CLOSING, false},
    {"bound-inactive", 1 << NET_BOUND_INACTIVE, false},
    {"connected", CONNECTED, false},
    {"synchronized", CONNECTED & ~(1 << NET_SYN_SENT), false},
    {"bucket", BUCKET, true},
    {"big", NET_STATES_ALL & ~BUCKET, true},
    {"all", NET_STATES_ALL, true},
};

static int fold(char c)
{
    return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

bool filter_same_word(const char *a, const char *b)
{
    for (; *a && fold(*a) == fold(*b); a++)
        b++;
    return fold(*a) == fold(*b);
}

bool filter_find_states(const char *word, bool in_clause, uint32_t *ret_states)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if ((in_clause || !states[i].in_clause) && filter_same_word(word, states[i].word)) {
            *ret_states = states[i].states;
            return true;
        }
    }
    return false;
}

/* Beside the words of the column reach_class. */
static const struct {
    const char *word;
    enum net_reach reach;
} reaches[] = {{"this-machine", NET_REACH_LOCAL}, {"every-interface", NET_REACH_ALL}};

bool filter_find_reach(const char *word, uint32_t *ret_reaches)
{
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++) {
        if (filter_same_word(word, reaches[i].word)) {
            *ret_reaches = 1u << reaches[i].reach;
            return true;
        }
    }
    for (int i = 0; i < NET_REACHES; i++) {
        if (filter_same_word(word, net_reach_name((enum net_reach)i))) {
            *ret_reaches = 1u << i;
            return true;
        }
    }
    return false;
}

/* Case and '-' or '_' don't count. */
static unsigned distance(const char *a, const char *b)
{
    char folded[2][SUGGEST_MAX];
    size_t n[2] = {strlen(a), strlen(b)};
    if (n[0] >= SUGGEST_MAX || n[1] >= SUGGEST_MAX)
        return SUGGEST_MAX;
    for (size_t i = 0; i < n[0]; i++)
        folded[0][i] = (char)fold(a[i]);
    for (size_t i = 0; i < n[1]; i++)
        folded[1][i] = (char)fold(b[i]);
    return suggest_distance(folded[0], n[0], folded[1], n[1]);
}

void filter_consider(struct filter_nearest *nearest, const char *word)
{
    size_t n = strlen(word);
    unsigned allowed = n < 3 ? 0 : n < 8 ? 1 : 2;
    unsigned d = distance(nearest->written, word);
    if (d <= allowed && (!nearest->meant || d < nearest->distance)) {
        nearest->meant = word;
        nearest->distance = d;
    }
}

void filter_consider_states(struct filter_nearest *nearest)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        filter_consider(nearest, states[i].word);
}

void filter_consider_whats(struct filter_nearest *nearest)
{
    static const char *const of_a_family[] = {"tcp4", "tcp6", "udp4", "udp6"};
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
        filter_consider(nearest, whats[i].word);
    for (int i = 0; i < NET_KINDS; i++)
        if (i != NET_OTHER)
            filter_consider(nearest, net_kind_name((enum net_kind)i));
    for (size_t i = 0; i < sizeof of_a_family / sizeof *of_a_family; i++)
        filter_consider(nearest, of_a_family[i]);
}

void filter_consider_reaches(struct filter_nearest *nearest)
{
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++)
        filter_consider(nearest, reaches[i].word);
    for (int i = 0; i < NET_REACHES; i++)
        filter_consider(nearest, net_reach_name((enum net_reach)i));
}
