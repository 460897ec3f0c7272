/* Numbers as nc reads them: strtoll's, decimal, the whole word. */
#pragma once

/* NULL, or what is wrong with it in nc's words: "invalid", "too small", "too large". */
const char *nc_number(const char *word, long long min, long long max, long long *ret);
