/* What another program prints of the kernel's state, as nft(8) does of the firewall: run without a
 * shell, in an environment of its own, in the calling thread's network namespace.
 */
#pragma once

struct buf;

/* Room for the rules of a large host. */
enum { LISTING_MAX = 16 << 20 };

/* command: a path and its words, ended by NULL. Appends its standard output. 0; -ENOENT where it
 * isn't installed; -EPERM where it fails; or another negative errno. */
int listing_read(const char *const *command, struct buf *into);
