/* Endpoints: the one way to write where a connection goes to or comes from, in every command.
 *
 *     [listen:][scheme:]address
 *
 * Knows the written form alone. Names, services and devices stay words here: to look them up is the
 * business of src/names, to open them that of src/flow. What is parsed can be formatted again, and
 * parses to the same. berth-endpoint(7) is the user's view of it.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

struct buf;
struct err;

enum endpoint_scheme {
    ENDPOINT_TCP,
    ENDPOINT_UDP,
    ENDPOINT_TLS,  /* TLS over TCP */
    ENDPOINT_UNIX, /* stream */
    ENDPOINT_UNIX_DGRAM,
    ENDPOINT_UNIX_SEQPACKET,
    ENDPOINT_VSOCK,  /* CID:PORT; "*:PORT" and a bare port: any CID, to listen */
    ENDPOINT_FILE,   /* a path */
    ENDPOINT_SERIAL, /* a path, then ",WORD…": 115200, 8n1, crtscts … */
    ENDPOINT_EXEC,   /* a command line; cut into words without a shell */
    ENDPOINT_PTY,    /* a command line, run on a pseudo terminal of its own */
    ENDPOINT_FD,     /* an inherited descriptor's number */
    ENDPOINT_STDIO,  /* "-": standard input and output */
    ENDPOINT_SCHEMES
};

/* What stands before the port, in schemes that have one (tcp, udp, tls, vsock). */
enum endpoint_host {
    ENDPOINT_THIS_MACHINE,    /* nothing: 127.0.0.1 and ::1, literally */
    ENDPOINT_EVERY_INTERFACE, /* "*": 0.0.0.0, and [::] with v6only */
    ENDPOINT_ADDRESS,         /* an address as it is; vsock: a CID */
    ENDPOINT_NAME             /* to be resolved */
};

struct endpoint {
    enum endpoint_scheme scheme;
    bool listens; /* "listen:" stood before it */
    enum endpoint_host host;
    struct net_addr addr;  /* ENDPOINT_ADDRESS; its scope only where it was written as a number */
    char name[256];        /* ENDPOINT_NAME; whatever was written: the resolver judges it */
    char device[IFNAMSIZ]; /* "%DEVICE" behind the host or the port; "" none. See
                            * endpoint_device_is_scope */
    char service[64];      /* the port as a word ("http"); "" if it is a number */
    uint16_t port, port_last; /* equal, unless a range may be written here */
    uint32_t cid;             /* vsock; UINT32_MAX any */
    uint32_t vsock_port;
    bool abstract;    /* unix: text is the name after '@', not a path */
    int fd;           /* ENDPOINT_FD */
    const char *text; /* unix, file, serial, exec, pty: path, abstract name, command, or device with
                       * its words, never empty. It points into the text that was parsed, which must
                       * outlive this. NULL in other schemes */
};

/* What may be written at a place of a command line. */
enum endpoint_accepts {
    ENDPOINT_MAY_LISTEN = 1 << 0,    /* "listen:" before it */
    ENDPOINT_MAY_RANGE = 1 << 1,     /* 8000-8100 as a port */
    ENDPOINT_SOCKETS_ONLY = 1 << 2,  /* no file, serial, exec, pty, fd, "-" */
    ENDPOINT_MAY_OMIT_PORT = 1 << 3, /* a host alone is port 0 and service ""; an IPv6 address alone
                                      * needs no brackets */
    ENDPOINT_MAY_OMIT_SCOPE = 1 << 4, /* fe80::1 without a device: to explain it, not to open it */
};

/* 0, or -EINVAL with *e (which may be NULL) quoting the user's words; its hint says what is wrong
 * with them and what to write instead: "fe80::1" without a device, an IPv6 address without
 * brackets, a port above 65535, a path longer than sun_path, a scheme nearly spelled right. The
 * hint stands alone as well, for a usage error: "'SUBJECT': HINT". */
int endpoint_parse(const char *text, unsigned accepts, struct endpoint *ret, struct err *e);
/* The shortest form that parses to the same endpoint. An omitted port is written as 0. */
void endpoint_format(struct buf *out, const struct endpoint *ep);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

const char *endpoint_scheme_name(enum endpoint_scheme scheme); /* "tcp", "unix-dgram" …; "-" */
bool endpoint_has_port(enum endpoint_scheme scheme);           /* tcp, udp, tls */
bool endpoint_is_unix(enum endpoint_scheme scheme);            /* any of the three */
/* Whether the text names its scheme, rather than leave it to be TCP. */
bool endpoint_scheme_is_written(const char *text);
/* The device is the scope of an IPv6 address that needs one (fe80::/10, ff01::/16, ff02::/16);
 * else the socket is to be bound to it (SO_BINDTODEVICE). False without a device. */
bool endpoint_device_is_scope(const struct endpoint *ep);
/* The scheme that a word resembles, or NULL: "exce:cat" is a host and a service by its form, so
 * who can't resolve the host may ask whether exec was meant. */
const char *endpoint_scheme_meant(const char *word);
