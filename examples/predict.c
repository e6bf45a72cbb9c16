/* predict.c - entities of the lines of stdin, by the library: TYPE, score, characters and the words themselves.
 *
 *   cc predict.c $(pkg-config --cflags --libs nerve) -o predict
 *   echo 'Ada Lovelace was born in London' | ./predict runs/one
 */
#include <nerve.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 64 }; /* predicted together */

static void print_line(void *context, enum nerve_log_level level, const char *line)
{
    (void)context;
    if (level >= NERVE_LOG_INFO) fprintf(stderr, "predict: %s\n", line);
}

/* Reads up to LINES lines, without their ends. */
static size_t read_lines(char *lines[LINES])
{
    size_t n = 0, room = 0;
    ssize_t length;
    while (n < LINES) {
        lines[n] = NULL;
        room = 0;
        if ((length = getline(&lines[n], &room, stdin)) < 0) {
            free(lines[n]);
            break;
        }
        if (length > 0 && lines[n][length - 1] == '\n') lines[n][length - 1] = '\0';
        n++;
    }
    return n;
}

static void print_entities(const char *text, const nerve_prediction *found, size_t i)
{
    const struct nerve_entity *entities;
    const size_t n = nerve_prediction_entities(found, i, &entities);
    for (size_t k = 0; k < n; k++) {
        const struct nerve_entity *e = &entities[k];
        printf("%s\t%.4f\t%zu-%zu\t%.*s\n", e->type, e->score, e->start, e->end, (int)(e->byte_end - e->byte_start), text + e->byte_start);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    struct nerve_error error;
    nerve_model *model;
    nerve_prediction *found;
    char *lines[LINES];
    size_t n;
    int code = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: predict RUN|CHECKPOINT <TEXT\n");
        return 64;
    }
    nerve_set_log(print_line, NULL);
    if (nerve_model_open(argv[1], &model, &error)) {
        fprintf(stderr, "predict: %s\n", error.text);
        return 1;
    }
    while (!code && (n = read_lines(lines)) > 0) {
        code = nerve_predict(model, n, (const char *const *)lines, &found, &error);
        if (code) fprintf(stderr, "predict: %s\n", error.text);
        for (size_t i = 0; i < n; i++) {
            if (!code) print_entities(lines[i], found, i);
            free(lines[i]);
        }
        nerve_prediction_free(found);
    }
    nerve_model_close(model);
    return code ? 1 : 0;
}
