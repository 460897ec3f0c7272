/* Text that came from elsewhere, made fit for a terminal.
 *
 * Names of processes, paths of sockets and bytes of peers may hold anything. What goes to people
 * passes through text_escape: control characters (C0, DEL, C1) and bytes that are not UTF-8 become
 * \xNN, a backslash becomes \\, everything else stays.
 */
#pragma once
#include <stddef.h>

struct buf;

void text_escape(struct buf *out, const char *bytes, size_t n);
/* Columns on a terminal that n bytes of UTF-8 take: combining marks 0, East Asian wide 2, else 1;
 * invalid bytes count 1 each. No locale is asked. */
size_t text_width(const char *bytes, size_t n);
/* Decodes one UTF-8 character; its length, or 0 if the bytes at the front are not a valid one. */
size_t text_decode_utf8(const char *bytes, size_t n, unsigned *ret_char);
