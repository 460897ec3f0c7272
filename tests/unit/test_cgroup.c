#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "net/cgroup.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID   "8b7a1d0c-3c7a-4f0e-9a8b-0123456789ab"
#define UID_  "8b7a1d0c_3c7a_4f0e_9a8b_0123456789ab"

/* Paths as they are met on real hosts. */
static const struct {
    const char *path, *unit, *container;
} cases[] = {
    {"/", "", ""},
    {"", "", ""},
    {"/init.scope", "init.scope", ""},
    {"/system.slice/nginx.service", "nginx.service", ""},
    {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", ""},
    {"/system.slice/system-postgresql.slice/postgresql@15-main.service",
     "postgresql@15-main.service", ""},
    {"/system.slice/systemd-udevd.service/udev", "systemd-udevd.service", ""},
    {"/system.slice/dbus.socket", "dbus.socket", ""},
    {"/system.slice/_tasks.service", "tasks.service", ""},
    {"/system.slice/dev-disk-by\\x2duuid-1.swap", "dev-disk-by\\x2duuid-1.swap", ""},
    {"/system.slice/getty@.service", "", ""},
    {"/system.slice/.service", "", ""},
    {"/system.slice", "", ""},
    {"/user.slice/user-1000.slice/session-4.scope", "session-4.scope", ""},
    {"/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope", ""},
    {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/"
     "vte-spawn-7a.scope",
     "vte-spawn-7a.scope", ""},
    {"/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service", "pipewire.service",
     ""},
    {"/../../system.slice/cron.service", "cron.service", ""},

    {"/system.slice/docker-" HEX64 ".scope", "docker-" HEX64 ".scope", "docker:0123456789ab"},
    {"/docker/" HEX64, "", "docker:0123456789ab"},
    {"/docker/" HEX64 "/system.slice/nginx.service", "nginx.service", "docker:0123456789ab"},
    {"/ecs/0f1e2d3c/" HEX64, "", "container:0123456789ab"},
    {"/actions_job/" HEX64, "", "container:0123456789ab"},
    {"/machine.slice/libpod-" HEX64 ".scope", "libpod-" HEX64 ".scope", "podman:0123456789ab"},
    {"/machine.slice/libpod-" HEX64 ".scope/container", "libpod-" HEX64 ".scope",
     "podman:0123456789ab"},
    {"/machine.slice/libpod-conmon-" HEX64 ".scope", "libpod-conmon-" HEX64 ".scope", ""},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX64 ".scope",
     "libpod-" HEX64 ".scope", "podman:0123456789ab"},
    {"/libpod_parent/libpod-" HEX64, "", "podman:0123456789ab"},
    {"/system.slice/nerdctl-" HEX64 ".scope", "nerdctl-" HEX64 ".scope", "containerd:0123456789ab"},
    {"/default/" HEX64, "", "container:0123456789ab"},

    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
     ".slice/cri-containerd-" HEX64 ".scope",
     "cri-containerd-" HEX64 ".scope", "pod:" UID "/containerd:0123456789ab"},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" HEX64
     ".scope/container",
     "crio-" HEX64 ".scope", "pod:" UID "/crio:0123456789ab"},
    {"/kubepods.slice/kubepods-pod" UID_ ".slice/docker-" HEX64 ".scope", "docker-" HEX64 ".scope",
     "pod:" UID "/docker:0123456789ab"},
    {"/kubepods/burstable/pod" UID "/" HEX64, "", "pod:" UID "/container:0123456789ab"},
    {"/kubepods/pod" UID, "", "pod:" UID},
    {"/kubepods/burstable/pod0123456789abcdef0123456789abcdef/crio-" HEX64, "",
     "pod:0123456789abcdef0123456789abcdef/crio:0123456789ab"},
    {"/system.slice/containerd.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" HEX64,
     "containerd.service", "pod:" UID "/containerd:0123456789ab"},
    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
     ".slice/cri-containerd-" HEX64 ".scope",
     "cri-containerd-" HEX64 ".scope", "pod:" UID "/containerd:0123456789ab"},
    {"/kubepods/podcast", "", ""},

    {"/lxc.payload.web1/system.slice/ssh.service", "ssh.service", "lxc:web1"},
    {"/lxc/web2/init.scope", "init.scope", "lxc:web2"},
    {"/lxc.monitor.web1", "", ""},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
     "machine-qemu\\x2d1\\x2dvm.scope", "machine:qemu-1-vm"},
    {"/machine.slice/systemd-nspawn@deb.service/payload/system.slice/cron.service", "cron.service",
     "machine:deb"},
    {"/docker/0123", "", ""},
    {"/docker-" HEX64, "", "docker:0123456789ab"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_cgroup c;
        net_cgroup_explain(cases[i].path, &c);
        if (strcmp(c.unit, cases[i].unit) != 0 || strcmp(c.container, cases[i].container) != 0)
            print_error("path %s\n", cases[i].path);
        assert_string_equal(c.unit, cases[i].unit);
        assert_string_equal(c.container, cases[i].container);
    }
}

static void test_long(void **state)
{
    (void)state;
    char path[1024];
    struct net_cgroup c;
    snprintf(path, sizeof path, "/system.slice/%0400d.service", 0);
    net_cgroup_explain(path, &c);
    assert_string_equal(c.unit, "");
    snprintf(path, sizeof path, "/lxc.payload.%0400d", 0);
    net_cgroup_explain(path, &c);
    assert_int_equal(strlen(c.container), strlen("lxc:") + 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
