/* completion_bash.c - the script for bash. It is looked up as it runs: what stands before the word at the cursor decides what is offered.
 *
 * readline breaks words at '=' too, and replaces what stands behind the last break.
 */
#include "completion.h"
#include <stdio.h>

/* FILE, DIRECTORY and KEY stand among the words for what bash finds by itself. */
static void print_takes(const struct place *p)
{
    const char *const parts[] = {p->words, p->keys ? "KEY" : "", p->directories ? "DIRECTORY" : "", p->files ? "FILE" : ""};
    const char *before = "";
    printf("takes='");
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        if (!parts[k][0]) continue;
        printf("%s%s", before, parts[k]);
        before = " ";
    }
    printf("' ;;\n");
}

static void print_option(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    if (!o->arg) return;
    const struct place p = place_of_option(o);
    printf("    %s/--%s", c->name, o->name);
    if (option_has_letter(o)) printf(" | %s/-%c", c->name, o->key);
    printf(") ");
    print_takes(&p);
}

static void print_option_names(void *context, const struct command *c, const struct argp_option *o)
{
    (void)context;
    (void)c;
    if (option_has_letter(o)) printf("-%c ", o->key);
    printf("--%s ", o->name);
}

static void print_place(const struct command *c, const char *action, int place, const struct place *p)
{
    if (p->repeats)
        printf("    %s/%s/*) ", c->name, action ? action : "*");
    else
        printf("    %s/%s/%d) ", c->name, action ? action : "*", place);
    print_takes(p);
}

static void print_tables(void)
{
    printf("# What an option takes; it fails for one that takes nothing.\n"
           "_nerve_option() {\n"
           "  case $1/$2 in\n");
    for (int k = 0; COMMANDS[k]; k++) cli_each_option(COMMANDS[k], print_option, NULL);
    printf("    *) return 1 ;;\n  esac\n}\n\n"
           "_nerve_options() {\n"
           "  case $1 in\n");
    for (int k = 0; COMMANDS[k]; k++) {
        printf("    %s) takes='", COMMANDS[k]->name);
        cli_each_option(COMMANDS[k], print_option_names, NULL);
        printf("--help --usage' ;;\n");
    }
    printf("  esac\n}\n\n"
           "# What may stand behind other arguments: the command, the first of them, how many there are.\n"
           "_nerve_argument() {\n"
           "  case $1/$2/$3 in\n");
    for (int k = 0; COMMANDS[k]; k++) {
        if (COMMANDS[k]->actions) {
            printf("    %s//0) takes='", COMMANDS[k]->name);
            print_list(COMMANDS[k]->actions);
            printf("' ;;\n");
        }
        each_place(COMMANDS[k], print_place);
    }
    printf("    *) takes= ;;\n  esac\n}\n\n"
           "# What may stand behind KEY=.\n"
           "_nerve_value() {\n"
           "  case $1 in\n");
    for (int k = 0; k < N_CONFIG_KEYS; k++) {
        if (CONFIG_KEYS[k].type == CONFIG_TEXT) {
            printf("    %s) takes=FILE ;;\n", CONFIG_KEYS[k].name);
        } else if (words_of_key(&CONFIG_KEYS[k])) {
            printf("    %s) takes='", CONFIG_KEYS[k].name);
            print_list(words_of_key(&CONFIG_KEYS[k]));
            printf("' ;;\n");
        }
    }
    printf("    *) takes= ;;\n  esac\n}\n\n"
           "_nerve_keys='");
    for (int k = 0; k < N_CONFIG_KEYS; k++) printf("%s%s=", k ? " " : "", CONFIG_KEYS[k].name);
    printf("'\n\n"
           "_nerve_commands='");
    for (int k = 0; COMMANDS[k]; k++) printf("%s ", COMMANDS[k]->name);
    printf("--help --version'\n\n");
}

static const char SCRIPT[] =
    "_nerve_offer() {\n"
    "  local word words=\n"
    "  for word in $takes; do\n"
    "    case $word in\n"
    "      FILE) compopt -o default ;;\n"
    "      DIRECTORY) compopt -o plusdirs ;;\n"
    "      KEY) words+=\" $_nerve_keys\" ;;\n"
    "      *) words+=\" $word\" ;;\n"
    "    esac\n"
    "  done\n"
    "  COMPREPLY=($(compgen -W \"$words\" -- \"$1\"))\n"
    "  case ${COMPREPLY[0]-} in *=) compopt -o nospace ;; esac\n"
    "}\n\n"
    "_nerve() {\n"
    "  local IFS=$' \\t\\n' word takes= i last command current\n"
    "  local -a words=() said=()\n"
    "  for word in \"${COMP_WORDS[@]:0:COMP_CWORD+1}\"; do\n"
    "    if [[ ${#words[@]} -gt 1 && ($word == = || ${words[-1]} == ?*=) ]]; then words[-1]+=$word; else words+=(\"$word\"); fi\n"
    "  done\n"
    "  last=$((${#words[@]} - 1)) command=${words[1]-} current=${words[-1]}\n"
    "  if ((last == 1)); then\n"
    "    takes=$_nerve_commands\n"
    "  else\n"
    "    for ((i = 2; i < last; i++)); do\n"
    "      case ${words[i]} in\n"
    "        -?*=*) ;;\n"
    "        -?*) if _nerve_option \"$command\" \"${words[i]}\"; then ((++i)); fi ;;\n"
    "        *) said+=(\"${words[i]}\") ;;\n"
    "      esac\n"
    "    done\n"
    "    if ((i > last)); then\n"
    "      : # the argument of the option before\n"
    "    elif [[ $current == -*=* ]]; then\n"
    "      _nerve_option \"$command\" \"${current%%=*}\" || takes=\n"
    "      current=${current#*=}\n"
    "    elif [[ $current == -* ]]; then\n"
    "      _nerve_options \"$command\"\n"
    "    else\n"
    "      _nerve_argument \"$command\" \"${said[0]-}\" \"${#said[@]}\"\n"
    "      if [[ $takes == *KEY* && $current == *=* ]]; then\n"
    "        _nerve_value \"${current%%=*}\"\n"
    "        current=${current#*=}\n"
    "      fi\n"
    "    fi\n"
    "  fi\n"
    "  _nerve_offer \"$current\"\n"
    "}\n\n"
    "complete -F _nerve nerve\n";

void completion_bash(void)
{
    print_tables();
    fputs(SCRIPT, stdout);
}
