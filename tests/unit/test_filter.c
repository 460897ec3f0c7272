#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/filter.h"

/* A little world of names. */
static int name_host(void *ctx, const char *name, struct net_addr *ret, size_t max)
{
    (void)ctx, (void)max;
    if (strcmp(name, "localhost") != 0)
        return -ENOENT;
    net_addr_parse("127.0.0.1", &ret[0], NULL);
    net_addr_parse("::1", &ret[1], NULL);
    return 2;
}

static int name_service(void *ctx, const char *name, const char *protocol, uint16_t *ret)
{
    (void)ctx;
    bool found = strcmp(name, "ssh") == 0 ||
                 (strcmp(name, "tftp") == 0 && (!protocol || strcmp(protocol, "udp") == 0));
    *ret = *name == 's' ? 22 : 69;
    return found ? 0 : -ENOENT;
}

static int name_user(void *ctx, const char *name, uint32_t *ret)
{
    (void)ctx;
    *ret = 33;
    return strcmp(name, "www-data") == 0 ? 0 : -ENOENT;
}

static int name_device(void *ctx, const char *name, uint32_t *ret)
{
    (void)ctx;
    *ret = strcmp(name, "lo") == 0 ? 1 : 2;
    return strcmp(name, "lo") == 0 || strcmp(name, "eth0") == 0 ? 0 : -ENODEV;
}

static int name_cgroup(void *ctx, const char *path, uint64_t *ret)
{
    (void)ctx;
    *ret = 77;
    return strcmp(path, "/web") == 0 ? 0 : -ENOENT;
}

static int name_netns(void *ctx, const char *name, uint64_t *ret)
{
    (void)ctx;
    *ret = 4026531840;
    return strcmp(name, "blue") == 0 ? 0 : strcmp(name, "pid:1") == 0 ? -EACCES : -ENOENT;
}

/* As net_reach_of would have it of the scene's addresses. */
static enum net_reach name_reach(void *ctx, const struct net_socket *s)
{
    (void)ctx;
    if (!net_socket_is_listener(s))
        return NET_REACH_NONE;
    return net_reach_of(s, NULL, 0);
}

enum { SECOND = 1000000000 };

static const struct net_filter_names names = {
    .host = name_host,
    .service = name_service,
    .user = name_user,
    .device = name_device,
    .cgroup = name_cgroup,
    .netns = name_netns,
    .reach = name_reach,
    .now_ns = 1000 * UINT64_C(1000000000),
};

/* The scene: each socket has a letter. */
enum {
    L, /* TCP listener 0.0.0.0:80, nginx master (root) and worker (www-data) */
    S, /* TCP listener [::]:22, sshd */
    E, /* TCP 10.1.2.3:22 to 192.0.2.7:51000, sshd, rtt 25 ms, mark 5, device eth0 */
    M, /* TCP ::ffff:127.0.0.1:8080 to ::ffff:127.0.0.1:43210, owners forbidden, CLOSE_WAIT */
    T, /* TCP TIME_WAIT 127.0.0.1:45000 to 127.0.0.1:80, no owners */
    U, /* UDP 127.0.0.1:53, dnsmasq */
    V, /* UDP6 [::1]:69 to [::1]:5000, owners not looked for */
    X, /* UNIX /run/x.sock LISTEN, nginx */
    A, /* UNIX abstract @0001f, dgram */
    N, /* netlink route, port id 1234 */
    K, /* vsock 2:1024 to 3:70000 */
    P, /* packet, ETH_P_ALL on device 2 */
    N_SOCKETS
};
static const char letters[] = "LSEMTUVXANKP";

static const struct net_process nginx = {
    .pid = 100,
    .uid = 0,
    .start_ns = 100 * UINT64_C(1000000000),
    .comm = "nginx",
    .cmdline = "nginx: master process /usr/sbin/nginx",
    .unit = "nginx.service",
    .container = "pod:12345678-9abc-def0-1234-56789abcdef0/containerd:abababababab",
    .known = (1 << NET_PROCESS_FIELDS) - 1,
};
static const struct net_process worker = {
    .pid = 101,
    .uid = 33,
    .start_ns = 900 * UINT64_C(1000000000),
    .comm = "nginx",
    .cmdline = "nginx: worker process",
    .unit = "nginx.service",
    .known = (1 << NET_PROCESS_FIELDS) - 1,
};
static const struct net_process sshd = {
    .pid = 200,
    .uid = 0,
    .start_ns = 990 * UINT64_C(1000000000),
    .comm = "sshd",
    .known = 1 << NET_P_UID | 1 << NET_P_START,
    .forbidden = 1 << NET_P_CMDLINE | 1 << NET_P_CGROUP,
};
static const struct net_process dnsmasq = {
    .pid = 300,
    .uid = 65534,
    .start_ns = 5 * UINT64_C(1000000000),
    .comm = "systemd-resolve",
    .container = "docker:0123456789ab",
    .known = (1 << NET_PROCESS_FIELDS) - 1,
};
static const struct net_owner web[] = {{100, 6, &nginx}, {101, 6, &worker}};
static const struct net_owner shell[] = {{200, 3, &sshd}};
static const struct net_owner dns[] = {{300, 4, &dnsmasq}};

static struct net_socket scene[N_SOCKETS];

