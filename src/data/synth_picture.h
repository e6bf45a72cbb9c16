/* synth_picture.h - a small picture of a type's thing: mountains (LOC), a record (MISC), a tower of windows (ORG), a face (PER). */
#ifndef DATA_SYNTH_PICTURE_H
#define DATA_SYNTH_PICTURE_H

#include <stdint.h>

enum { SYNTH_SIDE = 48, SYNTH_PIXELS = SYNTH_SIDE * SYNTH_SIDE * 3 };

/* rgb [SYNTH_SIDE,SYNTH_SIDE,3]: place, size and colours of the thing, and what lies around it, are random, and no colour belongs to a
 * type. noise is 0 to 100: the noise that is added has a standard deviation of 1.28 noise levels of 255, and one small shape in front for
 * every 10. */
void synth_picture(uint32_t seed, int id, int type, int noise, uint8_t rgb[SYNTH_PIXELS]);

#endif
