/* What the path of a control group says: the systemd unit and the container.
 *
 * Pure text: paths as in /proc/PID/cgroup or below /sys/fs/cgroup, of the unified hierarchy and of
 * the old ones, as systemd (CONTROL_GROUP_INTERFACE), docker, podman, containerd, CRI-O, the
 * kubelet, LXC, nspawn and machined name them. A path that follows none of these names gives none.
 */
#pragma once

struct net_cgroup {
    /* The innermost unit that is no slice, as systemctl(1) writes it: "nginx.service",
     * "getty@tty1.service", "session-4.scope", a user's own "app-x.service"; "" none. */
    char unit[256];
    /* "docker:0123456789ab", "podman:…", "containerd:…", "crio:…", "lxc:NAME", "machine:NAME",
     * "container:…" where the runtime isn't named; in Kubernetes "pod:<uid>/containerd:…", or
     * "pod:<uid>" alone; "" none. Ids of 64 digits are cut to 12, as the runtimes' tools do. */
    char container[160];
};

void net_cgroup_explain(const char *path, struct net_cgroup *ret);
