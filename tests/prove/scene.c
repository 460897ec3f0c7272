#include "scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const v4[] = {"0.0.0.0", "127.0.0.1", "127.0.0.9", "192.0.2.1", "192.0.2.2",
                                 "192.0.2.7", "127.0.0.6", "224.0.0.9",
                                 /* of the table of local addresses alone; broadcast of an
                                  * interface that is down, of a peer's network and of none */
                                 "198.51.100.5", "203.0.113.1", "203.0.113.255", "10.9.9.255",
                                 "10.8.8.255"};
static const char *const v6[] = {"::",
                                 "::1",
                                 "2001:db8::1",
                                 "::ffff:127.0.0.1",
                                 "::ffff:192.0.2.1",
                                 "::ffff:0.0.0.0",
                                 "2001:db8::9",
                                 "fe80::1",
                                 "ff02::9"};
enum { V4 = sizeof v4 / sizeof *v4, V6 = sizeof v6 / sizeof *v6 };

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static void run(const char *command)
{
    if (system(command) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        exit(2);
    }
}

void scene_init(struct scene *s, uint64_t seed)
{
    *s = (struct scene){.random = seed * 2 + 1};
    if (unshare(CLONE_NEWNET) < 0)
        fail("unshare");
    run("ip link set lo up");
    run("ip link add en0 type veth peer name en1");
    run("sysctl -qw net.ipv6.conf.en0.accept_dad=0 net.ipv6.conf.en0.dad_transmits=0 "
        "net.ipv6.conf.en1.disable_ipv6=1 net.ipv6.conf.en0.addr_gen_mode=1");
    run("ip link set en0 up && ip link set en1 up");
    run("ip addr add 192.0.2.1/24 dev en0 && ip addr add 192.0.2.2/24 dev en0");
    run("ip addr add 10.8.8.6 peer 10.9.9.7/24 dev en0");
    run("ip link add down0 type veth peer name down1 && ip addr add 203.0.113.1/24 dev down0");
    run("ip route add local 198.51.100.0/24 dev lo");
    run("ip addr add 2001:db8::1/64 dev en0 nodad && ip addr add fe80::1/64 dev en0 nodad");
    run("sysctl -qw net.ipv4.ip_local_port_range='20000 20008'");
    s->en0 = if_nametoindex("en0");
}

/* splitmix64 */
static uint64_t next(struct scene *s)
{
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t scene_random(struct scene *s, uint32_t below)
{
    return (uint32_t)(next(s) % below);
}

bool scene_chance(struct scene *s, uint32_t percent)
{
    return scene_random(s, 100) < percent;
}

socklen_t scene_length(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

void scene_address(struct scene *s, int family, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        struct sockaddr_in *a = (struct sockaddr_in *)ret;
        a->sin_port = htons(port);
        inet_pton(AF_INET, v4[scene_random(s, scene_chance(s, 70) ? 4 : V4)], &a->sin_addr);
        return;
    }
    struct sockaddr_in6 *a = (struct sockaddr_in6 *)ret;
    a->sin6_port = htons(port);
    inet_pton(AF_INET6, v6[scene_random(s, scene_chance(s, 70) ? 5 : V6)], &a->sin6_addr);
    if (IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr) && scene_chance(s, 80))
        a->sin6_scope_id = s->en0;
}

static uint16_t random_port(struct scene *s)
{
    if (scene_chance(s, 15))
        return 0;
    return (uint16_t)(scene_chance(s, 2) ? 80 : SCENE_FIRST_PORT + scene_random(s, SCENE_PORTS));
}

void scene_wish(struct scene *s, struct scene_wish *ret)
{
    *ret = (struct scene_wish){.kind = scene_chance(s, 75) ? NET_TCP : NET_UDP,
                               .family = scene_chance(s, 50) ? AF_INET : AF_INET6,
                               .port = random_port(s),
                               .reuseaddr = scene_chance(s, 50),
                               .reuseport = scene_chance(s, 40),
                               .v6only = scene_chance(s, 40),
                               .freebind = scene_chance(s, 5),
                               .transparent = scene_chance(s, 3),
                               .listens = scene_chance(s, 70),
                               .uid = scene_chance(s, 70) ? 0 : SCENE_USER,
                               .backlog = (int)scene_random(s, 4)};
    if (scene_chance(s, 15))
        ret->device = scene_chance(s, 50) ? s->en0 : 1;
    scene_address(s, ret->family, ret->port, &ret->address);
}

/* Doing it */

static void become(uid_t uid)
{
    if (seteuid(uid) < 0)
        fail("seteuid");
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

static int set_options(int fd, const struct scene_wish *w)
{
    char name[IF_NAMESIZE];
    set(fd, SOL_SOCKET, SO_REUSEADDR, w->reuseaddr);
    set(fd, SOL_SOCKET, SO_REUSEPORT, w->reuseport);
    if (w->freebind)
        set(fd, IPPROTO_IP, IP_FREEBIND, 1);
    if (w->family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, w->v6only);
    if (w->transparent && set(fd, w->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
                              w->family == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1) < 0)
        return -1;
    if (w->device)
        return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, if_indextoname(w->device, name),
                          IF_NAMESIZE);
    return 0;
}

