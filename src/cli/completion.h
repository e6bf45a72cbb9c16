/* completion.h - what stands where on a command line, read off the table of commands, for the scripts of three shells. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli.h"
#include "config.h"

/* What an argument may be, by the name that the help gives it: words in lower case stand for themselves, DIR and FOLDER are directories,
 * KEY=VALUE sets a key of the configuration, a single letter is a number, and any other name is a file. Bars stand between alternatives,
 * as in "minilm|bert-base|FOLDER". */
struct place {
    char name[64];   /* as in the help, without brackets and dots */
    char words[256]; /* with blanks between */
    bool files, directories, keys;
    bool repeats; /* "...": everything behind is the same */
};
struct place place_of_option(const struct argp_option *o); /* of one that takes an argument */

/* Every place for an argument that the lines of args_doc name. place counts from 0; where the command has actions, 0 is the action itself
 * and is not visited. action is NULL where it has none. */
typedef void (*place_visit)(const struct command *c, const char *action, int place, const struct place *p);
void each_place(const struct command *c, place_visit visit);

bool option_has_letter(const struct argp_option *o);
/* What may stand behind KEY=; a text may be a file. */
const char *const *words_of_key(const struct config_key *k); /* NULL where it is no word of some; ends with NULL */

void print_list(const char *const *words); /* with blanks between */

void completion_bash(void);
void completion_zsh(void);
void completion_fish(void);

#endif
