/* panic.c - where AG_CHECK goes: a bug in the caller, or no memory for a step. */
#include "ag.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static ag_panic_handler panic_handler;

void ag_set_panic_handler(ag_panic_handler handler)
{
    panic_handler = handler;
}

_Noreturn void ag_panic(const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (panic_handler)
        panic_handler(message);
    else
        fprintf(stderr, "%s\n", message);
    abort();
}