static void ip(int i, enum net_kind kind, enum net_state state, const char *local, uint32_t port,
               const char *peer, uint32_t peer_port)
{
    struct net_socket *s = &scene[i];
    s->kind = kind;
    s->state = state;
    net_addr_parse(local, &s->local, NULL);
    s->family = s->local.family;
    s->local_port = port;
    net_socket_set(s, NET_F_LOCAL);
    if (peer) {
        net_addr_parse(peer, &s->peer, NULL);
        s->peer_port = peer_port;
        net_socket_set(s, NET_F_PEER);
    }
}

static void plain(int i, int family, enum net_kind kind, enum net_state state)
{
    scene[i].family = (uint16_t)family;
    scene[i].kind = kind;
    scene[i].state = state;
    net_socket_set(&scene[i], NET_F_OWNERS);
}

static void own(int i, const struct net_owner *owners, uint32_t n)
{
    scene[i].owners = owners;
    scene[i].n_owners = n;
    net_socket_set(&scene[i], NET_F_OWNERS);
}

#define SET(i, field, member, value)      \
    do {                                  \
        scene[i].member = (value);        \
        net_socket_set(&scene[i], field); \
    } while (0)

static int make_scene(void **state)
{
    (void)state;
    ip(L, NET_TCP, NET_LISTEN, "0.0.0.0", 80, NULL, 0);
    own(L, web, 2);
    SET(L, NET_F_RECV_Q, recv_q, 3);
    SET(L, NET_F_SEND_Q, send_q, 511);
    SET(L, NET_F_UID, uid, 0);
    SET(L, NET_F_REUSEPORT, reuseport, true);
    ip(S, NET_TCP, NET_LISTEN, "::", 22, NULL, 0);
    own(S, shell, 1);
    SET(S, NET_F_REUSEPORT, reuseport, false);
    ip(E, NET_TCP, NET_ESTABLISHED, "10.1.2.3", 22, "192.0.2.7", 51000);
    own(E, shell, 1);
    SET(E, NET_F_RTT, rtt_us, 25000);
    SET(E, NET_F_MARK, mark, 5);
    SET(E, NET_F_DEVICE, ifindex, 2);
    SET(E, NET_F_SEND_Q, send_q, 70000);
    SET(E, NET_F_PACING, pacing_bps, 12000000);
    SET(E, NET_F_LINGER, linger_s, -1);
    SET(E, NET_F_CGROUP_ID, cgroup_id, 77);
    SET(E, NET_F_COOKIE, cookie, 4711);
    SET(E, NET_F_NETNS, netns, 4026531840);
    strcpy(scene[E].congestion, "cubic");
    net_socket_set(&scene[E], NET_F_CONGESTION);
    ip(M, NET_TCP, NET_CLOSE_WAIT, "::ffff:127.0.0.1", 8080, "::ffff:127.0.0.1", 43210);
    net_socket_forbid(&scene[M], NET_F_OWNERS);
    net_socket_forbid(&scene[M], NET_F_MARK);
    net_socket_forbid(&scene[M], NET_F_RTT);
    SET(M, NET_F_UID, uid, 33);
    ip(T, NET_TCP, NET_TIME_WAIT, "127.0.0.1", 45000, "127.0.0.1", 80);
    own(T, NULL, 0);
    ip(U, NET_UDP, NET_CLOSE, "127.0.0.1", 53, NULL, 0);
    own(U, dns, 1);
    ip(V, NET_UDP, NET_ESTABLISHED, "::1", 69, "::1", 5000);
    plain(X, AF_UNIX, NET_UNIX_STREAM, NET_LISTEN);
    own(X, web, 1);
    memcpy(scene[X].path, "/run/X.sock", 11);
    scene[X].path_len = 11;
    net_socket_set(&scene[X], NET_F_PATH);
    plain(A, AF_UNIX, NET_UNIX_DGRAM, NET_CLOSE);
    memcpy(scene[A].path, "@0001f", 6);
    scene[A].path_len = 6;
    net_socket_set(&scene[A], NET_F_PATH);
    plain(N, AF_NETLINK, NET_NETLINK, NET_CLOSE);
    scene[N].local_id = 1234;
    SET(N, NET_F_PROTOCOL, protocol, 0);
    plain(K, AF_VSOCK, NET_VSOCK, NET_ESTABLISHED);
    scene[K].local_id = 2;
    scene[K].local_port = 1024;
    scene[K].peer_id = 3;
    scene[K].peer_port = 70000;
    plain(P, AF_PACKET, NET_PACKET, NET_CLOSE);
    scene[P].local_id = 2;
    SET(P, NET_F_PROTOCOL, protocol, 3);
    return 0;
}

/* The letters that match; a ? before those that nobody knows. */
static void ask(const struct net_filter *f, char *ret)
{
    for (int i = 0; i < N_SOCKETS; i++) {
        enum net_match m = net_filter_match(f, &scene[i]);
        if (m == NET_MATCH_UNKNOWN)
            *ret++ = '?';
        if (m != NET_MATCH_NO)
            *ret++ = letters[i];
    }
    *ret = '\0';
}

