/* Facts in a file: a host at one moment as JSON, written and read back.
 *
 * The form is versioned (docs/facts.md). A key that is missing or null is absent; one that is named
 * in its object's "not_permitted" array is forbidden. Numbers above 2^63-1 are written as strings.
 * What is read is not trusted: every value is checked for its type, length and range, and unknown
 * keys are passed over.
 */
#pragma once

struct err;
struct facts;

enum { FACTS_VERSION = 1, FACTS_FILE_MAX = 1 << 30 };

/* Writes a new file beside path, or beside what a link at path leads to, and moves it there when it
 * is whole. What is there and no regular file, a pipe or a device, is written to; "-" is standard
 * output. 0, or a negative errno with *e filled. */
int facts_save(const char *path, const struct facts *f, struct err *e);
/* Reads into initialized, empty facts; "-" is standard input. On failure the facts may be half
 * filled: clear them. 0, or a negative errno with *e filled. */
int facts_load(const char *path, struct facts *f, struct err *e);

/* The same on a text in memory, for tests and fuzzing. */
struct buf;
void facts_write(struct buf *out, const struct facts *f);
int facts_read(const char *text, unsigned long n, struct facts *f, struct err *e);
