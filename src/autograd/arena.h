/* arena.h - bump allocator. Memory goes back all at once, or down to a mark, never piecewise. */
#ifndef AG_ARENA_H
#define AG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ag_arena_block ag_arena_block;
typedef struct ag_arena {
    ag_arena_block *first, *current; /* blocks in the order in which they are filled */
    size_t used, peak;               /* bytes handed out now, at most since the start */
    size_t allocations;              /* calls of the system's allocator */
} ag_arena;
typedef struct ag_arena_mark {
    ag_arena_block *block;
    size_t block_used, used;
} ag_arena_mark;

void *ag_arena_alloc(ag_arena *a, size_t bytes); /* 64-byte aligned, not cleared, never NULL: without memory AG_CHECK speaks */
ag_arena_mark ag_arena_here(const ag_arena *a);
/* What was handed out since m is free again; its bytes stay readable until the next alloc. */
void ag_arena_rewind(ag_arena *a, ag_arena_mark m);
/* Whether p lies in what was handed out since m. */
bool ag_arena_since(const ag_arena *a, ag_arena_mark m, const void *p);
/* Everything is free; several blocks become one that holds them all, with an eighth to spare, where
 * there is memory for it. */
void ag_arena_reset(ag_arena *a);
void ag_arena_free(ag_arena *a);

#endif
