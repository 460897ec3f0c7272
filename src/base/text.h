/* Text that came from elsewhere, made fit for a terminal.
 *
 * Names of processes, paths of sockets and bytes of peers may hold anything. What goes to people
 * passes through text_escape: control characters (C0, DEL, C1) and bytes that are not UTF-8 become
 * \xNN, a backslash becomes \\, everything else stays.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct buf;

void text_escape(struct buf *out, const char *bytes, size_t n);
/* How many bytes at the front every output writes as they are: printable ASCII without '"' and
 * '\\'. Nearly all text is so to its end. */
size_t text_plain_length(const char *bytes, size_t n);
/* Columns on a terminal that n bytes of UTF-8 take: combining marks 0, East Asian wide 2, else 1;
 * invalid bytes count 1 each. No locale is asked. */
size_t text_width(const char *bytes, size_t n);
/* Decodes one UTF-8 character; its length, or 0 if the bytes at the front are not a valid one. */
size_t text_decode_utf8(const char *bytes, size_t n, unsigned *ret_char);
/* Control characters (C0, DEL, C1), and those that reorder or hide what stands beside them. */
bool text_is_unsafe(unsigned c);

/* Bytes of any kind as valid UTF-8, and back, losing nothing. A byte that is not part of valid
 * UTF-8 becomes the private character U+EF00 + byte (U+EF80 … U+EFFF); text that holds one of
 * these characters itself is taken for such bytes, so that the way back is unambiguous. Nearly all
 * text is UTF-8 and stays as it is. JSON and CSV carry texts so. */
void text_to_utf8(struct buf *out, const char *bytes, size_t n);
void text_from_utf8(struct buf *out, const char *utf8, size_t n);
/* Decodes one character as text_to_utf8 writes it: never fails, n must not be 0. */
size_t text_decode_any(const char *bytes, size_t n, unsigned *ret_char);
void text_encode_utf8(struct buf *out, unsigned c);
