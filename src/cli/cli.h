/* cli.h - what the subcommands share. Only this room prints and ends the program.
 *
 * stdout carries data only; messages and progress go to stderr. A subcommand returns the exit status: 0, 1 a check failed, 64 usage, 65 bad
 * data, 66 no input, 70 internal, 74 input or output, 78 bad configuration, 130 and 143 signals.
 */
#ifndef CLI_H
#define CLI_H

#include "err.h"
#include <argp.h>
#include <stdbool.h>

struct json;

/* One row of the program's table: help, completions and man pages are made from it. */
struct command {
    const char *name, *about;
    const char *const *actions;        /* what the first argument may be, ends with NULL; NULL: it is no action */
    const struct argp *argp;           /* with CLI_COMMON among its children; completion.h says how arguments are named in it */
    int (*run)(int argc, char **argv); /* argv[0] is "nerve NAME" */
};
extern const struct command *const COMMANDS[]; /* fewer than 64; ends with NULL */

/* Every option of a command, CLI_COMMON's too. */
typedef void (*cli_option_visit)(void *context, const struct command *c, const struct argp_option *o);
void cli_each_option(const struct command *c, cli_option_visit visit, void *context);

/* What the exit statuses mean, in words; lines of a page. */
extern const char CLI_EXIT_STATUS[];

/* The options that every subcommand has: --quiet, --verbose, --log-file. */
extern const struct argp_child CLI_COMMON[];

/* Prints the message and gives its exit status. */
int cli_fail(const struct err *e);
/* The value goes to stdout, over several lines; it is freed. */
void cli_print_json(struct json *v);
/* An integer from low to high, for an option; else ends the program with a message that names the option. */
long cli_integer(const struct argp_state *state, const char *option, const char *text, long low, long high);
/* The same for a share or a degree: a number from 0 to 1. */
double cli_share(const struct argp_state *state, const char *option, const char *text);

#endif
