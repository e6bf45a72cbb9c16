/* terminal.h - what a terminal gets to see. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* fd is a terminal that can redraw a line: TERM is set and not "dumb". */
bool terminal_can_draw(int fd);
/* Where colours were asked for: NO_COLOR is not set or empty, and fd is no terminal that cannot show them. */
bool terminal_colours(int fd);
/* Texts of strangers must not steer a terminal: a control character is shown as U+FFFD, but for TAB. */
void terminal_put(FILE *out, const char *text, size_t size);

#endif