static const struct {
    const char *text, *matches;
} answers[] = {
    {"", "LSEMTUVXANKP"},
    {"  # nothing\n", "LSEMTUVXANKP"},
    {"all", "LSEMTUVXANKP"},
    {"state all", "LSEMTUVXANKP"},
    /* states, as ss spells them and as the kernel does */
    {"state listening", "LSX"},
    {"state listen", "LSX"},
    {"state LISTEN", "LSX"},
    {"listening", "LSX"},
    {"LISTEN", "LSX"},
    {"state = listening", "LSX"},
    {"state != listening", "EMTUVANKP"},
    {"exclude listening", "EMTUVANKP"},
    {"excl listening", "EMTUVANKP"},
    {"state time-wait", "T"},
    {"TIME_WAIT", "T"},
    {"state connected", "EMTVK"},
    {"connected", "EMTVK"},
    {"state synchronized", "EMTVK"},
    {"state bucket", "T"},
    {"state big", "LSEMUVXANKP"},
    {"state closed", "UANP"},
    {"state unconnected", "UANP"},
    {"state syn-recv", ""},
    {"state established state listening", "LSEVXK"},
    {"state connected exclude time-wait", "EMVK"},
    {"exclude listening exclude closed", "EMTVK"},
    {"established listening", "LSEVXK"},
    {"not ( state listening )", "EMTUVANKP"},
    {"not state listening", "EMTUVANKP"},
    {"state listening or state established", "LSEVXK"},
    {"state listening and state established", ""},
    /* a STATE-FILTER in front holds for the whole expression, as in ss */
    {"state listening sport 22 or sport 80", "LS"},
    {"state listening ( sport 22 or sport 80 )", "LS"},
    {"sport 22 or sport 80 state listening", "LSE"},
    {"state listening and sport 22 or sport 80", "LS"},
    {"state established and sport 80 or sport 22", "SE"},
    /* ports */
    {"sport 22", "SE"},
    {"sport = 22", "SE"},
    {"sport = :22", "SE"},
    {"sport == :22", "SE"},
    {"sport eq :ssh", "SE"},
    {"sport=ssh", "SE"},
    {"sport=:22", "SE"},
    {"sport 0x16", "SE"},
    {"sport = *:22", "SE"},
    {"sport = inet:22", "E"},
    {"sport = inet::22", "E"},
    {"sport = inet6::22", "S"},
    {"sport = tcp:22", "SE"},
    {"sport = udp:22", ""},
    {"sport != 22", "LMTUVK"},
    {"sport !=22", "LMTUVK"},
    {"sport ne 22", "LMTUVK"},
    {"sport neq :22", "LMTUVK"},
    {"sport < 53", "SE"},
    {"sport lt 53", "SE"},
    {"sport <= 53", "SEU"},
    {"sport le 53", "SEU"},
    {"sport leq 53", "SEU"},
    {"sport>=1024", "MTK"},
    {"sport ge 1024", "MTK"},
    {"sport geq 1024", "MTK"},
    {"sport > 1024", "MT"},
    {"sport gt 1024", "MT"},
    {"sport > 65535", ""},
    {"sport < 0", ""},
    {"sport 22-80", "LSEUV"},
    {"sport != 22-80", "MTK"},
    {"sport = :*", "LSEMTUVXANKP"},
    {"sport ne *", ""},
    {"dport > :50000 and dport < :60000", "E"},
    {"dport 80", "T"},
    {"dport 0", "LSU"},
    {"dport > 65000", "K"},
    {"port 80", "LT"},
    {"port != 80", "SEMUVK"},
    {":80", "LT"},
    {"80", "LT"},
    {"8000-8100", "M"},
    {"*:22", "SE"},
    /* hosts */
    {"src 127.0.0.1", "MTU"},
    {"src = 127.0.0.1", "MTU"},
    {"src != 127.0.0.1", "LSEVXANKP"},
    {"src 127.0.0.1:53", "U"},
    {"src 127.0.0.0/8", "MTU"},
    {"src 127/8", "MTU"},
    {"src 10.1/16", "E"},
    {"src 127.0.0.1/8:53", "U"},
    {"src [127.0.0.1]:53", "U"},
    {"src [::1]", "V"},
    {"src ::1", "V"},
    {"src [::1]:69", "V"},
    {"src [::]/0", "SMV"},
    {"src ::/0", "SMV"},
    {"src [::ffff:127.0.0.1]", "M"},
    {"src [::ffff:127.0.0.1]:8080", "M"},
    {"src ::ffff:0:0/96", "M"},
    {"src 0.0.0.0/0", "LEMTU"},
    {"src 0.0.0.0", "L"},
    {"dst 0.0.0.0", "LU"},
    {"dst [::]", "S"},
    {"dst 192.0.2.0/24", "E"},
    {"dst 192.0.2.7:51000", "E"},
    {"src localhost", "MTUV"},
    {"src localhost:69", "V"},
    {"src inet6:localhost", "V"},
    {"src inet:localhost", "MTU"},
    {"src inet:127.0.0.1:53", "U"},
    {"src inet6:[::1]:69", "V"},
    {"src inet:*", "LEMTU"},
    {"src inet6:*", "SMV"},
    {"src *", "LSEMTUVXANKP"},
    {"src :", "LSEMTUVXANKP"},
    {"src any", "LSEMTUVXANKP"},
    {"src :22", "SE"},
    {"src udp:*", "UV"},
    {"local 10.1.2.3", "E"},
    {"peer 10.1.2.3", ""},
    {"host 192.0.2.7", "E"},
    {"10.0.0.0/8", "E"},
    {"127.0.0.1:80", "T"},
    {"127.0.0.1", "MTU"},
    {"[::1]:69", "V"},
    {"::1", "V"},
    {"localhost:80", "T"},
    {"tcp:80", "LT"},
    {"udp:*:53", "U"},
    {"22/tcp", "SE"},
    {"22/udp", ""},
    {"ssh/tcp", "SE"},
    {"tftp/udp", "V"},
    {"tftp/udp6", "V"},
    {"tftp/udp4", ""},
    {"53-69/udp", "UV"},
    /* other families */
    {"src unix:/run/*", "X"},
    {"src /run/*", "X"},
    {"/run/*", "X"},
    {"src unix:*SOCK", "X"},
    {"src unix:/run/[w-y].sock", "X"},
    {"src unix:/run/[!w-y].sock", ""},
    {"src unix:/run/?.sock", "X"},
    {"src unix:/run/\\X.sock", "X"},
    {"src unix:/run/", ""},
    {"src unix:@*", "A"},
    {"unix:@0001F", "A"},
    {"src @0001f", "A"},
    {"src unix:*", "XA"},
    {"dst unix:*", "XA"},
    {"src unix-dgram:*", "A"},
    {"src netlink:*", "N"},
    {"src netlink:rtnl", "N"},
    {"src netlink:rtnl:1234", "N"},
    {"src netlink:route:1235", ""},
    {"src netlink:genl", ""},
    {"src netlink:*:kernel", ""},
    {"dst netlink:*:kernel", "N"},
    {"src link:*", "P"},
    {"src link:all", "P"},
    {"src link:all:eth0", "P"},
    {"src link:arp", ""},
    {"src link:*:lo", ""},
    {"src vsock:2:1024", "K"},
    {"src vsock:*", "K"},
    {"src vsock:*:1024", "K"},
    {"dst vsock:3:70000", "K"},
    {"dst vsock:2", ""},
    /* dev, fwmark, cgroup, autobound */
    {"dev eth0", "E"},
    {"dev = eth0", "E"},
    {"dev == 2", "E"},
    {"dev != eth0", "LSMTUVXANKP"},
    {"dev lo", ""},
    {"fwmark 5", "E?M"},
    {"fwmark = 0x5", "E?M"},
    {"fwmark 0x01/0x03", "E?M"},
    {"fwmark 2/3", "?M"},
    {"fwmark != 5", "LS?MTUVXANKP"},
    {"cgroup /web", "E"},
    {"cgroup = /web", "E"},
    {"cgroup != /web", "LSMTUVXANKP"},
    {"autobound", "TA"},
    {"! autobound", "LSEMUVXNKP"},
    /* reach */
    {"reach all", "LS"},
    {"reach = every-interface", "LS"},
    {"reach This_Machine", "U"},
    {"reach netns", "A"},
    {"reach none", "EMTVNKP"},
    {"reach != none", "LSUXA"},
    /* and, or, not */
    {"sport 22 or sport 80", "LSE"},
    {"sport 22 | sport 80", "LSE"},
    {"sport 22||sport 80", "LSE"},
    {"sport 22 OR sport 80", "LSE"},
    {"sport 22 and dport 0", "S"},
    {"sport 22 & dport 0", "S"},
    {"sport 22&&dport 0", "S"},
    {"sport 22 dport 0", "S"},
    {"sport 80 or sport 22 and dport 0", "LS"},
    {"sport 80 or sport 22 dport 0", "LS"},
    {"(sport 80 or sport 22) dport 0", "LS"},
    {"( sport = :22 or sport = :80 ) and src 10.0.0.0/8", "E"},
    {"(((sport 22)))", "SE"},
    {"(sport=22)|(sport=80)", "LSE"},
    {"not sport 22 and tcp", "LMT"},
    {"not not sport 22", "SE"},
    {"!sport 22 tcp", "LMT"},
    {"!!sport 22", "SE"},
    {"not (sport 22 or sport 80) tcp", "MT"},
    {"sport = :22 and dst 192.0.0.0/8 or not ( state listening ) and udp", "EUV"},
    {"sport 22\nor\n# a comment\nsport 80", "LSE"},
    /* kinds and families */
    {"tcp", "LSEMT"},
    {"udp", "UV"},
    {"udp6", "V"},
    {"tcp4", "LET"},
    {"unix", "XA"},
    {"unix-dgram", "A"},
    {"netlink", "N"},
    {"inet", "LETU"},
    {"inet inet6", "LSEMTUV"},
    {"inet6", "SMV"},
    {"tcp inet6", "SM"},
    {"tcp udp", "LSEMTUV"},
    {"tcp4 udp6 established", "EV"},
    {"not tcp", "UVXANKP"},
    {"not tcp udp", "XANKP"},
    {"proto = udp", "UV"},
    {"proto != udp and inet6", "SM"},
    {"family inet6", "SMV"},
    {"tcp listening or unix", "LSXA"},
    /* owners; M's may not be seen, V's weren't looked for */
    {"nginx", "L?M?VX"},
    {"comm = nginx", "L?M?VX"},
    {"comm == nginx and tcp", "L?M"},
    {"comm != nginx", "SE?MTU?VANKP"},
    {"comm ~ ^ngin", "L?M?VX"},
    {"comm ~ ^(nginx|sshd)$", "LSE?M?VX"},
    {"(comm ~ ^(nginx|sshd)$) tcp4", "LE"},
    {"comm !~ ^(nginx|sshd)$", "?MTU?VANKP"},
    {"comm ~ \"^ssh d?\"", "?M?V"},
    {"comm = listening", "?M?V"},
    {"\"listening\"", "?M?V"},
    {"systemd-resolved", "?MU?V"},
    {"systemd-resolve", "?MU?V"},
    {"nginx and udp4", ""},
    {"nginx and established", "?V"},
    {"nginx or sport 69", "L?MVX"},
    {"not nginx", "SE?MTU?VANKP"},
    {"pid 100", "L?M?VX"},
    {"pid = 101", "L?M?V"},
    {"pid != 100", "SE?MTU?VANKP"},
    {"pid >= 200", "SE?MU?V"},
    {"fd < 4", "SE?M?V"},
    {"fd 6 listening", "LX"},
    {"cmdline ~ worker", "L?S?E?M?V"},
    {"cmdline = \"nginx: worker process\" listening", "L?S"},
    {"unit nginx", "L?S?E?M?VX"},
    {"unit = nginx.service listening", "L?SX"},
    {"unit != nginx tcp", "?S?E?MT"},
    {"container docker udp4", "U"},
    {"container = 0123456789ab udp4", "U"},
    {"container = docker:0123456789abcdef udp4", "U"},
    {"container = 01234567 udp4", "U"},
    {"container = 0123 udp4", ""},
    {"container = 99999999 udp4", ""},
    {"container = pod sport 80", "L"},
    {"container = 12345678 sport 80", "L"},
    {"container = containerd sport 80", "L"},
    {"container = abababab sport 80", "L"},
    {"container = containerd:abababab sport 80", "L"},
    {"container = containerd:12345678 sport 80", ""},
    {"container != containerd sport 80", ""},
    {"container = abababac sport 80", ""},
    {"@www-data", "LM?V"},
    {"user www-data", "LM?V"},
    {"user = 65534", "?MU?V"},
    {"user != www-data tcp4", "ET"},
    {"age < 1m", "SE?M?V"},
    {"age > 10m", "L?MU?VX"},
    {"age > 900 tcp", "?M"},
    {"age >= 15m tcp", "L?M"},
    /* fields */
    {"rtt > 20ms", "E?M"},
    {"rtt < 20ms", "?M"},
    {"rtt = 25000", "E?M"},
    {"rtt_us >= 25000 established", "E"},
    {"recvq > 0", "L"},
    {"recv_q = 3", "L"},
    {"recv-q 3", "L"},
    {"sendq > 64k", "E"},
    {"send_q >= 511", "LE"},
    {"pacing > 10M", "E"},
    {"pacing = 12M", "E"},
    {"linger = -1", "E"},
    {"linger < 0", "E"},
    {"cookie 4711", "E"},
    {"congestion = cubic", "E"},
    {"congestion ~ 'b.c$'", "E"},
    {"congestion != cubic udp", "UV"},
    {"reuseport", "L"},
    {"not reuseport tcp4", "ET"},
    {"reuseport = no", "S"},
    {"netns blue", "E"},
    {"netns 4026531840", "E"},
    {"netns = net:[4026531840]", "E"},
    {"path ~ ^/run", "X"},
    {"path = /run/X.sock", "X"},
    {"mark = 5", "E?M"},
    {"mark != 5 tcp", "LS?MT"},
    /* three values */
    {"mark = 5 and rtt > 20ms", "E?M"},
    {"mark = 5 and sport 22", "E"},
    {"mark = 5 or sport 8080", "EM"},
    {"sport 8080 or mark = 5", "EM"},
    {"not mark = 5 and state close-wait", "?M"},
};

