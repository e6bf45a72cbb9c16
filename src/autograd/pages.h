/* pages.h - memory from the system itself. What is given back is free for all at once, where malloc keeps blocks of some megabytes for later. */
#ifndef AG_PAGES_H
#define AG_PAGES_H

#include <stddef.h>

enum { AG_LARGE_PAGE = 2 << 20 };

/* bytes > 0, all 0, at a multiple of AG_LARGE_PAGE; a page takes memory once it is touched. NULL where there is none. */
void *ag_pages_map(size_t bytes);
void ag_pages_unmap(void *at, size_t bytes);

/* Asks for large pages wherever one fits into the range: for memory that is used as a whole, since each takes its 2 MB at the first touch. A processor remembers the places of few pages,
 * and fetches ahead within one only. */
void ag_pages_large(void *at, size_t bytes);
/* The opposite, where the system would give large pages unasked: for memory of which few pages may be touched. */
void ag_pages_small(void *at, size_t bytes);

#endif
