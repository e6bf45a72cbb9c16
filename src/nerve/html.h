/* html.h - text that comes from files, made harmless for a page. */
#ifndef NERVE_HTML_H
#define NERVE_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Writes text [size] with & < > " ' as references. Bytes that are not UTF-8, and control characters but tab and line end, become U+FFFD. */
void html_write(FILE *out, const char *text, size_t size);
void html_write_string(FILE *out, const char *text);

/* Bytes as they stand in a data: address (RFC 4648). */
void html_write_base64(FILE *out, const void *data, size_t size);

#endif