static int open_as_user(const struct scene_wish *w, const char **ret_call)
{
    int type = (w->kind == NET_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    *ret_call = "socket";
    int fd = socket(w->family, type, 0);
    if (fd < 0)
        return -1;
    *ret_call = "setsockopt";
    bool set_all = set_options(fd, w) == 0;
    if (set_all)
        *ret_call = "bind";
    if (set_all && bind(fd, (const struct sockaddr *)&w->address, scene_length(&w->address)) == 0) {
        *ret_call = "listen";
        if (w->kind != NET_TCP || !w->listens || listen(fd, w->backlog) == 0)
            return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int scene_try(const struct scene_wish *w, const char **ret_call, int *ret_errno)
{
    become(w->uid);
    int fd = open_as_user(w, ret_call);
    *ret_errno = fd < 0 ? errno : 0;
    become(0);
    return fd;
}

/* Filling */

static struct scene_socket *keep(struct scene *s, int fd, enum net_kind kind, bool listens)
{
    if (s->n == SCENE_SOCKETS) {
        close(fd);
        return NULL;
    }
    s->sockets[s->n] = (struct scene_socket){.fd = fd, .kind = kind, .listens = listens};
    return &s->sockets[s->n++];
}

static void drop(struct scene *s, int i)
{
    close(s->sockets[i].fd);
    s->sockets[i] = s->sockets[--s->n];
}

/* A destination that some listener of the scene may have. */
static bool random_destination(struct scene *s, enum net_kind kind, struct sockaddr_storage *ret)
{
    socklen_t n = sizeof *ret;
    if (s->n == 0)
        return false;
    const struct scene_socket *to = &s->sockets[scene_random(s, (uint32_t)s->n)];
    if (to->kind != kind || getsockname(to->fd, (struct sockaddr *)ret, &n) < 0)
        return false;
    return true;
}

/* Which of the scene's listeners has a client to accept. */
static int accept_any(struct scene *s)
{
    for (int i = 0; i < s->n; i++) {
        if (!s->sockets[i].listens)
            continue;
        int fd = accept4(s->sockets[i].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

/* What becomes of a connection: both ends live, one or the other closed first (TIME_WAIT here or
 * there), the client orphaned, or left in the accept queue. */
static void grow_connection(struct scene *s, int client)
{
    struct linger abort = {1, 0};
    uint32_t fate = scene_random(s, 8);
    int server = fate == 7 ? -1 : accept_any(s);
    if (server < 0) {
        keep(s, client, NET_TCP, false);
        return;
    }
    switch (fate) {
    case 0: /* TIME_WAIT at the client's port */
        close(client);
        close(server);
        return;
    case 1: /* at the server's */
        close(server);
        close(client);
        return;
    case 2: /* FIN_WAIT2, orphaned, and CLOSE_WAIT */
        close(client);
        keep(s, server, NET_TCP, false);
        return;
    case 3:
        shutdown(server, SHUT_WR);
        break;
    case 4: /* nothing is left */
        setsockopt(client, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        close(client);
        close(server);
        return;
    default:
        break;
    }
    keep(s, client, NET_TCP, false);
    keep(s, server, NET_TCP, false);
}

static void connect_one(struct scene *s)
{
    struct sockaddr_storage to;
    struct scene_wish w;
    const char *call;
    int error, fd;
    scene_wish(s, &w);
    if (!random_destination(s, w.kind, &to))
        return;
    w.family = to.ss_family;
    w.listens = false;
    w.device = 0;
    scene_address(s, w.family, scene_chance(s, 50) ? w.port : 0, &w.address);
    if (scene_chance(s, 50)) {
        become(w.uid);
        fd = socket(w.family, (w.kind == NET_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
        set_options(fd, &w);
        become(0);
    } else {
        fd = scene_try(&w, &call, &error);
    }
    if (fd < 0)
        return;
    int result = connect(fd, (struct sockaddr *)&to, scene_length(&to));
    if (w.kind == NET_UDP || (result < 0 && errno == EINPROGRESS))
        keep(s, fd, w.kind, false);
    else if (result < 0)
        close(fd);
    if (w.kind == NET_TCP && result < 0 && s->n && s->sockets[s->n - 1].fd == fd) {
        int so_error = 0;
        socklen_t n = sizeof so_error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &so_error, &n);
        if (so_error == 0) {
            s->n--;
            grow_connection(s, fd);
        }
    }
}

/* Options that change after the bind, which the kernel's memory of the port doesn't follow. */
static void change_mind(struct scene *s)
{
    if (s->n == 0)
        return;
    int fd = s->sockets[scene_random(s, (uint32_t)s->n)].fd;
    set(fd, SOL_SOCKET, scene_chance(s, 50) ? SO_REUSEADDR : SO_REUSEPORT, scene_chance(s, 50));
}

void scene_fill(struct scene *s)
{
    struct scene_wish w;
    const char *call;
    int error;
    uint32_t steps = scene_random(s, 18);
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t what = scene_random(s, 100);
        if (what < 60) {
            scene_wish(s, &w);
            int fd = scene_try(&w, &call, &error);
            if (fd >= 0)
                keep(s, fd, w.kind, w.kind == NET_TCP && w.listens);
        } else if (what < 88) {
            connect_one(s);
        } else if (what < 94) {
            change_mind(s);
        } else if (s->n) {
            drop(s, (int)scene_random(s, (uint32_t)s->n));
        }
    }
}

void scene_empty(struct scene *s)
{
    while (s->n) {
        struct linger abort = {1, 0};
        setsockopt(s->sockets[s->n - 1].fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        drop(s, s->n - 1);
    }
}
