/* Which options of berth list go together. What another option would leave without effect is
 * refused with the reason, rather than passed over. */
#include "cli/command.h"
#include "cmd/commands.h"
#include "cmd/list.h"

struct given {
    bool is;
    const char *name;
};

/* 0, or EXIT_USAGE after a message that names the first of them. */
static int refuse(const char *option, const struct given *others, size_t n, const char *why)
{
    for (size_t i = 0; i < n; i++)
        if (others[i].is)
            return command_usage_error(&command_list, "%s and %s can't be given together: %s",
                                       option, others[i].name, why);
    return 0;
}

#define REFUSE(option, others, why) refuse(option, others, sizeof(others) / sizeof *(others), why)

static int check_save(const struct list_arguments *a)
{
    const struct given elsewhere[] = {
        {a->sockets.facts, "--facts"},
        {a->sockets.tcpdiag, "--tcpdiag"},
    };
    const struct given rows[] = {
        {a->output.json, "--json"},
        {a->output.jsonl, "--jsonl"},
        {a->output.csv, "--csv"},
        {a->output.columns, "--columns"},
        {a->output.no_header, "--no-header"},
        {a->sort, "--sort"},
        {a->group_by, "--group-by"},
        {a->summary, "--summary"},
        {a->top, "--top"},
        {a->names == NAMES_SHOWN, "--names"},
        {a->ends, "--ends"},
    };
    int status = REFUSE("--save", elsewhere, "what is saved is read of this host");
    return status ? status
                  : REFUSE("--save", rows,
                           "it writes all that is known in a form of its own, and shows no rows");
}

static int check_groups(const struct list_arguments *a)
{
    const struct given details[] = {
        {a->options, "--options"}, {a->timers, "--timers"},     {a->memory, "--memory"},
        {a->info, "--info"},       {a->extended, "--extended"},
    };
    return REFUSE(a->summary ? "--summary" : "--group-by", details,
                  "groups show counts and the sums of what --columns names");
}

int list_check(const struct list_arguments *a)
{
    const struct given kinds[] = {{a->kinds, "--kind"}};
    const struct given groups[] = {{a->group_by, "--group-by"}};
    int status = a->all_kinds ? REFUSE("--all", kinds, "it asks for every kind") : 0;
    if (status == 0 && a->summary)
        status = REFUSE("--summary", groups, "it counts by protocol and state");
    if (status == 0 && a->save)
        status = check_save(a);
    return status || !(a->group_by || a->summary) ? status : check_groups(a);
}
