#include "pages.h"
#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Bytes from at to the next large page. */
static size_t to_large(const void *at)
{
    return (AG_LARGE_PAGE - (uintptr_t)at % AG_LARGE_PAGE) % AG_LARGE_PAGE;
}

void *ag_pages_map(size_t bytes)
{
    if (bytes > SIZE_MAX / 2) return NULL;
    const size_t size = whole_pages(bytes);
    char *got = mmap(NULL, size + AG_LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) return NULL;
    const size_t skip = to_large(got);
    if (skip > 0) munmap(got, skip);
    munmap(got + skip + size, AG_LARGE_PAGE - skip);
    return got + skip;
}

void ag_pages_unmap(void *at, size_t bytes)
{
    munmap(at, whole_pages(bytes));
}

void ag_pages_large(void *at, size_t bytes)
{
    const size_t skip = to_large(at), whole = bytes > skip ? (bytes - skip) / AG_LARGE_PAGE * AG_LARGE_PAGE : 0;
    if (whole > 0) madvise((char *)at + skip, whole, MADV_HUGEPAGE); /* a wish: without it all is as right, and slower */
}

void ag_pages_small(void *at, size_t bytes)
{
    const size_t skip = (PAGE - (uintptr_t)at % PAGE) % PAGE, whole = bytes > skip ? (bytes - skip) / PAGE * PAGE : 0;
    if (whole >= AG_LARGE_PAGE) madvise((char *)at + skip, whole, MADV_NOHUGEPAGE);
}
