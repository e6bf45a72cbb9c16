#include "html.h"
#include "utf8.h"
#include <string.h>

static const char *reference(uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0) ? "\xEF\xBF\xBD" : NULL;
    }
}

void html_write(FILE *out, const char *text, size_t size)
{
    for (const char *end = text + size; text < end;) {
        uint32_t c = 0;
        const int length = utf8_decode(text, (size_t)(end - text), &c);
        const char *instead = length ? reference(c) : "\xEF\xBF\xBD";
        if (instead) {
            fputs(instead, out);
        } else {
            fwrite(text, 1, (size_t)length, out);
        }
        text += length ? length : 1;
    }
}

void html_write_string(FILE *out, const char *text)
{
    html_write(out, text, strlen(text));
}

void html_write_base64(FILE *out, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = data;
    for (size_t i = 0; i < size; i += 3) {
        const unsigned left = size - i > 3 ? 3 : (unsigned)(size - i);
        const unsigned x = (unsigned)b[i] << 16 | (left > 1 ? (unsigned)b[i + 1] << 8 : 0) | (left > 2 ? b[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++) fputc(k > left ? '=' : digits[x >> (18 - 6 * k) & 63], out);
    }
}