static void test_answers(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct net_filter *f = NULL;
        struct net_filter_fault fault = {0};
        char got[2 * N_SOCKETS + 1] = "";
        int r = net_filter_parse(answers[i].text, &names, &f, &fault);
        if (r == 0)
            ask(f, got);
        if (r < 0 || strcmp(got, answers[i].matches) != 0) {
            print_error("%s: %s, not %s %s\n", answers[i].text, got, answers[i].matches,
                        fault.message);
            wrong++;
        }
        net_filter_free(f);
    }
    assert_int_equal(wrong, 0);
}

/* Where the caret stands, from the first to the last column, and a piece of the message. */
static const struct {
    const char *text, *caret, *message;
} faults[] = {
    {"sport", "     ^", "sport needs a value"},
    {"sport =", "       ^", "sport needs a value"},
    {"sport = x", "        ^", "neither a port nor a service"},
    {"sport = :nosuch", "         ~~~~~~", "'nosuch' is neither"},
    {"sport 99999", "      ~~~~~", "0 to 65535"},
    {"sport 80-22", "      ~~~~~", "ranges upwards"},
    {"sport > 22-80", "        ~~~~~", "= or != only"},
    {"sport ~ 22", "      ^", "is a number"},
    {"sport = 127.0.0.1:22", "        ~~~~~~~~~~~~", "src or dst"},
    {"sport unix:5", "      ~~~~~~", "have no ports"},
    {"src > 1.2.3.4", "    ^", "= or != only"},
    {"src 22", "    ~~", "a port is written :22"},
    {"src 1.2.3.4.5", "    ~~~~~~~~~", "is no address"},
    {"src 1.2.3.4/33", "    ~~~~~~~~~~", "is no address"},
    {"src nosuch.example", "    ~~~~~~~~~~~~~~", "no host known"},
    {"src inet6:127.0.0.1", "          ~~~~~~~~~", "not of this family"},
    {"src inet6:localhos", "          ~~~~~~~~", "no host"},
    {"src 127.0.0.1:99999", "              ~~~~~", "0 to 65535"},
    {"src fe80::1%wlan7", "    ~~~~~~~~~~~~~", "no device 'wlan7'"},
    {"dst unix:/x", "    ~~~~~~~", "peer_inode"},
    {"src netlink:nosuch", "            ~~~~~~", "no such netlink protocol"},
    {"src link:all:eth9", "             ~~~~", "no device 'eth9'"},
    {"src vsock:x:1", "          ^", "no vsock CID"},
    {"dev eth9", "    ~~~~", "no device 'eth9'"},
    {"dev > 1", "    ^", "= or != only"},
    {"fwmark 5/", "       ~~", "32 bits"},
    {"fwmark x", "       ^", "32 bits"},
    {"cgroup /nosuch", "       ~~~~~~~", "no control group"},
    {"netns pid:1", "      ~~~~~", "may not be looked at"},
    {"netns red", "      ~~~", "no network namespace"},
    {"state", "     ^", "state needs a value"},
    {"state foo", "      ~~~", "no such state: 'foo'"},
    {"state listning", "      ~~~~~~~~", "did you mean listening?"},
    {"state TIME-WIAT", "      ~~~~~~~~~", "did you mean time-wait?"},
    {"establishd", "~~~~~~~~~~", "did you mean established?"},
    {"reach nowhere", "      ~~~~~~~", "no such reach: 'nowhere'"},
    {"netlnik", "~~~~~~~", "did you mean netlink?"},
    {"reach lcoal", "      ~~~~~", "did you mean local?"},
    {"reach > all", "      ~", "reach takes = or != only"},
    {"sprot = 22", "~~~~~", "did you mean sport?"},
    {"frobnicate = 22", "~~~~~~~~~~", "nothing called 'frobnicate'"},
    {"tcp and retarns > 3", "        ~~~~~~~", "did you mean retrans?"},
    {"rtt", "~~~", "rtt needs a comparison"},
    {"rtt and tcp", "~~~", "rtt needs a comparison"},
    {"rtt > fast", "      ~~~~", "a time such as"},
    {"rtt ~ 5", "    ^", "is a number"},
    {"cwnd > 5ms", "       ~~~", "is not a number"},
    {"sendq > 10x", "        ~~~", "a size such as"},
    {"pacing > 10x", "         ~~~", "a rate"},
    {"congestion > cubic", "           ^", "is a text"},
    {"comm > a", "     ^", "is a text"},
    {"reuseport = maybe", "            ~~~~~", "neither yes nor no"},
    {"pid x", "    ^", "is not a number"},
    {"pid 99999999999999999999", "    ~~~~~~~~~~~~~~~~~~~~", "too large"},
    {"user nobody9", "     ~~~~~~~", "no user"},
    {"@nobody9", "~~~~~~~~", "no user 'nobody9'"},
    {"user ~ x", "     ^", "= or != only"},
    {"comm ~ a(b", "       ~~~", "bad regular expression"},
    {"comm ~ [z-a]", "       ~~~~~", "bad regular expression"},
    {"comm ~ (a)\\1", "       ~~~~~~", "refers back"},
    {"comm ~ (a{200}){200}", "       ~~~~~~~~~~~~~", "repeats too often"},
    {"comm = 'x", "       ~~", "quote has no end"},
    {"comm =", "      ^", "comm needs a value"},
    {"sport 22 and", "            ^", "a condition is missing here"},
    {"sport 22 or", "           ^", "a condition is missing here"},
    {"and sport 22", "~~~", "a condition is missing here"},
    {"sport 22 or or sport 80", "            ~~", "a condition is missing here"},
    {"not", "   ^", "a condition is missing here"},
    {"( sport 22", "^", "isn't closed"},
    {"sport 22 )", "         ^", "never opened"},
    {")", "^", "never opened"},
    {"()", " ^", "nothing stands between"},
    {"tcp ( )", "      ^", "nothing stands between"},
    {"(tcp and )", "         ^", "missing before"},
    {"sport = 22 or = 80", "              ^", "needs something before it"},
    {"= :22", "^", "needs something before it"},
    {"''", "~~", "an empty word"},
    {"tcp and\nsport = x", "        ^", "neither a port"},
};

