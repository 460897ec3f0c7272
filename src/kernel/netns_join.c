#include "kernel/netns_join.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/netns.h"
#include "kernel/source.h"

/* The folder of a namespace's own files; false if it has no name, or no such folder. */
static bool find_files(const char *text, char *ret, size_t size)
{
    char named[PATH_MAX];
    struct stat st;
    if (!*text || *text == '.' || strchr(text, '/') ||
        (size_t)snprintf(named, sizeof named, "/run/netns/%s", text) >= sizeof named ||
        (size_t)snprintf(ret, size, "/etc/netns/%s", text) >= size)
        return false;
    return stat(named, &st) == 0 && stat(ret, &st) == 0 && S_ISDIR(st.st_mode);
}

static int mount_file(const char *folder, const char *name)
{
    char from[PATH_MAX], to[PATH_MAX];
    if ((size_t)snprintf(from, sizeof from, "%s/%s", folder, name) >= sizeof from ||
        (size_t)snprintf(to, sizeof to, "/etc/%s", name) >= sizeof to)
        return -ENAMETOOLONG;
    return mount(from, to, "none", MS_BIND, NULL) < 0 ? -errno : 0;
}

/* Mounts from outside still arrive here; none of ours goes out. */
static int leave_mount_namespace(void)
{
    if (unshare(CLONE_NEWNS) < 0)
        return -errno;
    return mount("", "/", "none", MS_SLAVE | MS_REC, NULL) < 0 ? -errno : 0;
}

static int mount_files(const char *folder, struct source_report *report)
{
    const struct dirent *entry;
    DIR *d = opendir(folder);
    if (!d)
        return -errno;
    int r = leave_mount_namespace();
    while (r == 0 && (entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int error = mount_file(folder, entry->d_name);
        if (error < 0)
            source_report_note(report, error == -EPERM, "%s/%s can't take the place of /etc/%s: %s",
                               folder, entry->d_name, entry->d_name, strerror(-error));
    }
    closedir(d);
    return r;
}

int netns_join(const char *text, struct source_report *report, struct err *e)
{
    char folder[PATH_MAX];
    struct netns_visit visit;
    _cleanup_fd_ int fd = netns_open(text, e);
    if (fd < 0)
        return fd;
    int r = netns_enter(&visit, fd, e);
    if (r < 0)
        return r;
    fd_close(&visit.home); /* no way back */
    if (!find_files(text, folder, sizeof folder))
        return 0;
    r = mount_files(folder, report);
    return r < 0 ? err_set(e, -r, "use the files of", folder, NULL) : 0;
}
