/* synth_picture.c - pictures drawn from ellipses, boxes and triangles on a canvas of twice the side, which is averaged over 2 x 2. All of
 * it is integer arithmetic on one stream of random numbers for each picture, so that every machine draws the same. */
#include "synth_picture.h"
#include "rng.h"
#include "synth_text.h"
#include <string.h>

enum { CANVAS = 2 * SYNTH_SIDE };

struct colour {
    uint8_t c[3];
};

struct canvas {
    struct rng rng;
    uint8_t at[CANVAS][CANVAS][3];
};

static int between(struct canvas *p, int low, int high)
{
    return low + (int)rng_below(&p->rng, (uint32_t)(high - low + 1));
}

/* The parts of a thing are by turns light and dark: any colours, and still apart. */
static struct colour shade(struct canvas *p, int light)
{
    struct colour x;
    for (int k = 0; k < 3; k++) x.c[k] = (uint8_t)(light ? between(p, 145, 255) : between(p, 0, 110));
    return x;
}

static void dot(struct canvas *p, int x, int y, struct colour c)
{
    if (x >= 0 && x < CANVAS && y >= 0 && y < CANVAS) memcpy(p->at[y][x], c.c, 3);
}

static void box(struct canvas *p, int left, int top, int width, int height, struct colour c)
{
    for (int y = top; y < top + height; y++) {
        for (int x = left; x < left + width; x++) dot(p, x, y, c);
    }
}

static void ellipse(struct canvas *p, int cx, int cy, int rx, int ry, struct colour c)
{
    for (int y = -ry; y <= ry; y++) {
        for (int x = -rx; x <= rx; x++) {
            if (x * x * ry * ry + y * y * rx * rx <= rx * rx * ry * ry) dot(p, cx + x, cy + y, c);
        }
    }
}

/* Its top is at (x, y); below, it is half as wide on either side as its foot. */
static void triangle(struct canvas *p, int x, int y, int half, int height, struct colour c)
{
    for (int k = 0; k < height; k++) box(p, x - half * k / height, y + k, 2 * half * k / height + 1, 1, c);
}

static void clutter(struct canvas *p, int n)
{
    for (int i = 0; i < n; i++) {
        struct colour c = shade(p, between(p, 0, 1));
        int x = between(p, 0, CANVAS - 1), y = between(p, 0, CANVAS - 1), r = between(p, 2, 5);
        switch (between(p, 0, 2)) {
        case 0:
            ellipse(p, x, y, r, between(p, 2, 5), c);
            break;
        case 1:
            box(p, x - r, y - r, 2 * r, between(p, 2, 10), c);
            break;
        default:
            triangle(p, x, y - r, r, 2 * r, c);
        }
    }
}

/* ---- things: each fills a square of this side whose middle is (x, y), on a light ground ---- */

static void mountains(struct canvas *p, int x, int y, int side)
{
    struct colour far = shade(p, 0), near = shade(p, 0), snow = shade(p, 1);
    int foot = y + side / 2, n = between(p, 2, 3);
    ellipse(p, x + (between(p, 0, 1) ? 1 : -1) * side * between(p, 25, 45) / 100, y - side * 2 / 5, side / 9, side / 9, shade(p, 0));
    for (int i = 0; i < n; i++) {
        int height = side * between(p, 55, 90) / 100, half = height * between(p, 50, 70) / 100;
        int top = x - side / 2 + side * (2 * i + 1) / (2 * n) + between(p, -side / 12, side / 12);
        triangle(p, top, foot - height, half, height, i % 2 ? near : far);
        triangle(p, top, foot - height, half / 3, height / 3, snow);
    }
    box(p, 0, foot, CANVAS, CANVAS - foot, shade(p, 0));
}

static void record(struct canvas *p, int x, int y, int side)
{
    struct colour ring = shade(p, 0), groove = shade(p, 1);
    int r = side / 2, width = side * between(p, 7, 10) / 100, squeeze = between(p, 80, 100);
    for (int i = 0; r > 0; i++, r -= width) ellipse(p, x, y, r, r * squeeze / 100 + 1, i % 2 ? groove : ring);
}

static void tower(struct canvas *p, int x, int y, int side)
{
    struct colour wall = shade(p, 0), window = shade(p, 1);
    int width = side * between(p, 55, 90) / 100, left = x - width / 2, top = y - side / 2;
    int columns = between(p, 2, 4), rows = between(p, 3, 5);
    box(p, left, top, width, side, wall);
    for (int i = 0; i < rows; i++) {
        for (int k = 0; k < columns; k++)
            box(p, left + width * (4 * k + 2) / (4 * columns + 1), top + side * (4 * i + 2) / (4 * rows + 2), width * 2 / (4 * columns + 1),
                side * 2 / (4 * rows + 2), window);
    }
}

static void face(struct canvas *p, int x, int y, int side)
{
    struct colour coat = shade(p, 0), hair = shade(p, 0), skin = shade(p, 1), eye = shade(p, 0);
    int r = side * between(p, 26, 32) / 100, look = between(p, -r / 8, r / 8);
    int middle = y - side / 2 + r * 6 / 5;
    ellipse(p, x, y + side / 2, side * between(p, 38, 48) / 100, side / 3, coat);
    ellipse(p, x, middle - r / 6, r * 6 / 5, r * 6 / 5, hair);
    ellipse(p, x, middle + r / 6, r, r * 11 / 10, skin);
    for (int k = -1; k <= 1; k += 2) ellipse(p, x + look + k * r * 2 / 5, middle, r / 6 + 1, r / 6 + 1, eye);
    box(p, x + look - r * 2 / 5, middle + r * 3 / 5, r * 4 / 5, r / 6 + 1, eye);
}

/* ---- */

static uint8_t level(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* The sum of four uniform numbers of -110 to 110 has a standard deviation of 127 to 128. */
static int noise_of(struct canvas *p, int noise)
{
    int sum = 0;
    for (int k = 0; noise > 0 && k < 4; k++) sum += between(p, -110, 110);
    return sum * noise / 100;
}

void synth_picture(uint32_t seed, int id, int type, int noise, uint8_t rgb[SYNTH_PIXELS])
{
    static void (*const THING[SYNTH_TYPES])(struct canvas *, int, int, int) = {mountains, record, tower, face};
    struct canvas p = {.rng = rng_stream(seed, RNG_SYNTH, SYNTH_STREAM_PICTURE((uint32_t)id))};
    int side = CANVAS * between(&p, 60, 85) / 100, room = (CANVAS - side) / 2;
    struct colour ground = shade(&p, 1);
    box(&p, 0, 0, CANVAS, CANVAS, ground);
    clutter(&p, between(&p, 4, 8));
    THING[type](&p, CANVAS / 2 + between(&p, -room, room), CANVAS / 2 + between(&p, -room, room), side);
    clutter(&p, noise / 10);
    for (int y = 0; y < SYNTH_SIDE; y++) {
        for (int x = 0; x < SYNTH_SIDE; x++) {
            for (int k = 0; k < 3; k++) {
                int sum = p.at[2 * y][2 * x][k] + p.at[2 * y][2 * x + 1][k] + p.at[2 * y + 1][2 * x][k] + p.at[2 * y + 1][2 * x + 1][k];
                rgb[(y * SYNTH_SIDE + x) * 3 + k] = level((sum + 2) / 4 + noise_of(&p, noise));
            }
        }
    }
}
