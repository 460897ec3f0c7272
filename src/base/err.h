/* An error that can explain itself.
 *
 * Library code returns 0 or a negative errno. A function that can say more also fills a
 * `struct err`; only the program prints it, once (err_print). The pieces are kept apart, so that
 * JSON can carry them and a caller can add a hint that the callee could not know.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

struct buf;

struct err {
    int code;          /* errno value, positive; 0: none */
    char op[64];       /* what failed, as the words after "cannot": "listen on" */
    char subject[192]; /* what it failed on, in the user's own words; may be empty */
    char hint[320];    /* cause and remedy, one clause; may be empty */
    bool worded;       /* the hint is the whole message: the errno only comes near it */
};

/* Fills *e (which may be NULL) and returns -code, so that callers can `return err_set(…)`.
 * hint_format may be NULL. Longer texts are cut. */
int err_set(struct err *e, int code, const char *op, const char *subject, const char *hint_format,
            ...) __attribute__((format(printf, 5, 6)));

/* The same where no errno says it (getaddrinfo's codes, a protocol's): the words stand in its
 * place, and the code is the nearest there is. */
int err_word(struct err *e, int code, const char *op, const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The errno's symbol ("EADDRINUSE"), or "E<number>" in a static thread-local text. */
const char *err_name(int code);

/* "cannot OP 'SUBJECT': message (hint)", or the hint alone if it is `worded`; control characters
 * escaped. */
void err_format(struct buf *out, const struct err *e);
/* The same as a line: "berth: …\n". */
void err_print(const struct err *e, FILE *out);

/* Any other line of talk: "berth: TEXT\n" on stderr, control characters escaped, cut at 4 KiB. */
void err_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
