#include "cmd/sockopt_options.h"

#include <net/if.h>

#include "base/err.h"

static int read_word(const struct command *c, enum sockopt o, const char *word,
                     struct sockopt_set *set)
{
    struct err e = {0};
    return sockopt_parse(set, o, word, &e) < 0 ? command_usage_error(c, "%s", e.hint) : 0;
}

static int read_groups(const struct command *c, const struct sockopt_arguments *a,
                       struct sockopt_set *set)
{
    int status = 0;
    for (size_t i = 0; i < a->groups.len && status == 0; i++)
        status = read_word(c, SOCKOPT_MULTICAST_JOIN, *(const char **)vec_at(&a->groups, i), set);
    for (unsigned i = 0; i < set->n_groups && status == 0; i++) {
        struct sockopt_group *g = &set->groups[i];
        if (g->device[0] && !(g->interface = if_nametoindex(g->device)))
            status = command_usage_error(c, "--%s: there is no device '%s'",
                                         sockopt_name(SOCKOPT_MULTICAST_JOIN), g->device);
    }
    return status;
}

int sockopt_options_read(const struct command *c, const struct sockopt_arguments *a,
                         struct sockopt_set *ret)
{
    struct sockopt_set set = {0};
    int status = 0;
    if (a->words[SOCKOPT_TOS] && a->words[SOCKOPT_DSCP])
        return command_usage_error(c, "only one of --tos and --dscp can be given");
    for (int o = 0; o < SOCKOPTS && status == 0; o++) {
        if (a->flags[o])
            sockopt_choose(&set, (enum sockopt)o, a->flags[o] == SOCKOPT_FLAG_ON);
        if (a->words[o])
            status = read_word(c, (enum sockopt)o, a->words[o], &set);
    }
    if (status == 0)
        status = read_groups(c, a, &set);
    if (status == 0)
        *ret = set;
    return status;
}
