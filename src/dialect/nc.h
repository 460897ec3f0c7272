/* What the files of the dialect nc share: a command line that was read, and nc's way of talking.
 *
 * Messages are Debian's netcat-openbsd's, to the letter; where it exits in the middle, these
 * functions do as well, with its status.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "flow/plain.h"

struct stream;
struct tls_context;
struct tls_fault;

enum { NC_OPTIONS_MAX = 12 };

/* TLS as OpenBSD's nc has it. Texts: NULL where they weren't given. */
struct nc_tls {
    bool on;
    bool any_certificate, any_name, client_certificate, must_staple;
    bool options; /* some keyword of TLS was given */
    const char *name, *hash, *certificate, *key, *authorities, *staple, *ciphers, *protocols;
    struct tls_context *context; /* of nc_tls_open */
};

struct nc {
    int family; /* AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX: as the last letter has it */
    bool listen, keep, udp, dccp, zero, verbose, numeric, random;
    bool no_input, half_close, crlf, telnet, pass_fd;
    bool broadcast, debug;
    int tos, ttl, min_ttl, rcvbuf, sndbuf; /* −1: not given */
    unsigned interval_s;
    int timeout_ms, quit_s; /* −1: none */
    uint64_t reads;
    const char *source, *source_port, *host;
    const char *proxy, *proxy_user;
    enum { NC_SOCKS5, NC_SOCKS4, NC_CONNECT } proxy_kind;
    char *const *ports; /* the words behind the host */
    int n_ports;
    char *md5_key; /* NULL: none */
    struct nc_tls tls;
};

/* nc_options.c: reads the words, argv-like with "nc" first; exits on a mistake. */
void nc_read(struct nc *n, int argc, char **argv);

/* nc_ports.c: adds the ports (uint16_t) of a list of names, numbers and ranges; exits on a mistake.
 */
void nc_ports(const struct nc *n, struct vec *ret);

/* nc_say.c: "nc: TEXT" on stderr, control characters escaped. */
void nc_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line without prefix. */
void nc_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As nc_warn, then exit(1). */
_Noreturn void nc_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "WHAT host port" for an address, as -v tells of it. */
void nc_tell_address(const struct nc *n, const char *what, const struct sockaddr *a,
                     socklen_t size);
/* That a connection was made; there: what it was made to, NULL behind a proxy. */
void nc_tell_connected(const struct nc *n, uint16_t port, const char *numeric);

/* nc_inet.c. Listening exits where it can't. */
int nc_listen_inet(const struct nc *n);
/* −1 where nobody answers, which was told if -v asks for it. */
int nc_connect_inet(const struct nc *n, const char *host, const char *port,
                    char numeric[static 64]);
/* Whether something may listen at the other end: datagrams that aren't refused. */
bool nc_probe_udp(const struct nc *n, int fd);

/* nc_unix.c */
int nc_listen_unix(const struct nc *n);
/* −1 where nobody answers, which was told. ret_temporary: a path to be removed at the end, freed by
 * the caller with nc_remove_temporary. */
int nc_connect_unix(const struct nc *n, char **ret_temporary);
void nc_remove_temporary(char *path);

/* nc_proxy.c: through the proxy to host and port; −1 where nobody answers. */
int nc_connect_proxy(const struct nc *n, const char *host, uint16_t port);

/* nc_tls_options.c */
/* Whether it is -T's word for TLS, which is then kept; exits on one that is a mistake. */
bool nc_tls_keyword(struct nc_tls *t, const char *word);
/* Exits where options don't go together. */
void nc_tls_check(const struct nc *n);

/* nc_tls.c */
/* Reads the files and sets n->tls.context; exits where it can't. Nothing without -c. */
void nc_tls_open(struct nc *n);
/* The handshake above a connected socket, which becomes the stream's; told with -v. peer: its name
 * in messages. False when it failed, which was told, and the socket is closed. */
bool nc_tls_begin(const struct nc *n, int fd, const char *peer, struct stream *ret,
                  struct tls_fault *fault);
/* Says goodbye, closes, and tells what was wrong with the end. */
void nc_tls_end(const struct nc *n, struct stream *s, const struct tls_fault *fault);

/* nc_secret.c: asks the terminal. NULL when there is none. Freed by the caller. */
char *nc_ask_secret(const char *prompt);
