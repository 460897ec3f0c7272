/* Socket options in the user's words. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/parse.h"
#include "net/sockopt_impl.h"

enum {
    FASTOPEN_USUAL = 256,
    NS_PER_MS = 1000000,
    NS_PER_S = 1000000000,
};

/* RFC 2474, 2597, 3246, 5865, 8622: code points, the upper six bits of the byte. csN and afXY
 * follow a rule and are read by it. */
static const struct {
    const char *name;
    uint8_t code;
} code_points[] = {
    {"df", 0}, {"be", 0}, {"le", 1}, {"va", 44}, {"voice-admit", 44}, {"ef", 46},
};

/* RFC 1349, as ip(7) has it: the whole byte, for --tos alone. */
static const struct {
    const char *name;
    uint8_t byte;
} old_classes[] = {
    {"lowdelay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04}, {"mincost", 0x02}};

static bool read_code_point(const char *word, uint64_t *ret)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < sizeof code_points / sizeof *code_points; i++) {
        if (strcasecmp(word, code_points[i].name) == 0) {
            *ret = code_points[i].code;
            return true;
        }
    }
    if (n == 3 && strncasecmp(word, "cs", 2) == 0 && word[2] >= '0' && word[2] <= '7') {
        *ret = (uint64_t)(word[2] - '0') * 8;
        return true;
    }
    if (n == 4 && strncasecmp(word, "af", 2) == 0 && word[2] >= '1' && word[2] <= '4' &&
        word[3] >= '1' && word[3] <= '3') {
        *ret = (uint64_t)(word[2] - '0') * 8 + (uint64_t)(word[3] - '0') * 2;
        return true;
    }
    return false;
}

static bool read_class(const struct sockopt_row *row, const char *word, uint64_t *ret)
{
    bool whole = row->max > 63;
    if (read_code_point(word, ret)) {
        *ret <<= 2;
        return true;
    }
    for (size_t i = 0; whole && i < sizeof old_classes / sizeof *old_classes; i++) {
        if (strcasecmp(word, old_classes[i].name) == 0) {
            *ret = old_classes[i].byte;
            return true;
        }
    }
    if (parse_u64(word, row->min, row->max, ret) < 0)
        return false;
    *ret <<= whole ? 0 : 2;
    return true;
}

static bool read_time(const struct sockopt_row *row, const char *word, uint64_t unit, uint64_t *ret)
{
    uint64_t ns;
    if (parse_duration_ns(word, &ns) < 0)
        return false;
    *ret = ns / unit + (ns % unit != 0);
    return *ret >= row->min && *ret <= row->max;
}

static bool read_number(const struct sockopt_row *row, const char *word, uint64_t *ret)
{
    switch (row->type) {
    case SOCKOPT_BOOL:
        return parse_u64(word, 0, 1, ret) == 0;
    case SOCKOPT_INT:
        return parse_u64(word, row->min, row->max, ret) == 0;
    case SOCKOPT_SIZE:
        return parse_size(word, ret) == 0 && *ret >= row->min && *ret <= row->max;
    case SOCKOPT_SECONDS:
        return read_time(row, word, NS_PER_S, ret);
    case SOCKOPT_MILLISECONDS:
        return read_time(row, word, NS_PER_MS, ret);
    case SOCKOPT_CLASS:
        return read_class(row, word, ret);
    case SOCKOPT_TEXT:
    case SOCKOPT_GROUP:
        break;
    }
    return false;
}

