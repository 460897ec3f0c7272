#include "flow/event.h"

#include <assert.h>

static const char *const kind_names[] = {
    [EVENT_LISTENING] = "listening", [EVENT_OPENED] = "opened",   [EVENT_JOINED] = "joined",
    [EVENT_CLOSED] = "closed",       [EVENT_REFUSED] = "refused", [EVENT_TROUBLE] = "trouble",
    [EVENT_NOTE] = "note",           [EVENT_FAILED] = "failed",   [EVENT_STOPPING] = "stopping",
    [EVENT_TOTALS] = "totals",
};
static_assert(sizeof kind_names / sizeof *kind_names == EVENT_KINDS, "one row a kind");

static const char *const why_names[] = {
    [WHY_NONE] = "none",
    [WHY_ENDED] = "ended",
    [WHY_PEER_FAILED] = "peer-failed",
    [WHY_FAR_FAILED] = "far-failed",
    [WHY_IDLE] = "idle",
    [WHY_LIFETIME] = "lifetime",
    [WHY_STOPPED] = "stopped",
    [WHY_SLOW] = "slow",
    [WHY_HEADER] = "header",
    [WHY_EXITED] = "exited",
    [WHY_PASSED] = "passed",
};
static_assert(sizeof why_names / sizeof *why_names == WHYS, "one row a reason");

static const enum event_why of_pair[] = {
    [PAIR_RUNS] = WHY_NONE,     [PAIR_BOTH_ENDED] = WHY_ENDED,     [PAIR_A_ENDED] = WHY_ENDED,
    [PAIR_B_ENDED] = WHY_ENDED, [PAIR_A_FAILED] = WHY_PEER_FAILED, [PAIR_B_FAILED] = WHY_FAR_FAILED,
    [PAIR_IDLE] = WHY_IDLE,     [PAIR_LIFETIME] = WHY_LIFETIME,    [PAIR_STOPPED] = WHY_STOPPED,
};
static_assert(sizeof of_pair / sizeof *of_pair == PAIR_WHYS, "one row a reason");

enum event_why event_why_of(enum pair_why why)
{
    return of_pair[why];
}

const char *event_why_name(enum event_why why)
{
    return why_names[why];
}

const char *event_kind_name(enum event_kind kind)
{
    return kind_names[kind];
}
