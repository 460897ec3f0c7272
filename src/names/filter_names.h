/* Names in filters, answered by the C library and this host. */
#pragma once
#include "net/filter.h"

/* The callbacks of net/filter.h: hosts by getaddrinfo(3), services, users, devices, and control
 * groups by their path below the cgroup2 mount point ("/system.slice/x.service"), or whole. */
const struct net_filter_names *filter_names(void);