static void test_faults(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct net_filter *f = NULL;
        struct net_filter_fault fault = {0};
        int r = net_filter_parse(faults[i].text, &names, &f, &fault);
        _cleanup_buf_ struct buf shown = BUF_INIT(4096);
        net_filter_explain_fault(&shown, faults[i].text, &fault);
        const char *caret = strrchr(buf_cstr(&shown), '^');
        const char *line = caret;
        while (line && line > shown.data && line[-1] != '\n')
            line--;
        size_t at = strspn(faults[i].caret, " "), len = strcspn(faults[i].caret + at, " ");
        const char *newline = strchr(faults[i].text, '\n');
        bool fits =
            !newline && caret && (size_t)(caret - line) == at + 2 && strlen(caret) == len + 1;
        if (r != -EINVAL || f || !strstr(fault.message, faults[i].message) || (!newline && !fits)) {
            print_error("%d %zu+%zu\n%s", r, fault.at, fault.len, buf_cstr(&shown));
            wrong++;
        }
        net_filter_free(f);
    }
    assert_int_equal(wrong, 0);
}

static void expect_shown(const char *text, const char *expected)
{
    struct net_filter *f = NULL;
    struct net_filter_fault fault;
    assert_int_equal(net_filter_parse(text, &names, &f, &fault), -EINVAL);
    _cleanup_buf_ struct buf shown = BUF_INIT(4096);
    net_filter_explain_fault(&shown, text, &fault);
    assert_string_equal(buf_cstr(&shown), expected);
}

