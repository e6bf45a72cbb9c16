/* Bytes become a picture by what they are, upright if asked, by any thread; and what is damaged, cut short or too large is refused with its
 * name. Every file is made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "made_pictures.h"
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 37, HEIGHT = 22 };

static struct picture decoded(const struct bytes *b, bool turn)
{
    struct picture p = {0};
    struct err e = {0};
    if (picture_decode(b->data, b->size, "made", turn, &p, &e)) fail_msg("%s", e.text);
    return p;
}

static void lossless_formats_give_back_every_pixel(void **state)
{
    (void)state;
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes files[] = {made_png(&p), made_webp(&p)};
    for (size_t i = 0; i < 2; i++) {
        struct picture q = decoded(&files[i], false);
        assert_same_picture(&p, &q);
        picture_free(&q);
        bytes_free(&files[i]);
    }
    picture_free(&p);
}

/* ---- orientation ---- */

/* Where the stored pixel x, y stands in the upright picture, from EXIF's words: "row 0 is the visual right-hand side" and so on. */
static void upright_place(int orientation, int x, int y, int *X, int *Y)
{
    const int right = WIDTH - 1 - x, below = HEIGHT - 1 - y;
    const int place[9][2] = {{0}, {x, y}, {right, y}, {right, below}, {x, below}, {y, x}, {below, x}, {below, right}, {y, right}};
    *X = place[orientation][0];
    *Y = place[orientation][1];
}

struct orientation {
    const char *name;
    int value;
    bool little;
};
static const struct orientation ORIENTATIONS[] = {{"orientation 1, top left", 1, true},     {"orientation 2, top right", 2, false},
                                                  {"orientation 3, bottom right", 3, true}, {"orientation 4, bottom left", 4, false},
                                                  {"orientation 5, left top", 5, true},     {"orientation 6, right top", 6, false},
                                                  {"orientation 7, right bottom", 7, true}, {"orientation 8, left bottom", 8, false}};

static void every_pixel_goes_where_exif_says(void **state)
{
    const struct orientation *o = *state;
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes tiff = made_tiff(o->little, 0x0112, 3, 1, (unsigned)o->value), jpeg = made_exif_jpeg(&p, tiff.data, tiff.size);
    struct picture stored = decoded(&jpeg, false), upright = decoded(&jpeg, true);
    assert_int_equal(upright.width, o->value < 5 ? WIDTH : HEIGHT);
    assert_int_equal(upright.height, o->value < 5 ? HEIGHT : WIDTH);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int X, Y;
            upright_place(o->value, x, y, &X, &Y);
            assert_memory_equal(upright.rgb + (Y * upright.width + X) * 3, stored.rgb + (y * WIDTH + x) * 3, 3);
        }
    }
    picture_free(&p);
    picture_free(&stored);
    picture_free(&upright);
    bytes_free(&tiff);
    bytes_free(&jpeg);
}

static void assert_upright(const void *tiff, size_t size)
{
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes jpeg = made_exif_jpeg(&p, tiff, size);
    struct picture stored = decoded(&jpeg, false), turned = decoded(&jpeg, true);
    assert_same_picture(&stored, &turned);
    picture_free(&p);
    picture_free(&stored);
    picture_free(&turned);
    bytes_free(&jpeg);
}

static void an_orientation_that_makes_no_sense_means_upright(void **state)
{
    (void)state;
    static const unsigned wrong[][4] = {{0x0112, 3, 1, 0}, {0x0112, 3, 1, 9}, {0x0112, 4, 1, 6}, {0x0112, 3, 2, 6}, {0x0113, 3, 1, 6}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bytes tiff = made_tiff(i % 2, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]);
        assert_upright(tiff.data, tiff.size);
        bytes_free(&tiff);
    }
}