static void describe(const struct sockopt_row *row, char *ret, size_t size)
{
    switch (row->type) {
    case SOCKOPT_BOOL:
        snprintf(ret, size, "0 or 1");
        return;
    case SOCKOPT_INT:
        snprintf(ret, size, "a number from %" PRIu64 " to %" PRIu64, row->min, row->max);
        return;
    case SOCKOPT_SIZE:
        snprintf(ret, size, "a size such as 64k or 1M, below 2G");
        return;
    case SOCKOPT_SECONDS:
        snprintf(ret, size, "a time such as 30s or 2m, from %" PRIu64 " to %" PRIu64 " seconds",
                 row->min, row->max);
        return;
    case SOCKOPT_MILLISECONDS:
        snprintf(ret, size, "a time such as 500ms or 30s, below 25 days");
        return;
    case SOCKOPT_CLASS:
        snprintf(ret, size, "a number from 0 to %" PRIu64 ", or a name such as ef, af41 or cs1",
                 row->max);
        return;
    case SOCKOPT_TEXT:
        snprintf(ret, size, "a name of %" PRIu64 " to %" PRIu64 " letters", row->min, row->max);
        return;
    case SOCKOPT_GROUP:
        snprintf(ret, size, "a multicast address, as in 239.1.2.3%%eth0 or ff02::fb%%eth0");
        return;
    }
}

static int fault(const struct sockopt_row *row, const char *word, struct err *e)
{
    char wanted[128];
    describe(row, wanted, sizeof wanted);
    return err_word(e, EINVAL, "set", row->name, "--%s wants %s, not '%s'", row->name, wanted,
                    word);
}

static bool take_text(struct sockopt_set *s, enum sockopt o, const char *word)
{
    size_t n = strlen(word);
    if (n < sockopt_row(o)->min || n > sockopt_row(o)->max)
        return false;
    memcpy(o == SOCKOPT_DEVICE ? s->device : s->congestion, word, n + 1);
    return true;
}

static bool read_group(const char *word, struct sockopt_group *ret)
{
    char literal[64];
    uint64_t number;
    size_t n = strcspn(word, "%");
    const char *device = word[n] ? word + n + 1 : NULL;
    if (n >= sizeof literal || (device && (!*device || strlen(device) >= IFNAMSIZ)))
        return false;
    memcpy(literal, word, n);
    literal[n] = '\0';
    if (net_addr_parse(literal, &ret->addr, NULL) < 0 || net_addr_is_mapped(&ret->addr) ||
        !net_addr_is_multicast(&ret->addr))
        return false;
    if (!device)
        return true;
    if (parse_u64(device, 1, INT32_MAX, &number) == 0)
        ret->interface = (uint32_t)number;
    else
        memcpy(ret->device, device, strlen(device) + 1);
    return true;
}

static int take_group(struct sockopt_set *s, const char *word, struct err *e)
{
    struct sockopt_group g = {0};
    const struct sockopt_row *row = sockopt_row(SOCKOPT_MULTICAST_JOIN);
    if (!read_group(word, &g))
        return fault(row, word, e);
    if (s->n_groups == SOCKOPT_GROUPS_MAX)
        return err_word(e, EINVAL, "set", row->name, "--%s takes %d groups at most", row->name,
                        SOCKOPT_GROUPS_MAX);
    s->groups[s->n_groups++] = g;
    return 0;
}

static void imply(struct sockopt_set *s, enum sockopt o)
{
    bool detail = o == SOCKOPT_KEEPALIVE_IDLE || o == SOCKOPT_KEEPALIVE_INTERVAL ||
                  o == SOCKOPT_KEEPALIVE_COUNT;
    if (detail && !sockopt_given(s, SOCKOPT_KEEPALIVE))
        sockopt_choose(s, SOCKOPT_KEEPALIVE, 1);
}

int sockopt_parse(struct sockopt_set *s, enum sockopt o, const char *word, struct err *e)
{
    const struct sockopt_row *row = sockopt_row(o);
    uint64_t number = 0;
    int r = 0;
    if (o == SOCKOPT_FASTOPEN && !*word)
        number = FASTOPEN_USUAL;
    else if (row->type == SOCKOPT_GROUP)
        r = take_group(s, word, e);
    else if (row->type == SOCKOPT_TEXT ? !take_text(s, o, word) : !read_number(row, word, &number))
        r = fault(row, word, e);
    if (r < 0)
        return r;
    sockopt_choose(s, o, (int64_t)number);
    imply(s, o);
    return 0;
}