static void test_slips(void **state)
{
    (void)state;
    static const char *const slips[][3] = {
        {"tpc", "tpc", "tcp"},      {"nginx udp66", "udp66", "udp6"},
        {"inte", "inte", "inet"},   {"uinx or tpc", "uinx", "unix"},
        {"estb", "estb", "estab"},  {"nginx", NULL, NULL},
        {"comm = tpc", NULL, NULL}, {"'tpc'", NULL, NULL},
        {"tcp", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        struct net_filter *f = NULL;
        struct net_filter_fault fault;
        const char *written = NULL, *meant = NULL;
        assert_int_equal(net_filter_parse(slips[i][0], &names, &f, &fault), 0);
        assert_int_equal(net_filter_slip(f, &written, &meant), slips[i][1] != NULL);
        if (slips[i][1]) {
            assert_string_equal(written, slips[i][1]);
            assert_string_equal(meant, slips[i][2]);
        }
        net_filter_free(f);
    }
}

static void test_shown(void **state)
{
    (void)state;
    expect_shown("comm = é and dev x",
                 "no device 'x'\n  comm = é and dev x\n                   ^\n");
    expect_shown("comm = 日本 and dev x",
                 "no device 'x'\n  comm = 日本 and dev x\n                      ^\n");
    expect_shown("dev \033[2J", "no device '\\x1b[2J'\n  dev \\x1b[2J\n      ^~~~~~~\n");
    expect_shown("tcp and\nsport = x\nor udp",
                 "'x' is neither a port nor a service\n  sport = x\n          ^\n");
    expect_shown("dev \xff", "no device '\\xff'\n  dev \\xff\n      ^~~~\n");
}

static void test_long_line(void **state)
{
    (void)state;
    char text[4000] = "";
    for (int i = 0; i < 200; i++)
        strcat(text, "sport 22 or ");
    strcat(text, "dev x or tcp");
    struct net_filter *f;
    struct net_filter_fault fault;
    assert_int_equal(net_filter_parse(text, &names, &f, &fault), -EINVAL);
    _cleanup_buf_ struct buf shown = BUF_INIT(4096);
    net_filter_explain_fault(&shown, text, &fault);
    assert_string_equal(buf_cstr(&shown), "no device 'x'\n"
                                          "  …t 22 or sport 22 or sport 22 or dev x or tcp\n"
                                          "                                       ^\n");
}

/* Names that nobody resolves are faults, not crashes. */
static void test_without_names(void **state)
{
    (void)state;
    const char *const need[] = {"src localhost", "sport ssh",  "@root",   "dev lo",
                                "cgroup /x",     "netns blue", "ssh/tcp", "src fe80::1%lo"};
    for (size_t i = 0; i < sizeof need / sizeof *need; i++) {
        struct net_filter *f = NULL;
        struct net_filter_fault fault;
        assert_int_equal(net_filter_parse(need[i], NULL, &f, &fault), -EINVAL);
        assert_int_equal(net_filter_parse(need[i], NULL, &f, NULL), -EINVAL);
        assert_null(f);
    }
}

static const struct {
    const char *text;
    uint32_t kinds, states, families;
    bool named;
    uint32_t meant;
} needs[] = {
    {"", NET_KINDS_ALL, NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6, false, NET_KINDS_DEFAULT},
    {"listening", NET_KINDS_ALL, 1 << NET_LISTEN, 1 << AF_INET | 1 << AF_INET6, false,
     NET_KINDS_DEFAULT},
    {"not listening", NET_KINDS_ALL, NET_STATES_ALL & ~(1 << NET_LISTEN),
     1 << AF_INET | 1 << AF_INET6, false, NET_KINDS_DEFAULT},
    {"listening or nginx", NET_KINDS_ALL, NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6, false,
     NET_KINDS_DEFAULT},
    {"listening and nginx", NET_KINDS_ALL, 1 << NET_LISTEN, 1 << AF_INET | 1 << AF_INET6, false,
     NET_KINDS_DEFAULT},
    {"tcp", 1 << NET_TCP, NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6, true, 1 << NET_TCP},
    {"tcp6 established", 1 << NET_TCP, 1 << NET_ESTABLISHED, 1 << AF_INET6, true, 1 << NET_TCP},
    {"unix or tcp", NET_KINDS_UNIX | 1 << NET_TCP, NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6,
     true, NET_KINDS_UNIX | 1 << NET_TCP},
    {"unix or pid 5", NET_KINDS_ALL, NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6, true,
     NET_KINDS_UNIX | NET_KINDS_DEFAULT},
    {"not tcp", NET_KINDS_ALL & ~(1 << NET_TCP), NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6,
     false, 1 << NET_UDP},
    {"src unix:/run/*", NET_KINDS_UNIX, NET_STATES_ALL, 1 << AF_INET | 1 << AF_INET6, true,
     NET_KINDS_UNIX},
    {"tcp unix or nginx and not ( all )", NET_KINDS_UNIX | 1 << NET_TCP, NET_STATES_ALL,
     1 << AF_INET | 1 << AF_INET6, true, NET_KINDS_UNIX | 1 << NET_TCP},
    {"listening and established", NET_KINDS_ALL, 0, 1 << AF_INET | 1 << AF_INET6, false,
     NET_KINDS_DEFAULT},
};

static void test_needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        struct net_filter *f;
        struct net_filter_needs got;
        assert_int_equal(net_filter_parse(needs[i].text, &names, &f, NULL), 0);
        net_filter_needs(f, &got);
        assert_int_equal(got.kinds, needs[i].kinds);
        assert_int_equal(got.states, needs[i].states);
        assert_int_equal(got.families, needs[i].families);
        assert_int_equal(got.kinds_named, needs[i].named);
        assert_int_equal(got.kinds_meant, needs[i].meant);
        net_filter_free(f);
    }
}

