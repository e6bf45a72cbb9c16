#include "terminal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_can_draw(int fd)
{
    const char *kind = getenv("TERM");
    return isatty(fd) && kind && strcmp(kind, "dumb") != 0;
}

bool terminal_colours(int fd)
{
    const char *no_colour = getenv("NO_COLOR");
    return !(no_colour && no_colour[0]) && (!isatty(fd) || terminal_can_draw(fd));
}

void terminal_put(FILE *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool c1 = c == 0xC2 && i + 1 < size && (unsigned char)text[i + 1] < 0xA0;
        if ((c < 0x20 && c != '\t') || c == 0x7F || c1) {
            fputs("\xEF\xBF\xBD", out);
            i += c1;
        } else {
            fputc(c, out);
        }
    }
}
