/* picture_exif.c - the one EXIF tag that says how a camera was held.
 *
 * A JPEG's APP1 segment holds "Exif\0\0" and a TIFF file: byte order "II" or "MM", 42, the place of the first directory; a directory is a
 * count and entries of 12 bytes: tag, type, number of values, value. Orientation is tag 0x0112, one SHORT (type 3). Every place that the
 * file states is checked before it is read. Source: Exif 2.3 (JEITA CP-3451C), 4.5.2, 4.6.4; ITU T.81, B.1.1.
 *
 * Where the stored row 0 and column 0 are in the upright picture:
 *   1 top left   2 top right   3 bottom right   4 bottom left   5 left top   6 right top   7 right bottom   8 left bottom
 */
#include "picture_formats.h"
#include <stdlib.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t size;
    bool little;
};

/* The number of n bytes at a place; false where the span ends before. */
static bool number(struct span s, size_t at, int n, uint32_t *out)
{
    if (at > s.size || s.size - at < (size_t)n) return false;
    *out = 0;
    for (int i = 0; i < n; i++) *out = *out << 8 | s.data[at + (size_t)(s.little ? n - 1 - i : i)];
    return true;
}

static int orientation_of_tiff(struct span s)
{
    uint32_t order, magic, directory, n;
    if (!number(s, 0, 2, &order) || (order != 0x4949 && order != 0x4D4D)) return 1;
    s.little = order == 0x4949;
    if (!number(s, 2, 2, &magic) || magic != 42 || !number(s, 4, 4, &directory) || !number(s, directory, 2, &n)) return 1;
    for (size_t i = 0, at = (size_t)directory + 2; i < n; i++, at += 12) {
        uint32_t tag, type, count, value;
        if (!number(s, at, 2, &tag)) return 1;
        if (tag != 0x0112) continue;
        if (!number(s, at + 2, 2, &type) || !number(s, at + 4, 4, &count) || !number(s, at + 8, 2, &value)) return 1;
        return type == 3 && count == 1 && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int exif_orientation(const uint8_t *jpeg, size_t size)
{
    static const char head[6] = "Exif\0";
    const struct span file = {.data = jpeg, .size = size};
    uint32_t marker, length;
    for (size_t at = 2; number(file, at, 2, &marker) && number(file, at + 2, 2, &length) && length >= 2; at += 2 + length) {
        const struct span body = {.data = jpeg + at + 4, .size = length - 2};
        if (marker < 0xFFC0 || marker == 0xFFDA || size - at - 4 < body.size) break;
        if (marker == 0xFFE1 && body.size >= sizeof head && !memcmp(body.data, head, sizeof head))
            return orientation_of_tiff((struct span){.data = body.data + sizeof head, .size = body.size - sizeof head});
    }
    return 1;
}

int exif_turn(struct picture *p, int orientation, const char *name, struct err *e)
{
    if (orientation == 1) return 0;
    const bool swap = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8; /* x of the stored picture */
    const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7; /* and y */
    struct picture q;
    const int code = picture_make((size_t)(swap ? p->height : p->width), (size_t)(swap ? p->width : p->height), name, &q, e);
    if (code) return code;
    uint8_t *out = q.rgb;
    for (int y = 0; y < q.height; y++) {
        for (int x = 0; x < q.width; x++, out += 3) {
            const int along = swap ? y : x, down = swap ? x : y;
            const size_t stored_x = (size_t)(from_right ? p->width - 1 - along : along);
            const size_t stored_y = (size_t)(from_below ? p->height - 1 - down : down);
            memcpy(out, p->rgb + (stored_y * (size_t)p->width + stored_x) * 3, 3);
        }
    }
    picture_free(p);
    *p = q;
    return 0;
}
