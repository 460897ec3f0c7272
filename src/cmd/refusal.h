/* Why a connection to an address of this host failed, in the words of `explain connect`: for the
 * commands that connect.
 */
#pragma once
struct endpoint;
struct target;

/* A line on stderr each for who has the port and for what helps; none where that isn't known, or
 * the address is another host's. ep is what the user asked for, error the positive errno. */
void refusal_tell(const struct endpoint *ep, const struct target *t, int error);
