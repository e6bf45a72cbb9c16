/* commands.c - the table of subcommands; a new one is a row here. Help, completions and the manual are made from it. */
#include "cli.h"

extern const struct command COMMAND_TRAIN, COMMAND_EVALUATE, COMMAND_PREDICT, COMMAND_EXPORT, COMMAND_FEATURES, COMMAND_SCORE,
    COMMAND_REPORT, COMMAND_SYNTH, COMMAND_CONFIG, COMMAND_INFO, COMMAND_DATA, COMMAND_BENCH, COMMAND_ABLATE, COMMAND_COMPLETION,
    COMMAND_MANUAL;

/* In the order of a user's work: examples in their help use what those above have made. */
const struct command *const COMMANDS[] = {
    &COMMAND_SYNTH,   &COMMAND_DATA,       &COMMAND_TRAIN,    &COMMAND_EVALUATE,
    &COMMAND_PREDICT, &COMMAND_EXPORT,     &COMMAND_FEATURES, &COMMAND_SCORE,
    &COMMAND_REPORT,  &COMMAND_ABLATE,     &COMMAND_CONFIG,   &COMMAND_INFO,
    &COMMAND_BENCH,   &COMMAND_COMPLETION, &COMMAND_MANUAL,   NULL,
};

const char CLI_EXIT_STATUS[] = "0 done, 1 a check failed, 64 usage, 65 bad data, 66 no input,\n"
                               "70 internal error, 74 input or output, 78 bad configuration, 130 or 143 stopped\n"
                               "by a signal";

static void each_option(const struct command *c, const struct argp *argp, cli_option_visit visit, void *context)
{
    for (const struct argp_option *o = argp->options; o && (o->name || o->key); o++) visit(context, c, o);
    for (const struct argp_child *child = argp->children; child && child->argp; child++) each_option(c, child->argp, visit, context);
}

void cli_each_option(const struct command *c, cli_option_visit visit, void *context)
{
    each_option(c, c->argp, visit, context);
}