static void an_exif_that_ends_or_points_anywhere_means_upright(void **state)
{
    (void)state;
    struct bytes tiff = made_tiff(false, 0x0112, 3, 1, 6);
    for (size_t n = 0; n < 20; n++) assert_upright(tiff.data, n); /* the value ends at 20 */
    for (int at = 2; at < 10; at++) {
        const uint8_t was = tiff.data[at];
        tiff.data[at] = 0xFF;
        if (at != 8 && at != 9) assert_upright(tiff.data, tiff.size); /* magic, place of the directory */
        tiff.data[at] = was;
    }
    bytes_free(&tiff);
}

/* ---- what is refused ---- */

struct refused {
    const char *name;
    struct bytes (*make)(void);
    const char *message;
};

static struct bytes text(const char *s)
{
    const struct bytes none = {0};
    return bytes_insert(&none, 0, s, strlen(s));
}
static struct bytes nothing(void)
{
    return text("");
}
static struct bytes a_page(void)
{
    return text("<html>404 Not Found</html>");
}
static struct bytes a_gif(void)
{
    return text("GIF89a");
}
static struct bytes too_many_bytes(void)
{
    return (struct bytes){.data = calloc(1, PICTURE_BYTES_MAX + 1), .size = PICTURE_BYTES_MAX + 1};
}

static struct bytes jpeg_of(enum made_jpeg kind)
{
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes b = made_jpeg(&p, kind);
    picture_free(&p);
    return b;
}
static struct bytes arithmetic(void)
{
    return jpeg_of(MADE_ARITHMETIC);
}
static struct bytes two_components(void)
{
    return jpeg_of(MADE_TWO_COMPONENTS);
}
static struct bytes without_end_marker(void)
{
    struct bytes b = jpeg_of(MADE_BASELINE);
    b.size -= 2;
    return b;
}
static struct bytes progressive_half(void)
{
    struct bytes b = jpeg_of(MADE_PROGRESSIVE);
    b.size /= 2;
    return b;
}
static struct bytes only_a_start(void)
{
    return text("\xFF\xD8\xFF");
}
static struct bytes scans_2000(void)
{
    return made_jpeg_of_many_scans(1024, 2000);
}
static struct bytes large_scans(void)
{
    return made_jpeg_of_many_scans(4096, 10);
}
static struct bytes jpeg_65500(void)
{
    return made_jpeg_of_size(65500, 65500);
}
static struct bytes jpeg_16384_1025(void)
{
    return made_jpeg_of_size(16384, 1025);
}
static struct bytes png_30000(void)
{
    return made_png_of_size(30000, 30000);
}
static struct bytes png_line(void)
{
    return made_png_of_size(1000000, 1);
}
static struct bytes png_half(void)
{
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes b = made_png(&p);
    picture_free(&p);
    b.size /= 2;
    return b;
}
static struct bytes png_wrong_sum(void)
{
    struct bytes b = made_png_of_size(16, 16);
    b.data[29] ^= 1;
    return b;
}
static struct bytes png_more_rows(void)
{
    return made_png_of_size(16, 17);
}
static struct bytes webp_half(void)
{
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes b = made_webp(&p);
    picture_free(&p);
    b.size /= 2;
    return b;
}

