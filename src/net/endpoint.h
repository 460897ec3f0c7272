/* Endpoints: the one way to write where a connection goes to or comes from, in every command.
 *
 *     [listen:][scheme:]address
 *
 * Knows the written form alone. Names, services and devices stay words here: to look them up is the
 * business of src/names, to open them that of src/flow. What is parsed can be formatted again, and
 * parses to the same.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "net/addr.h"

struct buf;
struct err;

enum endpoint_scheme {
    ENDPOINT_TCP,
    ENDPOINT_UDP,
    ENDPOINT_TLS,            /* TLS over TCP */
    ENDPOINT_UNIX,           /* stream */
    ENDPOINT_UNIX_DGRAM,
    ENDPOINT_UNIX_SEQPACKET,
    ENDPOINT_VSOCK,          /* CID:PORT; "*:PORT" and a bare port: any CID to listen */
    ENDPOINT_FILE,           /* a path */
    ENDPOINT_SERIAL,         /* a path, then ",WORD…": 115200, 8n1, crtscts … */
    ENDPOINT_EXEC,           /* a command line; cut into words without a shell */
    ENDPOINT_PTY,            /* a command line, run on a pseudo terminal of its own */
    ENDPOINT_FD,             /* an inherited descriptor's number */
    ENDPOINT_STDIO,          /* "-": standard input and output */
    ENDPOINT_SCHEMES
};

/* What stands before the port, in schemes that have one (tcp, udp, tls, vsock). */
enum endpoint_host {
    ENDPOINT_THIS_MACHINE,    /* nothing: 127.0.0.1 and ::1, literally */
    ENDPOINT_EVERY_INTERFACE, /* "*": 0.0.0.0, and [::] with v6only */
    ENDPOINT_ADDRESS,         /* an address as it is */
    ENDPOINT_NAME             /* to be resolved */
};

struct endpoint {
    enum endpoint_scheme scheme;
    bool listens; /* "listen:" stood before it */
    enum endpoint_host host;
    struct net_addr addr;  /* ENDPOINT_ADDRESS; its scope only where it was written as a number */
    char name[256];        /* ENDPOINT_NAME */
    char device[IFNAMSIZ]; /* "%DEVICE" behind an address or the port; "" none. With a link-local
                            * IPv6 address before the port it's the scope, else the socket is bound
                            * to it */
    char service[64];      /* the port as a word ("http"); "" if it is a number */
    uint16_t port, port_last; /* equal, unless a range may be written here */
    uint32_t cid;             /* vsock; UINT32_MAX any */
    uint32_t vsock_port;
    bool abstract;    /* unix: the name after '@', not a path */
    int fd;           /* ENDPOINT_FD */
    const char *text; /* path, abstract name, command or device with its words: the rest of the
                       * text that was parsed, which must outlive this; NULL in other schemes */
};

/* What may be written at a place of a command line. */
enum endpoint_accepts {
    ENDPOINT_MAY_LISTEN = 1 << 0, /* "listen:" before it */
    ENDPOINT_MAY_RANGE = 1 << 1,  /* 8000-8100 as a port */
    ENDPOINT_SOCKETS_ONLY = 1 << 2, /* no file, serial, exec, pty, fd, "-" */
    ENDPOINT_MAY_OMIT_PORT = 1 << 3, /* a host alone is port 0 and service "" */
};

/* 0, or -EINVAL with *e (which may be NULL) saying what is wrong with the user's words, and what to
 * write instead: "fe80::1" without a device, an IPv6 address without brackets, a port above 65535,
 * a path longer than sun_path, a scheme nearly spelled right. */
int endpoint_parse(const char *text, unsigned accepts, struct endpoint *ret, struct err *e);
/* The shortest form that parses to the same endpoint. */
void endpoint_format(struct buf *out, const struct endpoint *ep);

const char *endpoint_scheme_name(enum endpoint_scheme scheme); /* "tcp", "unix-dgram" … */
bool endpoint_has_port(enum endpoint_scheme scheme);           /* tcp, udp, tls */
