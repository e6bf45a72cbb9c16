/* common.c - the options that every subcommand has. */
#include "cli.h"
#include "log.h"
#include "sink.h"
#include <stdlib.h>

enum { KEY_LOG_FILE = 0x100 };

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct err e = {0};
    (void)state;
    switch (key) {
    case 'q':
        sink_set_level(LOG_WARNING);
        return 0;
    case 'v':
        sink_set_level(LOG_DEBUG);
        return 0;
    case KEY_LOG_FILE:
        if (log_open_file(LOG_FILE_USER, text, &e)) exit(cli_fail(&e));
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option OPTIONS[] = {
    {.name = "quiet", .key = 'q', .doc = "show warnings and errors only, no progress"},
    {.name = "verbose", .key = 'v', .doc = "show debug lines too"},
    {.name = "log-file", .key = KEY_LOG_FILE, .arg = "FILE", .doc = "append every log line to FILE, with the time"},
    {0},
};
static const struct argp ARGP = {.options = OPTIONS, .parser = parse};
const struct argp_child CLI_COMMON[] = {{.argp = &ARGP, .header = "Messages:", .group = 1}, {0}};
