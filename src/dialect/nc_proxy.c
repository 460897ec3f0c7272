/* nc's -x: flow/proxy's talk over the plain mode's socket, byte by byte where an end isn't known,
 * so that nothing of the peer's is taken. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "dialect/nc.h"
#include "flow/proxy.h"

int nc_connect_proxy(const struct nc *n, const char *host, const char *port)
{
    (void)n;
    (void)host;
    (void)port;
    nc_die("unsupported proxy protocol");
}
