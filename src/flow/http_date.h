/* Dates of HTTP (RFC 9110 5.6.7): one form is written, three are read. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { HTTP_DATE_LENGTH = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT", without a NUL. Seconds since 1970; what is before 1970 or after
 * 9999 is written as the nearest that can be. */
void http_date_format(int64_t time_s, char ret[HTTP_DATE_LENGTH]);
/* That form, "Sunday, 06-Nov-94 08:49:37 GMT" and "Sun Nov  6 08:49:37 1994". A year of two digits
 * is the one nearest to now_s that isn't more than 50 years ahead. 0 or -EINVAL. */
int http_date_parse(const char *bytes, size_t n, int64_t now_s, int64_t *ret);
