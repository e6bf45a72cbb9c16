/* A program that the hardening test looks into: an array on the stack, filled by a copy of unknown size. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char name[64];
    memcpy(name, argv[0], strlen(argv[0]) + (size_t)argc);
    puts(name);
    return 0;
}
