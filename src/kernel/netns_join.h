/* Becoming a process of another network namespace, for good, as `ip netns exec` makes one. */
#pragma once

struct err;
struct source_report;

/* Goes into the namespace that text means (as netns_open reads it). If that is its name, the files
 * of /etc/netns/NAME are mounted over those of the same name in /etc, seen by this process alone;
 * of one that can't be, a note is made, as ip-netns(8) goes on too. /sys stays as it is, unlike
 * there: nothing is read from it. To be called before the C library has read any of these files.
 * 0, or a negative errno with *e filled. */
int netns_join(const char *text, struct source_report *report, struct err *e);
