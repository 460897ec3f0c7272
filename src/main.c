/* berth: opens, lists and explains the sockets of a Linux host. */
#include "cli/command.h"

int main(int argc, char **argv)
{
    return command_main(&program_berth, argc, argv);
}
