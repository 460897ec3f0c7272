/* The address families that netstat's command line names, and what is said of those that no kernel
 * of today has: where sockets are listed, and where routes are. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/out.h"
#include "cli/command.h"
#include "dialect/netstat.h"

enum { NO_SUCH_FAMILY = 1, NO_ROUTING = 3 };

/* In the order in which sockets are refused. */
enum absent { PRESENT, IPX, AX25, X25, NETROM, ROSE, BLUETOOTH };

static const char *const af_names[] = {
    [IPX] = "IPX", [AX25] = "AX25", [X25] = "X25", [NETROM] = "NETROM", [ROSE] = "ROSE",
};

static const struct family {
    const char *name;
    const char *shown; /* in the messages */
    enum absent absent;
} families[] = {
    {"inet", "inet", PRESENT},
    {"ip", "inet", PRESENT},
    {"tcpip", "inet", PRESENT},
    {"inet6", "inet6", PRESENT},
    {"unix", "unix", PRESENT},
    {"ddp", "ddp", PRESENT}, /* asking for its sockets is no mistake, it has none */
    {"appletalk", "ddp", PRESENT},
    {"econet", "ec", PRESENT},
    {"ax25", "ax25", AX25},
    {"netrom", "netrom", NETROM},
    {"ipx", "ipx", IPX},
    {"x25", "x25", X25},
    {"rose", "rose", ROSE},
    {"bluetooth", "bluetooth", BLUETOOTH},
};

/* What the original says of routes where the kernel has no files of them. */
static const struct {
    const char *family, *output, *error;
    int status;
} routes[] = {
    {"ax25", "AX.25 not configured in this system.\n",
     "/proc/net/ax25_route: No such file or directory\n", EXIT_NO},
    {"netrom", "NET/ROM not configured in this system.\n",
     "/proc/net/nr_nodes: No such file or directory\n/proc/net/nr_neigh: Invalid argument\n",
     EXIT_NO},
    {"rose", "",
     "/proc/net/rose_nodes: No such file or directory\nROSE not configured in this system.\n",
     EXIT_NO},
    {"x25", "X.25 not configured in this system.\n", "", EXIT_NO},
    {"ipx", "IPX routing not in file /proc/net/ipx/route or /proc/net/ipx_route found.\n",
     "No such file or directory\n", EXIT_NO},
    {"ddp", "",
     "Error opening /proc/net/atalk_route: No such file or directory\n"
     "DDP (AppleTalk) not configured on this system.\n",
     EXIT_NO},
    {"bluetooth", "", "Address family `bluetooth' not supported.\n", NO_ROUTING},
    {"unix", "", "No routing for address family `unix'.\n", NO_ROUTING},
    {"ec", "", "No routing for address family `ec'.\n", NO_ROUTING},
};

static const struct family *find_family(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strlen(families[i].name) == n && memcmp(families[i].name, name, n) == 0)
            return &families[i];
    return NULL;
}

static void note_family(struct netstat_options *o, const struct family *f)
{
    size_t n = strlen(o->families);
    if (n + strlen(f->shown) + 2 < sizeof o->families)
        snprintf(o->families + n, sizeof o->families - n, "%s%s", n ? "," : "", f->shown);
    if (strcmp(f->shown, "inet") == 0)
        o->inet = true;
    else if (strcmp(f->shown, "inet6") == 0)
        o->inet6 = true;
    else if (strcmp(f->shown, "unix") == 0)
        o->unix_sockets = true;
    else if (f->absent)
        o->absent |= 1u << f->absent;
}

int netstat_take_families(struct netstat_options *o, const char *list)
{
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        const struct family *f = find_family(at, n);
        if (!f) {
            struct buf name = BUF_INIT(1024);
            netstat_text(&name, at, n);
            fprintf(stderr, "Unknown address family `%s'.\n", buf_cstr(&name));
            buf_free(&name);
            return NO_SUCH_FAMILY;
        }
        note_family(o, f);
        at += n;
        if (!*at)
            return 0;
    }
}

void netstat_take_bluetooth(struct netstat_options *o)
{
    o->absent |= 1u << BLUETOOTH;
}

static void refuse_sockets(enum absent family)
{
    if (family == BLUETOOTH)
        fputs("netstat: feature `AF BLUETOOTH' not supported.\n"
              "Please recompile `net-tools' with newer kernel source or full configuration.\n",
              stderr);
    else
        fprintf(stderr, "netstat: no support for `AF %s' on this system.\n", af_names[family]);
}

void netstat_refuse_sockets(const struct netstat_options *o)
{
    if (o->absent)
        refuse_sockets((enum absent)__builtin_ctz(o->absent));
}

void netstat_tell_absent(void)
{
    for (enum absent f = PRESENT + 1; f < BLUETOOTH; f++)
        refuse_sockets(f);
}

int netstat_refuse_routes(const char *family, struct out *out)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].family, family) == 0) {
            buf_str(&out->buf, routes[i].output);
            out_flush(out);
            fputs(routes[i].error, stderr);
            return routes[i].status;
        }
    }
    return EXIT_NO;
}
