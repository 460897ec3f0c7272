/* The commands, one a file of this folder; src/commands.c puts them into the program's table. */
#pragma once
#include "cli/command.h"

extern const struct command command_connect;
extern const struct command command_doctor;
extern const struct command command_explain_bind;
extern const struct command command_explain_connect;
extern const struct command command_explain_socket;
extern const struct command command_free;
extern const struct command command_interfaces;
extern const struct command command_list;
extern const struct command command_listen;
extern const struct command command_relay;
extern const struct command command_resolve;
extern const struct command command_scan;
extern const struct command command_serve;
extern const struct command command_services;
extern const struct command command_who;
