/* Files and TCP ports, by Landlock (landlock(7)): whatever a newer kernel can restrict is
 * restricted there, and left out where it can't be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "modules/sandbox/impl.h"

/* What came after ABI 2, for older headers: include/uapi/linux/landlock.h. */
struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};
struct port_attr {
    uint64_t allowed_access;
    uint64_t port;
};
enum { RULE_PORT = 2 }; /* LANDLOCK_RULE_NET_PORT */
#define ACCESS_FS_TRUNCATE         (1ULL << 14)
#define ACCESS_FS_IOCTL_DEV        (1ULL << 15)
#define ACCESS_NET_BIND_TCP        (1ULL << 0)
#define ACCESS_NET_CONNECT_TCP     (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL               (1ULL << 1)

#define ACCESS_FS_FIRST (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1) /* all of ABI 1 */
#define ACCESS_FS_OF_FILES                                                                       \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
     ACCESS_FS_TRUNCATE | ACCESS_FS_IOCTL_DEV)

enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPES = 6 };

static uint64_t handled_files(int abi)
{
    return ACCESS_FS_FIRST | (abi >= ABI_REFER ? LANDLOCK_ACCESS_FS_REFER : 0) |
           (abi >= ABI_TRUNCATE ? ACCESS_FS_TRUNCATE : 0) |
           (abi >= ABI_IOCTL ? ACCESS_FS_IOCTL_DEV : 0);
}

static uint64_t access_of(unsigned rights)
{
    uint64_t access = 0;
    if (rights & SANDBOX_READ)
        access |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (rights & (SANDBOX_WRITE | SANDBOX_CREATE))
        access |= LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE;
    if (rights & SANDBOX_CREATE)
        access |= LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                  LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_READ_DIR;
    if (rights & SANDBOX_REMOVE)
        access |= LANDLOCK_ACCESS_FS_REMOVE_FILE;
    if (rights & SANDBOX_DEVICE)
        access |= ACCESS_FS_IOCTL_DEV;
    return access;
}

static int allow_fd(int ruleset, int fd, unsigned rights, uint64_t handled)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    struct landlock_path_beneath_attr beneath = {.allowed_access = access_of(rights) & handled,
                                                 .parent_fd = fd};
    if (!S_ISDIR(st.st_mode))
        beneath.allowed_access &= ACCESS_FS_OF_FILES;
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0
               ? -errno
               : 0;
}

static int allow_place(int ruleset, const struct sandbox_place *place, uint64_t handled)
{
    if (!place->path)
        return allow_fd(ruleset, place->fd, place->rights, handled);
    _cleanup_fd_ int fd = open(place->path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : allow_fd(ruleset, fd, place->rights, handled);
}

static int allow_places(int ruleset, const struct sandbox *s, uint64_t handled)
{
    static const struct sandbox_place always[] = {
        {.path = "/dev/null", .rights = SANDBOX_READ | SANDBOX_WRITE},
        {.path = "/proc", .rights = SANDBOX_READ},
    };
    int result = 0;
    for (size_t i = 0; i < (SANITIZED ? 2 : 1) && result == 0; i++)
        result = allow_place(ruleset, &always[i], handled);
    if (result == -ENOENT) /* in a bare chroot there is none, and nobody misses it */
        result = 0;
    for (size_t i = 0; i < s->places.len && result == 0; i++)
        result = allow_place(ruleset, vec_at(&s->places, i), handled);
    return result;
}

static int allow_ports(int ruleset, const struct sandbox *s)
{
    for (size_t i = 0; i < s->ports.len; i++) {
        struct port_attr a = {.allowed_access = ACCESS_NET_CONNECT_TCP,
                              .port = *(const uint16_t *)vec_at(&s->ports, i)};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &a, 0) < 0)
            return -errno;
    }
    return 0;
}

static int make_ruleset(const struct sandbox *s, int abi, struct ruleset_attr *ret)
{
    *ret = (struct ruleset_attr){.handled_access_fs = handled_files(abi)};
    if (abi >= ABI_NET)
        ret->handled_access_net = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
    if (abi >= ABI_SCOPES)
        ret->scoped = SCOPE_SIGNAL | (s->speaks_abstract ? 0 : SCOPE_ABSTRACT_UNIX_SOCKET);
    size_t size = abi >= ABI_SCOPES ? sizeof *ret
                  : abi >= ABI_NET  ? offsetof(struct ruleset_attr, scoped)
                                    : offsetof(struct ruleset_attr, handled_access_net);
    long fd = syscall(SYS_landlock_create_ruleset, ret, size, 0);
    return fd < 0 ? -errno : (int)fd;
}

int landlock_enter(const struct sandbox *s, int *ret_abi, struct err *e)
{
    static const char what[] = "what isn't needed";
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi <= 0)
        return 0; /* ENOSYS, EOPNOTSUPP: not there, or not switched on */
    struct ruleset_attr attr;
    _cleanup_fd_ int ruleset = make_ruleset(s, (int)abi, &attr);
    int result = ruleset < 0 ? ruleset : allow_places(ruleset, s, attr.handled_access_fs);
    if (result == 0 && attr.handled_access_net)
        result = allow_ports(ruleset, s);
    if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        result = -errno;
    if (result < 0)
        return err_set(e, -result, "refuse by Landlock", what, NULL);
    *ret_abi = (int)abi;
    return 0;
}
