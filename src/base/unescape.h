/* Escapes in words of the user, as printf(1) knows them: \n \r \t \0 \a \b \e \f \v \\ \" \',
 * \NNN (up to three octal digits), \xHH (up to two hexadecimal ones), \uHHHH and \UHHHHHHHH (a
 * character, as UTF-8). Anything else behind a backslash is a fault, so that C:\dir isn't changed
 * silently.
 */
#pragma once

struct buf;

/* Appends what the text stands for, which may hold any bytes. 0, or -EINVAL; *ret_bad (which may be
 * NULL) then points at the faulty backslash in the text. */
int text_unescape(struct buf *out, const char *text, const char **ret_bad);
