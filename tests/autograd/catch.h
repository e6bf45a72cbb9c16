/* catch.h - what AG_CHECK says, for a test that provokes it. */
#ifndef CATCH_H
#define CATCH_H

/* Runs f(context) and gives the message with which it stopped, or NULL where it returned. The text lives until the next call. */
const char *caught(void (*f)(void *context), void *context);

#endif
