/* Every one of the 65536 float16 and bfloat16 numbers becomes the float of the same value, at any address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "array.h"
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 65536 };

static uint32_t bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

/* The value by its definition, in double: sign, exponent with its bias, fraction of so many bits. */
static float by_definition(unsigned h, int exponent_bits, int fraction_bits)
{
    const int exponent = (int)(h >> fraction_bits) & ((1 << exponent_bits) - 1), bias = (1 << (exponent_bits - 1)) - 1;
    const double fraction = (double)(h & ((1U << fraction_bits) - 1)) / (1 << fraction_bits);
    const double magnitude = exponent ? ldexp(1 + fraction, exponent - bias) : ldexp(fraction, 1 - bias);
    return (float)(h & 0x8000 ? -magnitude : magnitude);
}

/* Where the exponent is all ones: infinity without a fraction, else NaN, whose sign and fraction stay. */
static uint32_t special(unsigned h, int fraction_bits)
{
    const uint32_t fraction = h & ((1U << fraction_bits) - 1);
    return (h & 0x8000) << 16 | 0x7F800000 | fraction << (23 - fraction_bits);
}

static void every_number_widens(enum array_type type, int exponent_bits, size_t shift)
{
    const int fraction_bits = 15 - exponent_bits;
    const unsigned special_exponent = ((1U << exponent_bits) - 1) << fraction_bits;
    unsigned char *stored = malloc(2 * NUMBERS + shift);
    float *wide = malloc(NUMBERS * sizeof *wide);
    struct err e;
    assert_non_null(stored);
    assert_non_null(wide);
    for (unsigned h = 0; h < NUMBERS; h++) {
        const uint16_t half = (uint16_t)h;
        memcpy(stored + shift + 2 * h, &half, sizeof half);
    }
    const struct array a = {"x", type, 1, {NUMBERS}, NUMBERS, stored + shift};
    assert_int_equal(array_to_float(&a, wide, &e), 0);
    for (unsigned h = 0; h < NUMBERS; h++) {
        const bool is_special = (h & special_exponent) == special_exponent;
        assert_int_equal(bits(wide[h]), is_special ? special(h, fraction_bits) : bits(by_definition(h, exponent_bits, fraction_bits)));
    }
    free(wide);
    free(stored);
}

static void every_float16_widens(void **state)
{
    (void)state;
    every_number_widens(ARRAY_F16, 5, 0);
}

static void every_bfloat16_widens(void **state)
{
    (void)state;
    every_number_widens(ARRAY_BF16, 8, 0);
}

static void the_data_may_lie_at_an_odd_address(void **state)
{
    (void)state;
    every_number_widens(ARRAY_F16, 5, 1);
    every_number_widens(ARRAY_BF16, 8, 1);
}

static void known_numbers_are_known(void **state)
{
    (void)state;
    static const uint16_t half[] = {0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3555, 0x3C00, 0xC000, 0x7BFF, 0x7C00, 0xFC00, 0x7E01};
    static const uint32_t wide[] = {0x00000000, 0x80000000, 0x33800000, 0x387FC000, 0x38800000, 0x3EAAA000,
                                    0x3F800000, 0xC0000000, 0x477FE000, 0x7F800000, 0xFF800000, 0x7FC02000};
    enum { N = sizeof half / sizeof *half };
    float x[N];
    struct err e;
    const struct array a = {"x", ARRAY_F16, 1, {N}, N, half};
    assert_int_equal(array_to_float(&a, x, &e), 0);
    for (int i = 0; i < N; i++) assert_int_equal(bits(x[i]), wide[i]);
}

static void float_stays_and_double_is_rounded(void **state)
{
    (void)state;
    unsigned char odd[1 + 2 * sizeof(double)];
    const float narrow[] = {-0.0f, 0x1p-149f};
    const double wide[] = {0.1, 1e300};
    float x[2];
    struct err e;
    memcpy(odd + 1, narrow, sizeof narrow);
    assert_int_equal(array_to_float(&(struct array){"x", ARRAY_F32, 1, {2}, 2, odd + 1}, x, &e), 0);
    assert_memory_equal(x, narrow, sizeof narrow);
    memcpy(odd + 1, wide, sizeof wide);
    assert_int_equal(array_to_float(&(struct array){"x", ARRAY_F64, 1, {2}, 2, odd + 1}, x, &e), 0);
    assert_int_equal(bits(x[0]), bits(0.1f));
    assert_int_equal(bits(x[1]), bits(INFINITY));
}

static void an_array_of_integers_is_refused_by_name(void **state)
{
    (void)state;
    for (int t = ARRAY_I64; t < ARRAY_TYPES; t++) {
        const int64_t zero = 0;
        float x = 7;
        struct err e;
        const struct array a = {"embeddings.position_ids", (enum array_type)t, 0, {0}, 1, &zero};
        assert_int_equal(array_to_float(&a, &x, &e), ERR_DATA);
        assert_non_null(strstr(e.text, "\"embeddings.position_ids\""));
        assert_non_null(strstr(e.text, array_type_name(a.type)));
        assert_true(x == 7);
    }
}

static void a_shape_is_written_for_messages(void **state)
{
    (void)state;
    char text[ARRAY_SHAPE_TEXT];
    const size_t large = SIZE_MAX, dim[ARRAY_MAX_RANK] = {large, large, large, large, large, large, large, large};
    assert_string_equal(array_shape_text(0, dim, text), "[]");
    assert_string_equal(array_shape_text(2, (const size_t[]){2, 30}, text), "[2, 30]");
    assert_int_equal(strlen(array_shape_text(ARRAY_MAX_RANK, dim, text)), 2 + 8 * 20 + 7 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_float16_widens),
        cmocka_unit_test(every_bfloat16_widens),
        cmocka_unit_test(the_data_may_lie_at_an_odd_address),
        cmocka_unit_test(known_numbers_are_known),
        cmocka_unit_test(float_stays_and_double_is_rounded),
        cmocka_unit_test(an_array_of_integers_is_refused_by_name),
        cmocka_unit_test(a_shape_is_written_for_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
