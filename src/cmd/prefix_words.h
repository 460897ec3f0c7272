/* --allow and --deny: addresses and prefixes in words, or in files.
 */
#pragma once
struct command;
struct flow_events;
struct vec;

/* words: const char *; "@FILE" stands for the lines of a file, in which # begins a comment. *to
 * gets struct net_prefix. 0, or an exit status after a message. */
int prefix_words_read(const struct command *c, struct vec *to, const struct vec *words,
                      const char *option, const struct flow_events *events);
