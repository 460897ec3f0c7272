/* From rtnetlink's messages to interfaces: the decoding half of links.h, which does no I/O.
 *
 * The messages are those of rtnetlink(7), RTM_NEWLINK and RTM_NEWADDR; the attributes are in
 * include/uapi/linux/if_link.h and if_addr.h. Nothing in a message is trusted: an attribute that
 * is too short for its type is left out, a text that is too long is cut, an unknown attribute or
 * family is skipped.
 */
#pragma once

struct nlmsghdr;
struct vec;

/* Adds the link of an RTM_NEWLINK, or the address of an RTM_NEWADDR to its link in *links (struct
 * net_iface). The whole message must lie in memory (nlmsg_len bytes). A message of another type,
 * or for a link that isn't there, does nothing. 0, -EBADMSG (too short), -ENOMEM. */
int links_decode(struct vec *links, const struct nlmsghdr *message);
