#include "printable.h"
#include "utf8.h"
#include <string.h>

void make_printable(char *text)
{
    size_t left = strlen(text);
    for (int n; left > 0; text += n, left -= (size_t)n) {
        uint32_t c;
        n = utf8_decode(text, left, &c);
        if (n == 0) {
            n = 1;
            *text = '?';
        } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
            memset(text, ' ', (size_t)n);
        }
    }
}
