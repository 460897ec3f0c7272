/* A command line cut into words, as a shell's simplest rules have it, without a shell: blanks part
 * words; '…' takes everything as it is, "…" too but for \" and \\; a backslash elsewhere takes the
 * next character as it is. Nothing else has a meaning: no variables, no wildcards, no pipes.
 */
#pragma once

/* 0 with an array ended by NULL, one allocation to be freed; it has a word at least. -EINVAL for a
 * quote without its end, a backslash at the end, or no word at all; -ENOMEM. */
int words_split(const char *text, char ***ret);
