/* What the caller lacks who may not see or end something, as a hint: no advice that it has followed
 * already. Each fits behind "(" and ": ", and is static. */
#pragma once

/* Processes, and what belongs to them: "run as root", "root lacks CAP_SYS_PTRACE here" … */
const char *privilege_to_see(void);
/* A process that may be seen. */
const char *privilege_to_end(void);
