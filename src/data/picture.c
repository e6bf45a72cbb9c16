/* picture.c - see picture.h. */
#include "picture.h"
#include <stdlib.h>

void picture_free(struct picture *p)
{
    free(p->rgb);
    *p = (struct picture){0};
}
