/* From a request to its answer: what a site says to it.
 *
 * Heads, and bodies that are small, are put into a buffer; of larger ones the answer tells what of
 * which file follows. Nothing is sent here.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "flow/http_date.h"
#include "flow/http_files.h"
#include "flow/http_parse.h"
#include "flow/http_reply.h"
#include "flow/http_site.h"

struct buf;
struct http_upload;

enum { HTTP_SMALL = 16384 }; /* up to this a body is read and sent with its head */

/* What is asked, and by whom. */
struct http_question {
    const struct http_site *site;
    struct http_files *files;
    const struct http_request *request;
    const char *base; /* of the request's slices */
    int64_t now_s;
    const char *date; /* of now, as http_date_format writes it */
    bool ending;      /* the connection will be closed after this */
};

struct http_answer {
    int status;
    bool close;             /* nothing after this is to be heard */
    const char *user;       /* who proved to be whom; NULL */
    uint64_t length;        /* of the body, as far as it is in the buffer */
    struct http_file *file; /* then bytes at … end - 1 of it; NULL: nothing follows */
    uint64_t at, end;
    struct http_parts *parts;   /* then, if not NULL, what http_parts_next says: to be freed */
    struct http_upload *upload; /* the body goes there, then http_answer_uploaded; NULL: dropped */
    bool created;
};

void http_answer(const struct http_question *q, struct buf *out, struct http_answer *ret);
/* After the body of an upload: error 0, or a negative errno, or a status to refuse it by. Frees the
 * upload. */
void http_answer_uploaded(const struct http_question *q, int error, struct buf *out,
                          struct http_answer *a);
/* An answer of words alone, for what is no request: it closes. */
void http_answer_fault(int status, const char *why, const char *date, struct buf *out,
                       struct http_answer *ret);
/* Frees what the answer holds. */
void http_answer_clear(struct http_answer *a);