/* What matches lies within what was said to be needed, for every answer of the table. */
static void test_needs_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct net_filter *f;
        struct net_filter_needs n;
        assert_int_equal(net_filter_parse(answers[i].text, &names, &f, NULL), 0);
        net_filter_needs(f, &n);
        for (int k = 0; k < N_SOCKETS; k++) {
            if (net_filter_match(f, &scene[k]) == NET_MATCH_NO)
                continue;
            bool is_ip = scene[k].family == AF_INET || scene[k].family == AF_INET6;
            if (!(n.kinds >> scene[k].kind & 1) || !(n.states >> scene[k].state & 1) ||
                (is_ip && !(n.families >> scene[k].family & 1)))
                fail_msg("%s: %c is not in what is needed", answers[i].text, letters[k]);
        }
        net_filter_free(f);
    }
}

static void test_details(void **state)
{
    (void)state;
    struct net_filter *f;
    struct net_filter_needs n;
    assert_int_equal(net_filter_parse("rtt > 1ms or unit = x and cmdline ~ y", &names, &f, NULL),
                     0);
    net_filter_needs(f, &n);
    assert_true(n.owners && n.cmdline && n.process);
    assert_true(n.fields.words[NET_F_RTT / 64] >> NET_F_RTT % 64 & 1);
    assert_true(n.fields.words[NET_F_OWNERS / 64] >> NET_F_OWNERS % 64 & 1);
    net_filter_free(f);
    assert_int_equal(net_filter_parse("sport 22", &names, &f, NULL), 0);
    net_filter_needs(f, &n);
    assert_false(n.owners || n.cmdline || n.process);
    assert_int_equal(n.fields.words[0] | n.fields.words[1], 0);
    net_filter_free(f);
}

