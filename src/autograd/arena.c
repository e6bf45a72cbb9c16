/* arena.c - a chain of blocks, filled in order; a block is appended where none of those left has room.
 *
 * A mark and what was handed out after it are in chain order, so rewinding is setting the current block and its fill. Blocks behind it stay
 * and are filled again. Between two steps a chain is replaced by one block, after which a step of that size fits without a gap.
 */
#include "arena.h"
#include "ag.h"
#include "pages.h"
#include <stdint.h>

enum { ALIGN = 64, HEAD = 64, MIN_BLOCK = 1 << 22 };

struct ag_arena_block {
    ag_arena_block *next;
    size_t size, used; /* both with the head */
};
_Static_assert(sizeof(ag_arena_block) <= HEAD, "a block's head fits before its first byte");

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Appends a block behind the last one; NULL without memory. */
static ag_arena_block *add_block(ag_arena *a, size_t size)
{
    ag_arena_block *block = ag_pages_map(size);
    if (!block) return NULL;
    a->allocations++;
    ag_pages_large(block, size);
    *block = (ag_arena_block){.size = size, .used = HEAD};
    ag_arena_block **link = &a->first;
    while (*link) link = &(*link)->next;
    return *link = block;
}

void *ag_arena_alloc(ag_arena *a, size_t bytes)
{
    AG_CHECK(bytes <= SIZE_MAX / 2, "out of memory: this step holds %zu bytes and needs %zu more; lower the batch size", a->used, bytes);
    const size_t need = bytes ? round_up(bytes) : ALIGN;
    ag_arena_block *block = a->current;
    while (block && block->size - block->used < need) {
        block = block->next;
        if (block) block->used = HEAD;
    }
    if (!block) block = add_block(a, HEAD + need > MIN_BLOCK ? HEAD + need : MIN_BLOCK);
    AG_CHECK(block, "out of memory: this step holds %zu bytes and needs %zu more; lower the batch size", a->used, HEAD + need);
    a->current = block;
    void *p = (char *)block + block->used;
    block->used += need;
    a->used += need;
    if (a->used > a->peak) a->peak = a->used;
    return p;
}

ag_arena_mark ag_arena_here(const ag_arena *a)
{
    return (ag_arena_mark){.block = a->current, .block_used = a->current ? a->current->used : 0, .used = a->used};
}

void ag_arena_rewind(ag_arena *a, ag_arena_mark m)
{
    a->current = m.block ? m.block : a->first;
    if (a->current) a->current->used = m.block ? m.block_used : HEAD;
    a->used = m.used;
}

bool ag_arena_since(const ag_arena *a, ag_arena_mark m, const void *p)
{
    const uintptr_t at = (uintptr_t)p;
    for (const ag_arena_block *block = m.block ? m.block : a->first; block; block = block->next) {
        const uintptr_t start = (uintptr_t)block;
        if (at >= start + (block == m.block ? m.block_used : HEAD) && at < start + block->used) return true;
        if (block == a->current) break;
    }
    return false;
}

void ag_arena_reset(ag_arena *a)
{
    if (a->first && a->first->next) {
        const size_t size = HEAD + round_up(a->peak + a->peak / 8);
        ag_arena_free(a);
        add_block(a, size); /* where there is no memory for it, the next step begins with small blocks again */
    }
    ag_arena_rewind(a, (ag_arena_mark){0});
}

void ag_arena_free(ag_arena *a)
{
    for (ag_arena_block *block = a->first; block;) {
        ag_arena_block *next = block->next;
        ag_pages_unmap(block, block->size);
        block = next;
    }
    a->first = a->current = NULL;
    a->used = 0;
}
