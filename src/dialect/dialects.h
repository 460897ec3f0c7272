/* The old tongues: command lines of nc, netstat, lsof and ifconfig, each translated for the parts
 * that berth's own commands use. One file a tongue gives its command; src/commands.c puts it into
 * the table. Parsing and wording are theirs, the originals' to the letter; the work isn't.
 */
#pragma once
#include "cli/command.h"

extern const struct command command_nc;
extern const struct command command_lsof;
extern const struct command command_ifconfig;
extern const struct command command_netstat;
