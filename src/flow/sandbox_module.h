/* Between flow/sandbox and the module that it opens: nobody else includes this. */
#pragma once
#include "flow/sandbox.h"

#define SANDBOX_MODULE_FILE   "berth-sandbox.so"
#define SANDBOX_MODULE_SYMBOL "berth_sandbox_module"

struct sandbox_module {
    const char *version; /* BERTH_VERSION: both were built together */
    int (*enter)(const struct sandbox *s, struct sandbox_done *ret, struct err *e);
};
