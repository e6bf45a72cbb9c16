/* panic.c - where AG_CHECK goes: a bug in the caller, or no memory for a step. */
#include "ag.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct catcher {
    jmp_buf back;
    char message[1024];
};
static _Thread_local struct catcher *catcher; /* of the innermost ag_try of this thread */
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
    if (catcher) {
        memcpy(catcher->message, message, sizeof message);
        longjmp(catcher->back, 1);
    }
    if (panic_handler)
        panic_handler(message);
    else
        fprintf(stderr, "%s\n", message);
    abort();
}

int ag_try(void (*run)(void *context), void *context, struct err *e)
{
    struct catcher here, *const outer = catcher;
    if (setjmp(here.back)) {
        catcher = outer;
        return err_set(e, ERR_INTERNAL, "%s", here.message);
    }
    catcher = &here;
    run(context);
    catcher = outer;
    return 0;
}
