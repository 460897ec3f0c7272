/* Why a listener can't have its address: who has it, in which state, and the remedy. For TCP and
 * UDP in the words of `explain bind`.
 */
#pragma once
struct err;
struct open_listen;
struct target;

/* Turns the EADDRINUSE of open_listener into words about the holder; other errors, and what can't
 * be found out, stay as they are. */
void in_the_way_explain(struct err *e, const struct target *t, const struct open_listen *how);