static const struct refused REFUSED[] = {
    {"an empty file", nothing, "made: is empty"},
    {"a web page", a_page, "made: is no JPEG, PNG or WebP by its content"},
    {"a GIF", a_gif, "made: is no JPEG, PNG or WebP by its content"},
    {"more bytes than are read", too_many_bytes, "bytes, more than the"},
    {"a JPEG without its end marker", without_end_marker, "made: the JPEG ends before its end marker: it is cut short"},
    {"half a progressive JPEG", progressive_half, "made: the JPEG ends before its end marker: it is cut short"},
    {"three bytes of a JPEG", only_a_start, "made: the JPEG ends before its end marker: it is cut short"},
    {"a JPEG with arithmetic coding", arithmetic, "made: a JPEG with arithmetic coding is not read"},
    {"a JPEG of two components", two_components, "made: a JPEG of 2 components is not read"},
    {"a JPEG of 2000 scans", scans_2000, "made: a JPEG of 1024 x 1024 pixels with more than 32 scans takes too long to read"},
    {"a large JPEG of 20 scans", large_scans, "made: a JPEG of 4096 x 4096 pixels with more than 16 scans takes too long to read"},
    {"a JPEG of 65500 x 65500", jpeg_65500, "made: a picture of 65500 x 65500 is larger than what is read"},
    {"a JPEG of one row too many", jpeg_16384_1025, "made: a picture of 16384 x 1025 is larger than what is read"},
    {"a PNG of 30000 x 30000", png_30000, "made: a picture of 30000 x 30000 is larger than what is read"},
    {"a PNG of 1000000 x 1", png_line, "made: a picture of 1000000 x 1 is larger than what is read"},
    {"half a PNG", png_half, "made: not a PNG that can be read: it is cut short"},
    {"a PNG with a wrong checksum", png_wrong_sum, "made: not a PNG that can be read: IHDR: CRC error"},
    {"a PNG with fewer rows than it says", png_more_rows, "made: not a PNG that can be read:"},
    {"half a WebP", webp_half, "made: not a WebP that can be read: it is cut short"},
    {"an animated WebP", made_animated_webp, "made: an animated WebP is not read"},
};

static void it_is_refused_with_its_name_and_the_reason(void **state)
{
    const struct refused *r = *state;
    struct bytes b = r->make();
    struct picture p = {0};
    struct err e = {0};
    assert_int_equal(picture_decode(b.data, b.size, "made", false, &p, &e), ERR_DATA);
    if (!strstr(e.text, r->message)) fail_msg("\"%s\" does not hold \"%s\"", e.text, r->message);
    assert_null(strchr(e.text, '\n'));
    assert_null(p.rgb);
    bytes_free(&b);
}

/* Whole, or refused: never a picture whose lower half is gray. */
static void a_file_cut_anywhere_is_refused_or_shows_all_its_pixels(void **state)
{
    (void)state;
    struct picture p = made_picture(WIDTH, HEIGHT);
    struct bytes files[] = {made_jpeg(&p, MADE_BASELINE), made_jpeg(&p, MADE_PROGRESSIVE), made_png(&p), made_webp(&p)};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct picture whole = decoded(&files[i], false);
        for (size_t n = 0; n < files[i].size; n++) {
            /* The bytes alone in their memory, so that a sanitizer sees a read behind them. */
            uint8_t *cut = malloc(n + 1);
            struct picture q = {0};
            struct err e = {0};
            assert_non_null(cut);
            memcpy(cut + 1, files[i].data, n);
            const int code = picture_decode(cut + 1, n, "cut", true, &q, &e);
            if (code) assert_int_equal(code, ERR_DATA);
            if (!code) assert_same_picture(&whole, &q);
            assert_true(code || n + 32 > files[i].size);
            picture_free(&q);
            free(cut);
        }
        picture_free(&whole);
        bytes_free(&files[i]);
    }
    picture_free(&p);
}

static struct bytes wordy(void)
{
    return made_png_with_texts(20, 18 << 20, true);
}

static void texts_in_a_png_do_not_matter(void **state)
{
    (void)state;
    struct bytes plain = made_png_of_size(16, 16), with_texts[] = {wordy(), made_png_with_texts(1, 9 << 20, false)};
    struct picture p = decoded(&plain, false);
    for (size_t i = 0; i < 2; i++) {
        struct picture q = decoded(&with_texts[i], false);
        assert_same_picture(&p, &q);
        picture_free(&q);
        bytes_free(&with_texts[i]);
    }
    picture_free(&p);
    bytes_free(&plain);
}

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* The peak of a process that does nothing else. */
static void a_hostile_file_takes_less_than_256_megabytes(void **state)
{
    (void)state;
#ifdef SANITIZED
    print_message("the sanitizer's own memory is in the way\n");
    skip();
#else
    struct bytes (*const makers[])(void) = {scans_2000, png_30000, jpeg_65500, wordy};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct bytes b = makers[i]();
        struct rusage usage;
        int status;
        const pid_t child = fork();
        if (child == 0) {
            struct picture p;
            struct err e;
            picture_decode(b.data, b.size, "made", true, &p, &e);
            _exit(0);
        }
        assert_int_equal(wait4(child, &status, 0, &usage), child);
        assert_int_equal(status, 0);
        assert_in_range(usage.ru_maxrss, 1, 256 * 1024);
        bytes_free(&b);
    }
