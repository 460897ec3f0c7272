/* What the files of the socket options share. */
#pragma once
#include "net/sockopt.h"

struct sockopt_row {
    const char *name;
    enum sockopt_type type;
    uint64_t min, max; /* of the number in the unit of the option; of a text's length */
};

const struct sockopt_row *sockopt_row(enum sockopt o);
