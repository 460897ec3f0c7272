#include "cmd/services_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/parse.h"
#include "base/suggest.h"
#include "base/vec.h"
#include "cmd/commands.h"
#include "names/services.h"

/* A number that isn't a port, or a range whose ends are the wrong way round. */
static int fault_ports(const struct services_asked *a)
{
    struct services_asked turned = {.name = ""};
    const char *dash = strchr(a->name, '-');
    if (dash)
        snprintf(turned.name, sizeof turned.name, "%s-%.*s", dash + 1, (int)(dash - a->name),
                 a->name);
    if (parse_port_range(turned.name, &turned.first, &turned.last) == 0)
        return command_usage_error(
            &command_services, "'%s': the higher port stands first; did you mean '%s%s%s'?",
            a->word, turned.name, a->protocol ? "/" : "", a->protocol ? a->protocol : "");
    return command_usage_error(&command_services, "'%s' is out of range: ports are 0 to 65535",
                               a->word);
}

int services_ask(const char *word, struct services_asked *ret)
{
    struct services_asked a = {.word = word};
    const char *slash = strrchr(word, '/');
    if (slash && !slash[1])
        return command_usage_error(&command_services, "'%s': a protocol is missing behind the '/'",
                                   word);
    a.protocol = slash ? slash + 1 : NULL;
    snprintf(a.name, sizeof a.name, "%.*s", (int)(slash ? slash - word : (long)strlen(word)), word);
    int r = parse_port_range(a.name, &a.first, &a.last);
    if (r == -ERANGE)
        return fault_ports(&a);
    a.number = r == 0;
    *ret = a;
    return 0;
}

int services_find(const struct services_asked *a, struct vec *ret)
{
    size_t before = ret->len;
    int r = !a->number            ? services_by_name(a->name, a->protocol, ret)
            : a->first == a->last ? services_by_port(a->first, a->protocol, ret)
                                  : services_in_range(a->first, a->last, a->protocol, ret);
    return r < 0 ? r : ret->len == before ? -ENOENT : 0;
}

/* Names of the protocol that was asked for; behind a port, or a name that is right, protocols. */
static void suggest(const struct services_asked *a, const struct vec *all, struct buf *ret)
{
    struct suggest name = suggest_start(a->name, strlen(a->name));
    const char *word = a->protocol ? a->protocol : "";
    struct suggest protocol = suggest_start(word, strlen(word));
    for (size_t i = 0; i < all->len; i++) {
        const struct service *s = vec_at(all, i);
        suggest_offer(&protocol, s->protocol);
        if (a->protocol && strcmp(s->protocol, a->protocol) != 0)
            continue;
        suggest_offer(&name, s->name);
        for (char **alias = s->aliases; alias && *alias; alias++)
            suggest_offer(&name, *alias);
    }
    const char *near_protocol = a->protocol ? suggest_best(&protocol) : NULL;
    const char *near_name = a->number ? a->name : suggest_best(&name);
    if (near_protocol && strcmp(near_protocol, a->protocol) != 0)
        buf_printf(ret, "%s/%s", a->name, near_protocol);
    else if (near_name && !a->number)
        buf_printf(ret, "%s%s%s", near_name, a->protocol ? "/" : "",
                   a->protocol ? a->protocol : "");
}

void services_tell_none(const struct services_asked *a)
{
    enum { SUGGESTION_MAX = 512 };
    struct vec all = VEC_INIT(struct service);
    _cleanup_buf_ struct buf near = BUF_INIT(SUGGESTION_MAX);
    bool guess = !a->number || a->protocol;
    if (guess && services_in_range(0, UINT16_MAX, NULL, &all) == 0)
        suggest(a, &all, &near);
    bool meant = !near.failed && near.len > 0;
    err_tell("the services database has nothing for '%s'%s%s%s", a->word,
             meant ? "; did you mean '" : "", meant ? buf_cstr(&near) : "", meant ? "'?" : "");
    services_free(&all);
}
