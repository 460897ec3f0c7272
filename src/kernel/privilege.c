#include "kernel/privilege.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/capability.h>

#include "kernel/gather.h"
#include "kernel/procfs.h"

static bool is_root(void)
{
    return geteuid() == 0;
}

static bool has(int capability)
{
    return gather_capabilities() >> capability & 1;
}

const char *privilege_to_see(void)
{
    uint64_t pids = procfs_pid_namespace();
    if (!pids)
        return "/proc is not mounted";
    if (!is_root())
        return "run as root";
    if (!has(CAP_SYS_PTRACE))
        return "root lacks CAP_SYS_PTRACE here";
    if (pids != PROCFS_FIRST_PID_NAMESPACE)
        return "maybe outside this pid namespace";
    /* root of a user namespace, or another security module */
    return "not even by root here: it takes CAP_SYS_PTRACE over every process";
}

const char *privilege_to_end(void)
{
    if (!is_root())
        return "run as root";
    return has(CAP_KILL) ? "it takes CAP_KILL over it, which not even root has here"
                         : "root lacks CAP_KILL here";
}
