/* The generator is Philox4x32-10 to the bit, its streams are functions of (seed, purpose, sub) and their draws have the promised
 * distributions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "rng.h"
#include <cmocka.h>
#include <math.h>
#include <string.h>

/* kat_vectors of Random123 1.14, "philox4x32 10". */
static struct known_answer {
    uint32_t counter[4], key[2], expected[4];
} zeros = {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
  ones = {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
  digits_of_pi = {
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};

static void philox_gives_the_known_answer(void **state)
{
    const struct known_answer *k = *state;
    uint32_t out[4];
    rng_philox(k->counter, k->key, out);
    assert_memory_equal(out, k->expected, sizeof out);
}

static void the_key_holds_seed_purpose_and_sub(void **state)
{
    (void)state;
    uint32_t key[2];
    rng_key(0x89abcdef, RNG_DROPOUT, 0x123456, key);
    assert_int_equal(key[0], 0x89abcdef);
    assert_int_equal(key[1], 0x03123456);
}

static void a_stream_is_the_blocks_of_counters_from_zero(void **state)
{
    (void)state;
    struct rng r = rng_stream(7, RNG_TEST, 3);
    uint32_t key[2];
    rng_key(7, RNG_TEST, 3, key);
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t counter[4] = {block, 0, 0, 0};
        uint32_t out[4];
        rng_philox(counter, key, out);
        for (int i = 0; i < 4; i++) assert_int_equal(rng_u32(&r), out[i]);
    }
}

static void a_stream_goes_on_past_two_to_the_32_blocks(void **state)
{
    (void)state;
    struct rng r = rng_stream(7, RNG_TEST, 3);
    const uint32_t counter[4] = {5, 1, 0, 0};
    uint32_t out[4];
    r.next = (UINT64_C(1) << 32) + 5;
    rng_philox(counter, r.key, out);
    assert_int_equal(rng_u32(&r), out[0]);
}

static void streams_of_other_seed_purpose_or_sub_differ(void **state)
{
    (void)state;
    struct rng streams[4] = {rng_stream(1, RNG_INIT, 0), rng_stream(2, RNG_INIT, 0), rng_stream(1, RNG_SHUFFLE, 0),
                             rng_stream(1, RNG_INIT, 1)};
    uint32_t first[4];
    for (int i = 0; i < 4; i++) first[i] = rng_u32(&streams[i]);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++) assert_int_not_equal(first[i], first[j]);
}

/* Chi-squared over 3 cells at n = 3 * 2^30, where the plain product without refusal favours one value in three by a half. */
static void below_has_no_bias(void **state)
{
    (void)state;
    enum { DRAWS = 30000 };
    const uint32_t n = UINT32_C(3) << 30;
    struct rng r = rng_stream(11, RNG_TEST, 0);
    double count[3] = {0}, chi2 = 0;
    for (int i = 0; i < DRAWS; i++) {
        const uint32_t x = rng_below(&r, n);
        assert_true(x < n);
        count[x % 3]++;
    }
    for (int i = 0; i < 3; i++) chi2 += (count[i] - DRAWS / 3.0) * (count[i] - DRAWS / 3.0) / (DRAWS / 3.0);
    if (!(chi2 < 18.4)) fail_msg("chi-squared is %g: beyond 1 in 10,000", chi2);
}

static void below_one_is_always_zero(void **state)
{
    (void)state;
    struct rng r = rng_stream(1, RNG_TEST, 0);
    for (int i = 0; i < 10; i++) assert_int_equal(rng_below(&r, 1), 0);
}

static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct rng r = rng_stream(5, RNG_TEST, 1);
    double mean = 0, square = 0, normal_mean = 0, normal_square = 0, normal_fourth = 0;
    for (int i = 0; i < N; i++) {
        const double u = rng_uniform(&r), z = rng_normal(&r);
        assert_true(u >= 0 && u < 1);
        mean += u / N;
        square += u * u / N;
        normal_mean += z / N;
        normal_square += z * z / N;
        normal_fourth += z * z * z * z / N;
    }
    /* Five standard errors of each estimate. */
    const double width = 5 / sqrt(N);
    if (!(fabs(mean - 1.0 / 2) < width * 0.289)) fail_msg("mean of uniform: %g", mean);
    if (!(fabs(square - 1.0 / 3) < width * 0.299)) fail_msg("mean square of uniform: %g", square);
    if (!(fabs(normal_mean) < width)) fail_msg("mean of normal: %g", normal_mean);
    if (!(fabs(normal_square - 1) < width * 1.415)) fail_msg("variance of normal: %g", normal_square);
    if (!(fabs(normal_fourth - 3) < width * 9.8)) fail_msg("fourth moment of normal: %g", normal_fourth);
}

static void uniform_uses_53_bits(void **state)
{
    (void)state;
    struct rng r = rng_stream(5, RNG_TEST, 2);
    uint64_t seen = 0;
    for (int i = 0; i < 200; i++) seen |= (uint64_t)(rng_uniform(&r) * 0x1p53);
    assert_true(seen == (UINT64_C(1) << 53) - 1);
}

static void shuffle_gives_every_order_equally_often(void **state)
{
    (void)state;
    enum { DRAWS = 24000, ORDERS = 24 };
    struct rng r = rng_stream(9, RNG_TEST, 0);
    double count[256] = {0}, chi2 = 0;
    int orders = 0;
    for (int i = 0; i < DRAWS; i++) {
        int32_t a[4] = {0, 1, 2, 3};
        rng_shuffle(&r, 4, a);
        count[a[0] << 6 | a[1] << 4 | a[2] << 2 | a[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        if (count[i] == 0) continue;
        orders++;
        chi2 += (count[i] - DRAWS / ORDERS) * (count[i] - DRAWS / ORDERS) / (DRAWS / ORDERS);
    }
    assert_int_equal(orders, ORDERS);
    if (!(chi2 < 58.6)) fail_msg("chi-squared is %g over 23 degrees of freedom: beyond 1 in 10,000", chi2);
}

static void shuffle_of_nothing_and_of_one_is_legal(void **state)
{
    (void)state;
    struct rng r = rng_stream(9, RNG_TEST, 0);
    int32_t one = 42;
    rng_shuffle(&r, 0, NULL);
    rng_shuffle(&r, 1, &one);
    assert_int_equal(one, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"philox_gives_the_known_answer: zeros", philox_gives_the_known_answer, NULL, NULL, &zeros},
        {"philox_gives_the_known_answer: ones", philox_gives_the_known_answer, NULL, NULL, &ones},
        {"philox_gives_the_known_answer: digits of pi", philox_gives_the_known_answer, NULL, NULL, &digits_of_pi},
        cmocka_unit_test(the_key_holds_seed_purpose_and_sub),
        cmocka_unit_test(a_stream_is_the_blocks_of_counters_from_zero),
        cmocka_unit_test(a_stream_goes_on_past_two_to_the_32_blocks),
        cmocka_unit_test(streams_of_other_seed_purpose_or_sub_differ),
        cmocka_unit_test(below_has_no_bias),
        cmocka_unit_test(below_one_is_always_zero),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(uniform_uses_53_bits),
        cmocka_unit_test(shuffle_gives_every_order_equally_often),
        cmocka_unit_test(shuffle_of_nothing_and_of_one_is_legal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
