/* What is asked of a UDP port: most services answer only what they understand. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The datagram for a port, *ret_n bytes, never none: some programs take an empty one for the end.
 */
const void *probe_question(uint16_t port, size_t *ret_n);
