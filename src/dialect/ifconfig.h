/* What ifconfig shows, which netstat -i shows too. */
#pragma once
#include <stdbool.h>

struct out;

/* The interfaces that are up, or all, as `ifconfig -s`, or in paragraphs. An exit status. */
int ifconfig_table(bool all, bool paragraphs, struct out *out);
