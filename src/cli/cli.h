/* cli.h - what the subcommands share. Only this room prints and ends the program.
 *
 * stdout carries data only; messages and progress go to stderr. A subcommand returns the exit status: 0, 1 a check failed, 64 usage, 65 bad
 * data, 66 no input, 70 internal, 74 input or output, 78 bad configuration, 130 and 143 signals.
 */
#ifndef CLI_H
#define CLI_H

#include "err.h"
#include <argp.h>

struct json;

struct command {
    const char *name, *about;
    int (*run)(int argc, char **argv); /* argv[0] is "nerve NAME" */
};
int command_config(int argc, char **argv);
int command_evaluate(int argc, char **argv);
int command_info(int argc, char **argv);
int command_score(int argc, char **argv);
int command_synth(int argc, char **argv);
int command_train(int argc, char **argv);

/* Prints the message and gives its exit status. */
int cli_fail(const struct err *e);
/* The value goes to stdout, over several lines; it is freed. */
void cli_print_json(struct json *v);
/* An integer from low to high, for an option; else ends the program with a message that names the option. */
long cli_integer(const struct argp_state *state, const char *option, const char *text, long low, long high);

#endif
