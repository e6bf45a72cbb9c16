/* write_clip.c - a folder of CLIP ViT-B/32 in its real size, with random weights: `write_clip FOLDER [SEED]`. */
#include "clip_folder.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct err e = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: write_clip FOLDER [SEED]\n");
        return 64;
    }
    if (!clip_folder_write(argv[1], &CLIP_B32, argc > 2 ? (uint32_t)atol(argv[2]) : 1, &e)) return 0;
    fprintf(stderr, "write_clip: %s\n", e.text);
    return -e.code;
}