#endif
}

/* ---- threads ---- */

enum { THREADS = 4, FILES = 5, ROUNDS = 8 };

struct job {
    const struct bytes *files;
    const struct picture *expected; /* none of them a NULL: of the last file, which is bad, none */
    int wrong;
};

static void *decode_all(void *context)
{
    struct job *j = context;
    for (int i = 0; i < ROUNDS * FILES; i++) {
        const struct picture *expected = &j->expected[i % FILES];
        struct picture p = {0};
        struct err e = {0};
        const int code = picture_decode(j->files[i % FILES].data, j->files[i % FILES].size, "made", true, &p, &e);
        if (code != (expected->rgb ? 0 : ERR_DATA)) j->wrong++;
        if (!code && memcmp(p.rgb, expected->rgb, (size_t)p.width * (size_t)p.height * 3) != 0) j->wrong++;
        picture_free(&p);
    }
    return NULL;
}

static void threads_decode_side_by_side(void **state)
{
    (void)state;
    struct picture p = made_picture(200, 150);
    struct bytes files[FILES] = {made_jpeg(&p, MADE_BASELINE), made_jpeg(&p, MADE_PROGRESSIVE), made_png(&p), made_webp(&p),
                                 without_end_marker()};
    struct picture expected[FILES] = {0};
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (int i = 0; i < FILES - 1; i++) expected[i] = decoded(&files[i], true);
    for (int t = 0; t < THREADS; t++) {
        jobs[t] = (struct job){.files = files, .expected = expected};
        assert_int_equal(pthread_create(&threads[t], NULL, decode_all, &jobs[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        assert_int_equal(jobs[t].wrong, 0);
    }
    for (int i = 0; i < FILES; i++) picture_free(&expected[i]);
    for (int i = 0; i < FILES; i++) bytes_free(&files[i]);
    picture_free(&p);
}

int main(void)
{
    enum { N_ORIENTATIONS = sizeof ORIENTATIONS / sizeof *ORIENTATIONS, N_REFUSED = sizeof REFUSED / sizeof *REFUSED, N_SINGLE = 7 };
    struct CMUnitTest tests[N_SINGLE + N_ORIENTATIONS + N_REFUSED] = {
        cmocka_unit_test(lossless_formats_give_back_every_pixel),
        cmocka_unit_test(an_orientation_that_makes_no_sense_means_upright),
        cmocka_unit_test(an_exif_that_ends_or_points_anywhere_means_upright),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_or_shows_all_its_pixels),
        cmocka_unit_test(texts_in_a_png_do_not_matter),
        cmocka_unit_test(a_hostile_file_takes_less_than_256_megabytes),
        cmocka_unit_test(threads_decode_side_by_side),
    };
    struct CMUnitTest *next = tests + N_SINGLE;
    for (size_t i = 0; i < N_ORIENTATIONS; i++)
        *next++ = (struct CMUnitTest){.name = ORIENTATIONS[i].name,
                                      .test_func = every_pixel_goes_where_exif_says,
                                      .initial_state = (void *)(uintptr_t)&ORIENTATIONS[i]};
    for (size_t i = 0; i < N_REFUSED; i++)
        *next++ = (struct CMUnitTest){.name = REFUSED[i].name,
                                      .test_func = it_is_refused_with_its_name_and_the_reason,
                                      .initial_state = (void *)(uintptr_t)&REFUSED[i]};
    return cmocka_run_group_tests_name("pictures", tests, NULL, NULL);
}
