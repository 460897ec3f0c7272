/*
 * mksock: makes sockets of every kind, state and option on request, and says what it made.
 *
 * The tests' ground truth. What it reports comes from making the sockets (fstat, SO_COOKIE,
 * getsockname, getsockopt of its own descriptors), never from listing them. The one exception:
 * a socket that no process holds (TIME_WAIT, orphaned, in an accept queue, a SYN_RECV request) has
 * no descriptor to ask, so its existence and state are looked up by its own five-tuple.
 *
 * The language is in tests/README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum {
    MK_WORDS_MAX = 64,
    MK_OPTIONS_MAX = 32,
    MK_WAIT_MS = 5000, /* how long a state, a connect or an accept may take */
};

/* An address of any family, with its length. len 0: none. */
struct mk_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_storage ss;
        struct sockaddr_un un;
    };
    socklen_t len;
};

/* A kind of socket: what socket() is called with, and the name it has in berth's output. */
struct mk_kind {
    const char *name;
    const char *proto;
    int domain; /* AF_INET becomes AF_INET6 where the address is one */
    int type;
    int protocol;
};

struct mk_owner {
    pid_t pid;
    int fd;
    struct mk_owner *next;
};

/* One socket, known by name for the rest of the run, also after its descriptor is closed. */
struct mk_sock {
    char *name;
    const struct mk_kind *kind;
    int domain;
    int fd; /* -1: not (or no more) held by this process */
    uint64_t inode, cookie, netns;
    uid_t uid;
    struct mk_addr local, peer;
    const char *state; /* the kernel's word, NULL: a kind without one */
    struct mk_sock *listener, *other;
    struct mk_owner *owners;
    const struct mk_option *options[MK_OPTIONS_MAX];
    size_t n_options;
    char note[32]; /* an address part that getsockname cannot give: netlink protocol */
    bool dirty;    /* to be reported at the end of this line */
};

struct mk_process {
    char *name;
    pid_t pid;
    struct mk_process *next;
};

struct mk_netns {
    char *name;
    int fd;
    uint64_t inode;
    struct mk_netns *next;
};

struct mk {
    struct mk_sock **socks;
    size_t n_socks, cap_socks;
    struct mk_process *processes;
    struct mk_netns *namespaces;
    uint64_t netns; /* of this process now */
    const char *line;
    unsigned depth; /* recipes call mk_run; only the outermost line reports */
    unsigned serial;
};

/* A line cut into words; key=value words are found by name, and each must be used by somebody. */
struct mk_line {
    char *words[MK_WORDS_MAX];
    bool used[MK_WORDS_MAX];
    size_t n;
};

/* mksock.c: every function that fails has reported the error, and returns -1. */
int mk_run(struct mk *mk, const char *text);
int mk_fail(struct mk *mk, const char *call, int error);
int mk_usage(struct mk *mk, const char *message, const char *word);
const char *mk_value(struct mk_line *line, const char *key);
bool mk_flag(struct mk_line *line, const char *name);
int mk_number(struct mk *mk, struct mk_line *line, const char *key, long fallback, long *ret);
int mk_check_used(struct mk *mk, const struct mk_line *line);
uint64_t mk_inode_of(int fd);
uint64_t mk_netns_of_self(void);
void *mk_alloc(size_t size);
int64_t mk_now_ms(void);

/* mksock_registry.c */
struct mk_sock *mk_sock_new(struct mk *mk, const struct mk_kind *kind, const char *name, int fd);
struct mk_sock *mk_sock_find(struct mk *mk, const char *reference);
void mk_sock_refresh(struct mk *mk, struct mk_sock *sock);
void mk_sock_close(struct mk_sock *sock);
void mk_socks_forget(struct mk *mk, size_t first);
void mk_owner_add(struct mk_sock *sock, pid_t pid, int fd);
void mk_owner_remove(struct mk_sock *sock, pid_t pid, int fd); /* fd -1: all of the process */

/* mksock_addr.c */
int mk_addr_parse(const struct mk_kind *kind, const char *text, struct mk_addr *ret);
void mk_addr_print(const struct mk_sock *sock, const struct mk_addr *addr);
void mk_addr_connectable(struct mk_addr *addr);
bool mk_addr_equal(const struct mk_addr *a, const struct mk_addr *b);
int mk_netlink_protocol(const char *text);

/* mksock_options.c: options are name=value words, or a bare name for 1. */
struct mk_wishes {
    const struct mk_option *option[MK_OPTIONS_MAX];
    const char *value[MK_OPTIONS_MAX];
    size_t n;
};
int mk_options_parse(struct mk *mk, struct mk_line *line, struct mk_wishes *ret);
int mk_options_apply(struct mk *mk, struct mk_sock *sock, const struct mk_wishes *wishes);
void mk_options_print(const struct mk_sock *sock);
int mk_do_option(struct mk *mk, struct mk_line *line);

/* mksock_report.c */
void mk_report(struct mk *mk);
int mk_do_show(struct mk *mk, struct mk_line *line);
void mk_print_string(const char *text, size_t n);

/* mksock_open.c, mksock_tcp.c, mksock_process.c, mksock_scene.c: the verbs. 0 or -1. */
const struct mk_kind *mk_kind_find(const char *name);
int mk_do_open(struct mk *mk, const struct mk_kind *kind, struct mk_line *line);
int mk_xdp_bind(int fd, const struct mk_addr *addr);
int mk_do_state(struct mk *mk, const struct mk_kind *kind, struct mk_line *line);
int mk_do_shutdown(struct mk *mk, struct mk_line *line);
int mk_do_close(struct mk *mk, struct mk_line *line);
int mk_do_mute(struct mk *mk, struct mk_line *line);
int mk_do_unmute(struct mk *mk, struct mk_line *line);
int mk_do_await(struct mk *mk, struct mk_line *line);
int mk_do_end(struct mk *mk, struct mk_line *line);
int mk_do_send(struct mk *mk, struct mk_line *line);
int mk_do_fill(struct mk *mk, struct mk_line *line);
int mk_do_fork(struct mk *mk, struct mk_line *line);
int mk_do_kill(struct mk *mk, struct mk_line *line);
int mk_do_dup(struct mk *mk, struct mk_line *line);
int mk_do_pass(struct mk *mk, struct mk_line *line);
int mk_do_comm(struct mk *mk, struct mk_line *line);
int mk_do_user(struct mk *mk, struct mk_line *line);
int mk_do_netns(struct mk *mk, struct mk_line *line);
int mk_do_cgroup(struct mk *mk, struct mk_line *line);
int mk_do_scene(struct mk *mk, struct mk_line *line);
int mk_do_timewait(struct mk *mk, struct mk_line *line);
int mk_do_listeners(struct mk *mk, struct mk_line *line);
int mk_mute_fd(int fd, const char *what);
_Noreturn void mk_hold(const char *comm);
void mk_process_add(struct mk *mk, const char *name, pid_t pid);
void mk_processes_end(struct mk *mk);
void mk_die_with(pid_t parent);
int mk_set_comm(const char *comm);

/* mksock_diag.c: the TCP socket with this five-tuple; state NULL and -ENOENT if there is none. */
struct mk_found {
    const char *state;
    uint64_t inode, cookie;
    uid_t uid;
};
int mk_diag_find(const struct mk_addr *local, const struct mk_addr *peer, struct mk_found *ret);
const char *mk_tcp_state_name(unsigned state);
