/* hdf5_links.c - see hdf5_links.h. What sizes the tree and the heap have is fixed in libhdf5 (H5Gdense.c), and required here.
 *
 *   tree   BTHD, then BTIN down to BTLF: records { u32 hash of the name, 7 bytes heap id }, in an inner node the children behind them
 *   id     u8 kind (0: an object of the heap), u32 place, u16 length
 *   heap   FRHP: one address space of 2^32 bytes, cut into blocks; in a row of it are 4 blocks of one size:
 *          row 0 and row 1 of 512 bytes, each row behind of double the size of the one before. Blocks of up to 64 KiB hold bytes (FHDB),
 *          larger ones are cut by the same rule again (FHIB: an address for each block).
 *
 * Source: HDF5 File Format Specification 3.0, III.A.2 (version 2 B-trees) and III.G (fractal heaps).
 */
#include "hdf5_links.h"

enum {
    NODE_BYTES = 512,
    NODE_HEAD = 6, /* signature, version, type */
    RECORD_BYTES = 11,
    LINKS_BY_NAME = 5,
    ID_BYTES = 7,
    DEPTH_MAX = 8,
    COLUMNS = 4,
    FIRST_BLOCK = 512,
    LARGEST_DIRECT = 64 * 1024,
    DIRECT_ROWS = 9, /* rows of blocks that are not cut again: 512, 512, 1024, ... 65536 */
    ROWS_MAX = 24,   /* 2^32 bytes */
    HEAP_BITS = 32,
};

/* A block of the heap, and where in it an object begins. */
struct block {
    uint64_t address, offset;
    unsigned rows; /* that it is cut into; 0: it holds bytes */
    size_t size;   /* then: its bytes */
};

struct links {
    struct hdf5_file *f;
    struct block root;
    hdf5_link visit;
    void *context;
    struct err *e;
};

/* ---- the heap ---- */

static uint64_t block_bytes(unsigned row)
{
    return (uint64_t)FIRST_BLOCK << (row > 0 ? row - 1 : 0);
}

static uint64_t bytes_before(unsigned row)
{
    return row == 0 ? 0 : COLUMNS * ((uint64_t)FIRST_BLOCK << (row - 1));
}

static unsigned row_of(uint64_t offset)
{
    unsigned row = 0;
    while (row < ROWS_MAX && offset >= bytes_before(row + 1)) row++;
    return row;
}

static bool open_heap(struct links *l, uint64_t heap)
{
    struct hdf5_bytes b;
    if (!hdf5_at(l->f, heap, "FRHP", 146, &b)) return false;
    const bool has_ids = hdf5_number(&b, 1) == 0 && hdf5_number(&b, 2) == ID_BYTES, is_plain = hdf5_number(&b, 2) == 0;
    hdf5_number(&b, 1 + 4 + 12 * 8);
    const bool is_cut = hdf5_number(&b, 2) == COLUMNS && hdf5_number(&b, 8) == FIRST_BLOCK && hdf5_number(&b, 8) == LARGEST_DIRECT &&
                        hdf5_number(&b, 2) == HEAP_BITS;
    hdf5_number(&b, 2);
    l->root = (struct block){.address = hdf5_number(&b, 8), .size = FIRST_BLOCK};
    l->root.rows = (unsigned)hdf5_number(&b, 2);
    return has_ids && is_plain && is_cut && l->root.rows <= ROWS_MAX;
}

/* From a block that is cut to the one of its blocks in which the offset lies. */
static bool descend(struct links *l, struct block *block)
{
    const size_t head = 4 + 1 + 8 + HEAP_BITS / 8, entries = (size_t)block->rows * COLUMNS * 8;
    const unsigned row = row_of(block->offset);
    struct hdf5_bytes b;
    if (row >= block->rows || !hdf5_at(l->f, block->address, "FHIB", head + entries + 4, &b)) return false;
    const uint64_t column = (block->offset - bytes_before(row)) / block_bytes(row);
    hdf5_number(&b, head - 4 + (size_t)(row * COLUMNS + column) * 8);
    block->address = hdf5_number(&b, 8);
    block->offset -= bytes_before(row) + column * block_bytes(row);
    block->size = (size_t)block_bytes(row);
    block->rows = row < DIRECT_ROWS ? 0 : row_of(block_bytes(row) - 1) + 1;
    return true;
}

