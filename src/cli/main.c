/* main.c - finds the subcommand, and takes care of stdout: what cannot be written is an error, not a silence. */
#include "ag.h"
#include "cli.h"
#include "json.h"
#include "machine.h"
#include "nearest.h"
#include "sink.h"
#include "waiting.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_fail(const struct err *e)
{
    sink_clear();
    fprintf(stderr, "nerve: %s\n", e->text);
    return -e->code;
}

void cli_print_json(struct json *v)
{
    char *text = json_dump(v, 2);
    puts(text);
    free(text);
    json_free(v);
}

long cli_integer(const struct argp_state *state, const char *option, const char *text, long low, long high)
{
    char *end;
    errno = 0;
    long x = strtol(text, &end, 10);
    if (errno || end == text || *end || x < low || x > high)
        argp_error(state, "%s: expected an integer from %ld to %ld, found '%s'", option, low, high, text);
    return x;
}

double cli_share(const struct argp_state *state, const char *option, const char *text)
{
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end || !(x >= 0 && x <= 1)) argp_error(state, "%s: expected a number from 0 to 1, found '%s'", option, text);
    return x;
}

/* At every exit, also argp's: only a checked close says that the data are out. A reader that went away knows it already. */
static void close_stdout(void)
{
    bool failed = ferror(stdout);
    if (fclose(stdout) == 0 && !failed) return;
    if (errno != EPIPE) fprintf(stderr, "nerve: cannot write to stdout: %s\n", strerror(errno));
    _exit(-ERR_IO);
}

static _Noreturn void panic(const char *message)
{
    sink_clear();
    fprintf(stderr, "nerve: internal error: %s\n", message);
    _exit(-ERR_INTERNAL);
}

/* A file must never get the number of a standard stream that the caller closed, or messages would go into it. /dev/null is opened the
 * other way round, so that using the stream still fails. */
static void keep_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) _exit(-ERR_INTERNAL);
}

static void print_help(FILE *f)
{
    fprintf(f, "Usage: nerve COMMAND [ARGUMENT...]\n\nNamed entity recognition, trained and run natively.\n\n");
    for (int i = 0; COMMANDS[i]; i++) fprintf(f, "  %-10s %s\n", COMMANDS[i]->name, COMMANDS[i]->about);
    fprintf(f,
            "\n`nerve COMMAND --help` describes a command with examples; `nerve --version`\n"
            "prints the version. Data go to stdout, messages to stderr.\n"
            "Exit status: %s.\n",
            CLI_EXIT_STATUS);
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (; COMMANDS[n]; n++) names[n] = COMMANDS[n]->name;
    const char *meant = name[0] == '-' ? NULL : nearest_word(name, names, n);
    fprintf(stderr, "nerve: unknown %s '%s'", name[0] == '-' ? "option" : "command", name);
    if (meant)
        fprintf(stderr, ": did you mean '%s'?\n", meant);
    else
        fprintf(stderr, "; `nerve --help` lists what there is\n");
    return -ERR_USAGE;
}

int main(int argc, char **argv)
{
    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write() then, as a full disk is */
    atexit(close_stdout);
    ag_set_panic_handler(panic);
    sink_start();
    if (argc < 2) {
        print_help(stderr);
        return -ERR_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("nerve %s\n", machine_version());
        return 0;
    }
    for (int i = 0; COMMANDS[i]; i++) {
        char name[64];
        if (strcmp(argv[1], COMMANDS[i]->name) != 0) continue;
        wait_briefly(argv);
        snprintf(name, sizeof name, "nerve %s", COMMANDS[i]->name);
        argv[1] = name;
        int status = COMMANDS[i]->run(argc - 1, argv + 1);
        sink_clear();
        return status;
    }
    return unknown_command(argv[1]);
}