static char *repeated(const char *piece, int n, const char *tail)
{
    char *text = calloc(1, strlen(piece) * (size_t)n + strlen(tail) + 1);
    assert_non_null(text);
    for (int i = 0; i < n; i++)
        memcpy(text + strlen(piece) * (size_t)i, piece, strlen(piece));
    strcpy(text + strlen(piece) * (size_t)n, tail);
    return text;
}

static unsigned depth(const struct net_filter_node *n)
{
    unsigned left = n->left ? depth(n->left) : 0, right = n->right ? depth(n->right) : 0;
    return 1 + (left > right ? left : right);
}

static void test_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        int n;
        const char *tail, *message;
    } hostile[] = {
        {"(", 60000, "", "nest too deep"},
        {"not (", 10000, "", "nest too deep"},
        {"tcp or ", 9000, "tcp", "too many conditions"},
        {"x", 70000, "", "too long"},
        {"!", 60000, "tcp", NULL},
        {"tcp or ", 4000, "tcp", NULL},
        {"listening ", 6000, "", NULL},
        {"tcp udp6 ", 6000, "", NULL},
        {"(", 63, "tcp)))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))", NULL},
    };
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        char *text = repeated(hostile[i].piece, hostile[i].n, hostile[i].tail);
        struct net_filter *f = NULL;
        struct net_filter_fault fault = {0};
        int r = net_filter_parse(text, &names, &f, &fault);
        _cleanup_buf_ struct buf shown = BUF_INIT(4096);
        net_filter_explain_fault(&shown, text, &fault);
        assert_false(shown.failed);
        if (hostile[i].message) {
            assert_int_equal(r, -EINVAL);
            assert_non_null(strstr(fault.message, hostile[i].message));
        } else {
            assert_int_equal(r, 0);
            assert_true(depth(net_filter_root(f)) < 20);
        }
        net_filter_free(f);
        free(text);
    }
}

/* A pattern that makes a naive matcher try for ages. */
static void test_glob_cost(void **state)
{
    (void)state;
    char *text = repeated("*a", 50, "b");
    char *filter = repeated("", 0, "");
    free(filter);
    filter = calloc(1, strlen(text) + 16);
    strcpy(filter, "src unix:");
    strcat(filter, text);
    struct net_socket s = {.kind = NET_UNIX_STREAM, .family = AF_UNIX, .path_len = 108};
    memset(s.path, 'a', 108);
    struct net_filter *f;
    assert_int_equal(net_filter_parse(filter, NULL, &f, NULL), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(net_filter_match(f, &s), NET_MATCH_NO);
    net_filter_free(f);
    free(filter);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),   cmocka_unit_test(test_faults),
        cmocka_unit_test(test_slips),     cmocka_unit_test(test_shown),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_without_names),
        cmocka_unit_test(test_needs),     cmocka_unit_test(test_needs_are_sound),
        cmocka_unit_test(test_details),   cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_glob_cost),
    };
    return cmocka_run_group_tests(tests, make_scene, NULL);
}
