/* nc's lists of ports: names, numbers, ranges in either order, shuffled with -r. */
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dialect/nc.h"
#include "dialect/nc_number.h"

static uint16_t one_port(const char *word)
{
    long long port;
    const char *fault = nc_number(word, 1, 65535, &port);

    if (fault)
        nc_die("port number %s: %s", fault, word);
    return (uint16_t)port;
}

static void add(struct vec *ret, uint16_t port)
{
    if (vec_add(ret, &port) < 0)
        nc_die("%s", strerror(ENOMEM));
}

static void add_range(struct vec *ret, uint16_t first, uint16_t last)
{
    for (unsigned port = first; port <= last; port++)
        add(ret, (uint16_t)port);
}

static void add_word(const struct nc *n, const char *word, struct vec *ret)
{
    const struct servent *service = getservbyname(word, n->udp ? "udp" : "tcp");
    const char *dash = strchr(word, '-');

    if (service) {
        add(ret, ntohs((uint16_t)service->s_port));
    } else if (isdigit((unsigned char)word[0]) && dash) {
        char *first = strndup(word, (size_t)(dash - word));
        if (!first)
            nc_die("%s", strerror(ENOMEM));
        uint16_t b = one_port(dash + 1), a = one_port(first); /* in the order of the faults */
        free(first);
        add_range(ret, a < b ? a : b, a < b ? b : a);
    } else {
        add(ret, one_port(word));
    }
}

static uint32_t any_below(uint32_t bound)
{
    uint64_t any = 0;

    if (getrandom(&any, sizeof(any), 0) < 0)
        return 0;
    return (uint32_t)(any % bound);
}

static void shuffle(struct vec *ports)
{
    for (size_t i = ports->len; i > 1; i--) {
        uint16_t *a = vec_at(ports, i - 1), *b = vec_at(ports, any_below((uint32_t)i));
        uint16_t kept = *a;
        *a = *b;
        *b = kept;
    }
}

void nc_ports(const struct nc *n, struct vec *ret)
{
    for (int i = 0; i < n->n_ports; i++)
        add_word(n, n->ports[i], ret);
    if (n->random)
        shuffle(ret);
}
