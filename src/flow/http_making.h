/* One answer being made: its head, words and refusals, which the files of http_answer share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "flow/http_answer.h"

struct http_making {
    const struct http_question *q;
    const struct http_request *r;
    struct buf *out;
    struct http_answer *a;
};

const char *http_making_text(const struct http_making *m, struct http_slice s);

/* The head as far as all answers of a status have it. */
void http_making_start(struct http_making *m, int status);
void http_making_allowed(const struct http_making *m); /* Allow */
void http_making_type(const struct http_making *m, const char *type, bool is_text);
/* Ends the head, and puts the body behind it unless HEAD asked. */
void http_making_body(struct http_making *m, const char *bytes, size_t n);
/* As that, the status in words and why. */
void http_making_words(struct http_making *m, const char *why);

/* Whole answers. */
void http_making_refuse(struct http_making *m, int status, const char *why);
void http_making_refuse_errno(struct http_making *m, int error);
/* http_answer_file.c: 0, or a negative errno as of http_files_open, and nothing is in the buffer.
 */
int http_making_file(struct http_making *m, const char *path);
