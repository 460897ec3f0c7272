/* Threads that nobody waits for: for calls that may hang as long as somebody else likes. */
#pragma once

/* Runs body(arg) detached, and with all signals blocked: they are the main thread's. 0 or a
 * negative errno. */
int thread_leave(void *(*body)(void *), void *arg);
