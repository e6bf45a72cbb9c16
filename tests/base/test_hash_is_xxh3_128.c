/* The digest is XXH3-128 in its canonical form, and the same over pieces as over the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"
#include <cmocka.h>
#include <string.h>

/* Of `xxhsum -H128` 0.8.1. */
static struct known_answer {
    const char *text, *hex;
} empty = {"", "99aa06d3014798d86001c324468d497f"}, letter = {"a", "a96faf705af16834e6c632b61e964e1f"},
  sentence = {"The quick brown fox jumps over the lazy dog", "ddd650205ca3e7fa24a1cc2e3a8a7651"};

static void the_digest_is_the_known_one(void **state)
{
    const struct known_answer *k = *state;
    const struct hash h = hash_bytes(k->text, strlen(k->text));
    char hex[33];
    hash_hex(&h, hex);
    assert_string_equal(hex, k->hex);
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    (void)state;
    unsigned char data[4099];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * i % 251);
    const struct hash whole = hash_bytes(data, sizeof data);
    for (size_t piece = 1; piece < sizeof data; piece = piece * 3 + 1) {
        struct hash_stream *s = hash_begin();
        for (size_t at = 0; at < sizeof data; at += piece) hash_add(s, data + at, sizeof data - at < piece ? sizeof data - at : piece);
        const struct hash h = hash_end(s);
        assert_memory_equal(h.bytes, whole.bytes, sizeof h.bytes);
    }
}

static void a_stream_without_pieces_is_the_digest_of_nothing(void **state)
{
    (void)state;
    const struct hash nothing = hash_bytes(NULL, 0), h = hash_end(hash_begin());
    assert_memory_equal(h.bytes, nothing.bytes, sizeof h.bytes);
}

static void one_flipped_bit_changes_the_digest(void **state)
{
    (void)state;
    unsigned char data[64] = {0};
    const struct hash before = hash_bytes(data, sizeof data);
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        const struct hash after = hash_bytes(data, sizeof data);
        assert_memory_not_equal(after.bytes, before.bytes, sizeof after.bytes);
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"the_digest_is_the_known_one: nothing", the_digest_is_the_known_one, NULL, NULL, &empty},
        {"the_digest_is_the_known_one: a letter", the_digest_is_the_known_one, NULL, NULL, &letter},
        {"the_digest_is_the_known_one: a sentence", the_digest_is_the_known_one, NULL, NULL, &sentence},
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(a_stream_without_pieces_is_the_digest_of_nothing),
        cmocka_unit_test(one_flipped_bit_changes_the_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
