/* What /proc tells of a descriptor of another process, beyond which file it is.
 *
 * Each is a look at one descriptor (proc_pid_fdinfo(5)), and it may be gone by then: ENOENT and
 * ESRCH are ordinary answers.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct hash;

/* How it was opened: O_RDWR and others of fcntl.h, O_CLOEXEC among them. 0 or a negative errno. */
int descriptor_flags(int32_t pid, int32_t fd, uint32_t *ret);
/* Whether it is a socket: 0, -ENOTSOCK, -ESRCH for a process that isn't there, -ENOENT for a
 * descriptor, -EACCES where that may not be seen, or another negative errno. */
int descriptor_socket(int32_t pid, int32_t fd);
/* The protocol that the socket was made for, in the kernel's word ("TCP", "UNIX-STREAM"): the
 * extended attribute system.sockprotoname (net/socket.c). 0 or a negative errno. */
int descriptor_protocol(int32_t pid, int32_t fd, char *ret, size_t size);

/* Adds, by inode, the numbers that /proc/net/unix gives UNIX sockets of the thread's network
 * namespace in its first column: hashes of their addresses in the kernel (or zeroes), not these. 0
 * or a negative errno. */
int descriptor_unix_numbers(struct hash *ret);
/* Adds, by inode, the types (SOCK_RAW, SOCK_DGRAM) of packet sockets there, by /proc/net/packet. */
int descriptor_packet_types(struct hash *ret);

/* Parsers of these texts. The flags: -EINVAL if there are none. Of the lists, lines are cut in
 * place, what reads otherwise is passed by; -ENOMEM. */
int descriptor_parse_flags(const char *text, uint32_t *ret);
int descriptor_parse_unix(char *text, struct hash *ret);
int descriptor_parse_packet(char *text, struct hash *ret);
