/* The sandbox: the table that flow/sandbox finds when it opens this module.
 */
#include <errno.h>
#include <sys/prctl.h>

#include "base/err.h"
#include "modules/sandbox/impl.h"

static int enter(const struct sandbox *s, struct sandbox_done *ret, struct err *e)
{
    struct sandbox_done done = {0};
    int result = capabilities_drop(s, e);
    if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        result = err_set(e, errno, "give up", "new privileges", NULL);
    if (result == 0)
        result = landlock_enter(s, &done.landlock, e);
    if (result == 0)
        result = calls_refuse(&done.seccomp, e);
    if (result == 0)
        *ret = done;
    return result;
}

extern const struct sandbox_module berth_sandbox_module;
__attribute__((visibility("default")))
const struct sandbox_module berth_sandbox_module = {.version = BERTH_VERSION, .enter = enter};
