/* System calls, by libseccomp: those that nothing here makes once all is open, and that are of use
 * to somebody who took the program over.
 *
 * Calls are refused one by one rather than allowed one by one: the C library and OpenSSL make
 * others from version to version, and a program that fails in next year's Debian protects nobody.
 * EPERM, not a killed process: what wasn't foreseen is an error that gets told.
 */
#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/err.h"
#include "modules/sandbox/impl.h"

/* By name: what this machine hasn't got is passed over. */
static const char *const refused[] = {
    /* other programs, and their memory */
    "execve",
    "execveat",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    "pidfd_send_signal",
    "memfd_secret",
    "userfaultfd",
    /* who we are */
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "setns",
    "unshare",
    "personality",
    "chroot",
    "pivot_root",
    /* what is mounted */
    "mount",
    "umount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    /* files by other ways than their names, and of other kinds */
    "open_by_handle_at",
    "name_to_handle_at",
    "mknod",
    "mknodat",
    "fanotify_init",
    "quotactl",
    "quotactl_fd",
    /* rings that make calls unseen (io_uring), programs in the kernel, its counters */
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "bpf",
    "perf_event_open",
    "lookup_dcookie",
    /* the machine */
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "sethostname",
    "setdomainname",
    "acct",
    "syslog",
    "vhangup",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "iopl",
    "ioperm",
    "modify_ldt",
    "vm86",
    "vm86old",
    "nfsservctl",
    /* keys */
    "add_key",
    "request_key",
    "keyctl",
};

/* What the leak checker of a sanitizer does. */
static const char *const refused_unless_sanitized[] = {"ptrace", "fork", "vfork"};

static int refuse(scmp_filter_ctx filter, const char *name, int error)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number < 0)
        return 0;
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), number, 0);
}

/* Threads may be made, processes not. The flags of clone3 lie in memory, which seccomp doesn't see:
 * without it the C library takes clone. */
static int refuse_processes(scmp_filter_ctx filter)
{
    int result = refuse(filter, "clone3", ENOSYS);
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    return result;
}

/* Bytes put into a terminal as if they had been typed there. */
static int refuse_typing(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCSTI));
}

static int refuse_all(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused && result == 0; i++)
        result = refuse(filter, refused[i], EPERM);
    for (size_t i = 0; i < sizeof refused_unless_sanitized / sizeof *refused_unless_sanitized; i++)
        if (result == 0 && !SANITIZED)
            result = refuse(filter, refused_unless_sanitized[i], EPERM);
    if (result == 0 && !SANITIZED)
        result = refuse_processes(filter);
    return result == 0 ? refuse_typing(filter) : result;
}

int calls_refuse(bool *ret, struct err *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(e, ENOMEM, "refuse by seccomp", "what isn't needed", NULL);
    int result = refuse_all(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    *ret = result == 0;
    /* -EINVAL and -ECANCELED: a kernel without it (seccomp_load(3)), or a container's filter that
     * doesn't let us add one. */
    if (result == 0 || result == -EINVAL || result == -ECANCELED || result == -ENOSYS)
        return 0;
    return err_set(e, -result, "refuse by seccomp", "what isn't needed", NULL);
}