static bool find_object(struct links *l, struct hdf5_bytes id, struct hdf5_bytes *object)
{
    struct block block = l->root;
    struct hdf5_bytes b;
    if (hdf5_number(&id, 1) != 0) return false;
    block.offset = hdf5_number(&id, 4);
    const size_t length = (size_t)hdf5_number(&id, 2);
    while (block.rows > 0)
        if (!descend(l, &block)) return false;
    if (block.offset < 4 || block.offset + length > block.size || !hdf5_at(l->f, block.address, "FHDB", block.size, &b)) return false;
    hdf5_number(&b, (size_t)block.offset - 4);
    *object = hdf5_part(&b, length);
    return true;
}

/* ---- the tree ---- */

static int visit_record(struct links *l, struct hdf5_bytes *node, uint64_t address)
{
    struct hdf5_bytes object;
    hdf5_number(node, 4);
    if (!find_object(l, hdf5_part(node, ID_BYTES), &object)) return hdf5_refuse(l->f, "a link of the group", address, l->e);
    return l->visit(l->context, object, l->e);
}

static size_t bytes_for(uint64_t largest)
{
    size_t bytes = 1;
    while (largest >>= 8) bytes++;
    return bytes;
}

/* Of nodes at a depth: bytes of a child's address and numbers in them, and the most records that are in and below one. */
static void node_layout(unsigned depth, size_t *child, uint64_t *most)
{
    const uint64_t in_leaf = (NODE_BYTES - NODE_HEAD - 4) / RECORD_BYTES;
    *child = 0;
    *most = in_leaf;
    for (unsigned d = 1; d <= depth; d++) {
        *child = 8 + bytes_for(in_leaf) + (d > 1 ? bytes_for(*most) : 0);
        const uint64_t records = (NODE_BYTES - NODE_HEAD - 4 - *child) / (RECORD_BYTES + *child);
        *most = (records + 1) * *most + records;
    }
}

static int visit_node(struct links *l, uint64_t address, uint64_t records, unsigned depth)
{
    struct hdf5_bytes node, child;
    size_t child_bytes;
    uint64_t most;
    int code = 0;
    node_layout(depth, &child_bytes, &most);
    if (!hdf5_at(l->f, address, depth ? "BTIN" : "BTLF", NODE_BYTES, &node) || hdf5_number(&node, 1) != 0 ||
        hdf5_number(&node, 1) != LINKS_BY_NAME || NODE_HEAD + records * RECORD_BYTES + (records + 1) * child_bytes > NODE_BYTES)
        return hdf5_refuse(l->f, "a node of the group's links", address, l->e);
    for (uint64_t i = 0; i < records && !code; i++) code = visit_record(l, &node, address);
    for (uint64_t i = 0; depth && i <= records && !code; i++) {
        child = hdf5_part(&node, child_bytes);
        const uint64_t at = hdf5_number(&child, 8);
        code = visit_node(l, at, hdf5_number(&child, 1), depth - 1);
    }
    return code;
}

int hdf5_links_each(struct hdf5_file *f, uint64_t heap, uint64_t tree, hdf5_link visit, void *context, struct err *e)
{
    struct links l = {.f = f, .visit = visit, .context = context, .e = e};
    struct hdf5_bytes b;
    if (!hdf5_at(f, tree, "BTHD", 38, &b) || hdf5_number(&b, 1) != 0 || hdf5_number(&b, 1) != LINKS_BY_NAME ||
        hdf5_number(&b, 4) != NODE_BYTES || hdf5_number(&b, 2) != RECORD_BYTES)
        return hdf5_refuse(f, "the tree of a group's links", tree, e);
    const unsigned depth = (unsigned)hdf5_number(&b, 2);
    hdf5_number(&b, 2);
    const uint64_t root = hdf5_number(&b, 8), records = hdf5_number(&b, 2);
    if (depth > DEPTH_MAX) return hdf5_refuse(f, "the tree of a group's links", tree, e);
    if (root == HDF5_NOWHERE) return 0;
    if (!open_heap(&l, heap)) return hdf5_refuse(f, "the heap of a group's links", heap, e);
    return visit_node(&l, root, records, depth);
}
