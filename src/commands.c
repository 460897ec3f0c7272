/* The table of commands: a new one is one row here, one file in src/cmd, one man page and one file
 * of tests. Nothing else names them all.
 */
#include "cmd/commands.h"
#include "dialect/dialects.h"

/* clang-format off */
static const struct command *const commands[] = {
    &command_list,
    &command_who,
    &command_free,
    &command_interfaces,
    &command_services,
    &command_resolve,
    &command_listen,
    &command_connect,
    &command_serve,
    &command_relay,
    &command_scan,
    &command_explain_bind,
    &command_explain_connect,
    &command_explain_socket,
    &command_doctor,
    &command_nc,
    &command_lsof,
    &command_netstat,
    &command_ifconfig,
    NULL,
};
/* clang-format on */

const struct program program_berth = {
    .name = "berth",
    .version = BERTH_VERSION,
    .summary = "opens, lists and explains the sockets of a Linux host",
    .commands = commands,
};
