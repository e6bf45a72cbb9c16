/* printable.h - texts of others in lines for a person: one line stays one, and says nothing to a terminal. */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

/* In place: control characters become blanks, bytes that are no UTF-8 question marks. */
void make_printable(char *text);

#endif
