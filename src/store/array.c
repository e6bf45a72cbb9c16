/* array.c - see array.h.
 *
 * Half precision, sign s, exponent e, fraction m (IEEE 754-2008, 3.4 and 3.6):
 *   float16   1 + 5 + 10 bits: e = 0: (-1)^s m 2^-24; e = 31: infinity or NaN; else (-1)^s (1 + m / 2^10) 2^(e - 15)
 *   bfloat16  1 + 8 +  7 bits: the upper half of a float
 * A NaN keeps its sign and its fraction, moved to the top.
 */
#include "array.h"
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian, and so are the arrays that point into them");

static const struct {
    const char *name;
    size_t size;
} types[ARRAY_TYPES] = {
    [ARRAY_F64] = {"F64", 8}, [ARRAY_F32] = {"F32", 4}, [ARRAY_F16] = {"F16", 2}, [ARRAY_BF16] = {"BF16", 2}, [ARRAY_I64] = {"I64", 8},
    [ARRAY_I32] = {"I32", 4}, [ARRAY_I16] = {"I16", 2}, [ARRAY_I8] = {"I8", 1},   [ARRAY_U8] = {"U8", 1},     [ARRAY_BOOL] = {"BOOL", 1},
};

size_t array_type_size(enum array_type type)
{
    return types[type].size;
}

const char *array_type_name(enum array_type type)
{
    return types[type].name;
}

static float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023;
    if (exponent == 31) return sign | 0x7F800000 | fraction << 13;
    if (exponent) return sign | (exponent + 127 - 15) << 23 | fraction << 13;
    /* Every one of these is a normal float. */
    const float magnitude = (float)fraction * 0x1p-24f;
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    return sign | bits;
}

/* The data may lie at any address, so that each element is copied out of it. */
int array_to_float(const struct array *a, float *dst, struct err *e)
{
    const unsigned char *data = a->data;
    if (a->type > ARRAY_BF16) {
        return err_set(e, ERR_DATA, "tensor \"%.200s\": has type %s, where F64, F32, F16 or BF16 is wanted", a->name,
                       array_type_name(a->type));
    }
    for (size_t i = 0; i < a->size; i++) {
        double wide;
        uint16_t half;
        switch (a->type) {
        case ARRAY_F64:
            memcpy(&wide, data + 8 * i, sizeof wide);
            dst[i] = (float)wide;
            break;
        case ARRAY_F32:
            memcpy(dst + i, data + 4 * i, sizeof *dst);
            break;
        case ARRAY_F16:
            memcpy(&half, data + 2 * i, sizeof half);
            dst[i] = float_of_bits(bits_of_half(half));
            break;
        default:
            memcpy(&half, data + 2 * i, sizeof half);
            dst[i] = float_of_bits((uint32_t)half << 16);
        }
    }
    return 0;
}

const char *array_shape_text(int rank, const size_t *dim, char text[ARRAY_SHAPE_TEXT])
{
    size_t used = (size_t)snprintf(text, ARRAY_SHAPE_TEXT, "[");
    for (int i = 0; i < rank && used < ARRAY_SHAPE_TEXT; i++) {
        used += (size_t)snprintf(text + used, ARRAY_SHAPE_TEXT - used, "%s%zu", i ? ", " : "", dim[i]);
    }
    if (used < ARRAY_SHAPE_TEXT) snprintf(text + used, ARRAY_SHAPE_TEXT - used, "]");
    return text;
}
