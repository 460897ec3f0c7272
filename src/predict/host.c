#include "predict/host.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [PREDICT_UNPRIVILEGED_START] = "net.ipv4.ip_unprivileged_port_start",
    [PREDICT_PORT_RANGE] = "net.ipv4.ip_local_port_range",
    [PREDICT_RESERVED] = "net.ipv4.ip_local_reserved_ports",
    [PREDICT_NONLOCAL4] = "net.ipv4.ip_nonlocal_bind",
    [PREDICT_NONLOCAL6] = "net.ipv6.ip_nonlocal_bind",
    [PREDICT_BINDV6ONLY] = "net.ipv6.bindv6only",
    [PREDICT_AUTOBIND_REUSE] = "net.ipv4.ip_autobind_reuse",
    [PREDICT_SOMAXCONN] = "net.core.somaxconn",
};
static_assert(sizeof names / sizeof *names == PREDICT_SETTINGS, "a name a setting");

const char *predict_setting_name(enum predict_setting s)
{
    return names[s];
}

void predict_settings_init(struct predict_settings *s)
{
    *s = (struct predict_settings){
        .unknown = (1u << PREDICT_SETTINGS) - 1,
        .unprivileged_start = 1024,
        .range_first = 32768,
        .range_last = 60999,
        .somaxconn = 4096,
    };
}

/* A number, at *text, which moves behind it. */
static bool get_number(const char **text, uint32_t max, uint32_t *ret)
{
    char *end;
    *text += strspn(*text, " \t");
    if (**text < '0' || **text > '9')
        return false;
    unsigned long value = strtoul(*text, &end, 10);
    if (value > max)
        return false;
    *ret = (uint32_t)value;
    *text = end;
    return true;
}

static bool read_one(const char *text, uint32_t max, uint32_t *ret)
{
    uint32_t value;
    if (!get_number(&text, max, &value) || *text)
        return false;
    *ret = value;
    return true;
}

static bool read_flag(const char *text, bool *ret)
{
    uint32_t value;
    if (!read_one(text, UINT32_MAX, &value))
        return false;
    *ret = value != 0;
    return true;
}

static bool read_range(const char *text, struct predict_settings *s)
{
    uint32_t first, last;
    if (!get_number(&text, UINT16_MAX, &first) || !get_number(&text, UINT16_MAX, &last) || *text ||
        first > last)
        return false;
    s->range_first = first;
    s->range_last = last;
    return true;
}

/* "8080,9148-9150" */
static bool read_ports(const char *text, struct port_set *ret)
{
    struct port_set set = {0};
    while (*text) {
        uint32_t first, last;
        if (!get_number(&text, UINT16_MAX, &first))
            return false;
        last = first;
        if (*text == '-') {
            text++;
            if (!get_number(&text, UINT16_MAX, &last))
                return false;
        }
        for (uint32_t port = first; port <= last; port++)
            port_set_add(&set, port);
        if (*text == ',')
            text++;
        else if (*text)
            return false;
    }
    *ret = set;
    return true;
}

static bool read_setting(struct predict_settings *s, enum predict_setting which, const char *value)
{
    switch (which) {
    case PREDICT_UNPRIVILEGED_START:
        return read_one(value, 65536, &s->unprivileged_start);
    case PREDICT_PORT_RANGE:
        return read_range(value, s);
    case PREDICT_RESERVED:
        return read_ports(value, &s->reserved);
    case PREDICT_NONLOCAL4:
        return read_flag(value, &s->nonlocal4);
    case PREDICT_NONLOCAL6:
        return read_flag(value, &s->nonlocal6);
    case PREDICT_BINDV6ONLY:
        return read_flag(value, &s->bindv6only);
    case PREDICT_AUTOBIND_REUSE:
        return read_flag(value, &s->autobind_reuse);
    case PREDICT_SOMAXCONN:
        return read_one(value, UINT32_MAX, &s->somaxconn);
    case PREDICT_SETTINGS:
        break;
    }
    return false;
}

void predict_settings_read(struct predict_settings *s, const char *name, const char *value)
{
    for (int i = 0; i < PREDICT_SETTINGS; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        if (read_setting(s, (enum predict_setting)i, value))
            s->unknown &= ~(1u << i);
        else
            s->unknown |= 1u << i;
    }
}
