/* A command line cut into words, without a shell: blanks part them, '…' and "…" hold them together,
 * and a backslash takes the meaning from the next character (inside "…" only from `"` and `\`).
 * Nothing else has a meaning.
 */
#pragma once

/* *ret: the words with NULL behind them, in one piece of memory to be freed. 0, -EINVAL for a quote
 * that isn't closed or no words at all, or -ENOMEM. */
int command_line_cut(const char *text, char ***ret);
