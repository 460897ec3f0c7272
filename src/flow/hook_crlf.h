/* A line feed becomes a carriage return and a line feed, as protocols of the Internet want them;
 * one that has its carriage return already stays.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "flow/pump.h"

struct hook_crlf {
    struct pump_hook hook; /* add this to a pump */
    struct buf out;
    bool after_cr;
};

void hook_crlf_init(struct hook_crlf *h);
void hook_crlf_clear(struct hook_crlf *h);
