#include "catch.h"
#include "ag.h"
#include <setjmp.h>
#include <stdio.h>

static jmp_buf back;
static char text[1024];

static void jump(const char *message)
{
    snprintf(text, sizeof text, "%s", message);
    longjmp(back, 1);
}

const char *caught(void (*f)(void *context), void *context)
{
    ag_set_panic_handler(jump);
    const bool stopped = setjmp(back) != 0;
    if (!stopped) f(context);
    ag_set_panic_handler(NULL);
    return stopped ? text : NULL;
}
