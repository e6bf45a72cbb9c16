/* predict.c - `nerve predict --model RUN|CHECKPOINT [FILE|-]`: entities of one's own text, while it still comes. */
#include "cli.h"
#include "clock.h"
#include "line_stream.h"
#include "loaded_model.h"
#include "log.h"
#include "machine.h"
#include "model_store.h"
#include "predict_input.h"
#include "predict_print.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 256,           /* sentences that wait for each other at most */
    FIRST_BATCH = 4,       /* at first fewer, doubled by each full batch: the first answer of a long input comes soon */
    BATCH_BYTES = 4 << 20, /* of text, at most: memory stays bounded whatever is read */
    DEADLINE_MS = 50,      /* a sentence waits for others at most so long */
    BATCH_PIECES = 2048,   /* word pieces that go through the model together */
};

enum { KEY_IMAGES = 256, KEY_CAPTIONS, KEY_FEATURES, KEY_WORDS };

struct arguments {
    const char *model, *file;
    struct visual_given given;
    enum input_format input;
    enum print_format output;
    bool output_given, words;
    int threads, batch;
};

static volatile sig_atomic_t stop; /* the signal that asked to stop */

/* The first signal lets what was read be answered; the second one does not wait. */
static void on_signal(int signal)
{
    if (stop) _exit(128 + signal);
    stop = signal;
}

/* The word's place in a list that ends with NULL. */
static int choice(const struct argp_state *state, const char *option, const char *text, const char *const *words)
{
    char all[128] = "";
    for (int k = 0; words[k]; k++) {
        if (strcmp(words[k], text) == 0) return k;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", k ? ", " : "", words[k]);
    }
    argp_error(state, "%s: expected one of %s, found '%s'", option, all, text);
    return 0;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'm':
        a->model = text;
        return 0;
    case 'i':
        a->input = (enum input_format)choice(state, "--input-format", text, INPUT_FORMAT_NAMES);
        return 0;
    case 'f':
        a->output = (enum print_format)choice(state, "--format", text, PRINT_FORMAT_NAMES);
        a->output_given = true;
        return 0;
    case KEY_IMAGES:
        a->given.images = text;
        return 0;
    case KEY_CAPTIONS:
        a->given.captions = text;
        return 0;
    case KEY_FEATURES:
        a->given.features = text;
        return 0;
    case KEY_WORDS:
        a->words = true;
        return 0;
    case 'b':
        a->batch = (int)cli_integer(state, "--batch", text, 1, 100000);
        return 0;
    case 't':
        a->threads = (int)cli_integer(state, "--threads", text, 1, 1024);
        return 0;
    case ARGP_KEY_ARG:
        if (a->file) argp_error(state, "more than one file: '%s' and '%s'", a->file, text);
        a->file = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->model) argp_error(state, "--model RUN|CHECKPOINT is missing");
        if (a->words && a->output_given && a->output != PRINT_JSONL) argp_error(state, "--words is for --format jsonl");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* ---- sentences wait here for a batch ---- */

struct work {
    const struct arguments *arguments;
    struct loaded_model model;
    struct visual_source source;
    ag_graph graph;
    struct printer printer;
    struct input_sentence *waiting; /* [arguments->batch] */
    struct sentence *sentences;     /* those of `waiting` that are no errors */
    int n, room;                    /* room: a batch is full */
    size_t bytes;
    double since;                    /* when the first of them came, in seconds */
    long n_inputs, n_bad, n_without; /* without: what they show cannot be used */
    long flushes;
};

/* Of sentence k, whose picture cannot be used and may not be left out. */
static bool refuse(const struct work *w, const struct prediction *p, int k, struct input_sentence *s)
{
    if (!p->note[k] || !w->source.refuse_bad) return false;
    s->error = p->note[k];
    p->note[k] = NULL;
    return true;
}

static void print_waiting(struct work *w, const struct prediction *p)
{
    for (int i = 0, k = 0; i < w->n; i++) {
        struct input_sentence *s = &w->waiting[i];
        const int which = s->error ? -1 : k++;
        if (which < 0 || refuse(w, p, which, s)) {
            w->n_bad++;
            print_error(&w->printer, s);
        } else {
            const int first = p->entity_start[which], word = p->word_start[which];
            w->n_without += p->note[which] != NULL;
            print_sentence(&w->printer, s, p->entity_start[which + 1] - first, p->entities + first, p->tags + word,
                           p->words ? p->words + word : NULL, p->note[which]);
        }
        w->n_inputs++;
        input_sentence_free(s);
    }
}

static int flush(struct work *w, struct err *e)
{
    struct prediction p;
    int n = 0;
    for (int i = 0; i < w->n; i++)
        if (!w->waiting[i].error) w->sentences[n++] = w->waiting[i].sentence;
    if (w->flushes++ == 1) model_pack(&w->model.model, w->model.checkpoint); /* takes longer than it saves for one short input */
    int code = predict_sentences(&w->model.model, &w->graph, n, w->sentences, &w->source, BATCH_PIECES, w->arguments->words, &p, e);
    if (code) return code;
    print_waiting(w, &p);
    prediction_free(&p);
    if (w->n == w->room) w->room = w->room < w->arguments->batch / 2 ? 2 * w->room : w->arguments->batch;
    w->n = 0;
    w->bytes = 0;
    return fflush(stdout) ? err_set(e, ERR_IO, "cannot write to stdout: %s", strerror(errno)) : 0;
}

static int add(struct work *w, int given, const struct input_sentence *s, struct err *e)
{
    if (given <= 0) return given;
    if (w->n == 0) w->since = clock_seconds();
    w->waiting[w->n++] = *s;
    w->bytes += s->sentence.size;
    return w->n == w->room || w->bytes >= BATCH_BYTES ? flush(w, e) : 0;
}

/* Waits for input, but not for longer than the first waiting sentence may wait. */
static int wait_or_flush(struct work *w, struct line_stream *lines, struct err *e)
{
    int timeout = -1;
    if (w->n > 0) {
        const double left = 1e3 * (w->since - clock_seconds()) + DEADLINE_MS;
        if (left <= 0) return flush(w, e); /* also where lines that give no sentence come without a pause */
        timeout = (int)left + 1;
    }
    const int got = line_stream_read(lines, timeout, &stop, e);
    if (got < 0) return err_prefix(e, "%s: ", strcmp(w->arguments->file, "-") == 0 ? "stdin" : w->arguments->file);
    return got == 0 && w->n > 0 ? flush(w, e) : 0;
}

static int predict_lines(struct work *w, struct line_stream *lines, struct predict_input *input, struct err *e)
{
    char why[64];
    snprintf(why, sizeof why, "a line of more than %d bytes", LINE_MAX_BYTES);
    for (int code = 0;;) {
        struct input_sentence s;
        char *line;
        size_t size;
        switch (line_stream_next(lines, &line, &size)) {
        case LINE_GIVEN:
            code = add(w, predict_input_line(input, lines->line, line, size, &s, e), &s, e);
            break;
        case LINE_TOO_LONG:
            code = add(w, predict_input_error(input, lines->line, why, &s, e), &s, e);
            break;
        case LINE_WAIT: /* what was read is answered before a signal ends it */
            if (stop) return flush(w, e);
            code = wait_or_flush(w, lines, e);
            break;
        case LINE_END:
            code = add(w, predict_input_line(input, lines->line, NULL, 0, &s, e), &s, e);
            return code ? code : flush(w, e);
        }
        if (code) return code;
    }
}

/* ---- the command ---- */

/* What the model looks at, from the option that names it or from its run. */
static int open_source(struct work *w, struct err *e)
{
    const struct nerve_config *c = &w->model.config;
    const struct model_shape *shape = &w->model.model.shape;
    const char *given = visual_given_path(&w->arguments->given, shape);
    return given ? visual_source_open_at(c, shape, given, &w->source, e) : visual_source_open_if_there(c, shape, &w->source, e);
}

static int open_input(const char *file, int *fd, struct err *e)
{
    *fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0) return 0;
    return err_set(e, ERR_NOINPUT, "%s: cannot be opened: %s", file, strerror(errno));
}

static int run(struct work *w, struct err *e)
{
    const struct arguments *a = w->arguments;
    struct line_stream lines = {.fd = -1};
    struct predict_input input = {0};
    int fd = -1, code;
    ag_graph_init(&w->graph);
    if ((code = open_input(a->file, &fd, e)) || (code = loaded_model_open(a->model, &w->model, e)) || (code = open_source(w, e)) ||
        (code = line_stream_open(fd, &lines, e)))
        goto done;
    predict_input_begin(&input, a->input, w->model.model.shape.visual.source);
    w->room = a->batch < FIRST_BATCH ? a->batch : FIRST_BATCH;
    w->waiting = calloc((size_t)a->batch, sizeof *w->waiting);
    w->sentences = calloc((size_t)a->batch, sizeof *w->sentences);
    if (!w->waiting || !w->sentences) {
        code = err_set(e, ERR_INTERNAL, "out of memory for %d sentences", a->batch);
        goto done;
    }
    w->printer = printer_for(stdout, a->output, &w->model.model);
    code = predict_lines(w, &lines, &input, e);
done:
    for (int i = 0; i < w->n; i++) input_sentence_free(&w->waiting[i]);
    free(w->waiting);
    free(w->sentences);
    predict_input_end(&input);
    line_stream_close(&lines);
    if (fd > STDIN_FILENO) close(fd);
    ag_graph_free(&w->graph);
    visual_source_close(&w->source);
    loaded_model_close(&w->model);
    return code;
}

static const struct argp_option OPTIONS[] = {
    {.name = "model", .key = 'm', .arg = "RUN|CHECKPOINT", .doc = "a run directory (its best epoch) or a checkpoint file"},
    {.name = "input-format", .key = 'i', .arg = "auto|text|conll|jsonl", .doc = "default: auto"},
    {.name = "format", .key = 'f', .arg = "jsonl|conll|color", .doc = "what is printed; default: color on a terminal, else jsonl"},
    {.name = "images", .key = KEY_IMAGES, .arg = "DIR", .doc = "folder of pictures, for a model that looks at them; default: the run's"},
    {.name = "captions",
     .key = KEY_CAPTIONS,
     .arg = "FILE",
     .doc = "captions of the pictures, for a model that reads them; default: the run's"},
    {.name = "features", .key = KEY_FEATURES, .arg = "FILE", .doc = "stored features, for a model that takes them; default: the run's"},
    {.name = "words", .key = KEY_WORDS, .doc = "jsonl: also every word, with its tag and how sure that is"},
    {.name = "batch",
     .key = 'b',
     .arg = "N",
     .doc = "sentences that are read before they are predicted together, while more come (default 256)"},
    {.name = "threads", .key = 't', .arg = "N", .doc = "threads; default: one for each processor"},
    {0},
};

static const struct argp ARGP = {
    .options = OPTIONS,
    .parser = parse,
    .args_doc = "[FILE|-]",
    .doc =
        "Find the entities of a text, with the probability of each."
        "\vFILE, or - (default) for stdin, is read as it comes, and answered in its order: a sentence waits for others 50 ms at most. "
        "Its format is text: a sentence a line; conll: a word a line; or jsonl: objects with \"text\" or \"words\", and \"id\"; auto goes by the "
        "first line that is not blank.\n\n"
        "Answers as JSON lines have the shape of Hugging Face's token classification; start and end count characters of the text. A line that cannot "
        "be read gives an object with its number and the error, the rest goes on, and the exit status is 65.\n\n"
        "A model that looks at pictures, captions or stored features finds those of a sentence by its id, that of a JSON line or of IMGID. "
        "A JSON line may hold its own instead: \"image\", a path below the folder of pictures, or \"caption\", its words. What cannot be used is "
        "told in \"note\", and the sentence is predicted without it; data.bad_image=error in the model's configuration makes it an error.\n\n"
        "Examples:\n"
        "  echo 'Justin Bieber played in Paris' | nerve predict --model runs/one\n"
        "  nerve predict --model runs/one --format conll synth/test.txt\n"
        "  nerve predict --model runs/one --format jsonl synth/test.txt",
    .children = CLI_COMMON,
};

static int run_command(int argc, char **argv)
{
    static struct work w;
    struct arguments a = {.batch = BATCH};
    struct err e = {0};
    argp_parse(&ARGP, argc, argv, 0, NULL, &a);
    if (!a.file) a.file = "-";
    if (!a.output_given) a.output = isatty(STDOUT_FILENO) && !a.words ? PRINT_COLOR : PRINT_JSONL;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    w.arguments = &a;
    if (machine_start(a.threads, &e)) return cli_fail(&e);
    if (run(&w, &e)) return e.code == ERR_IO && ferror(stdout) ? -ERR_IO : cli_fail(&e); /* what stdout lost is told at its end */
    if (w.n_without > 0) log_warning("%ld of %ld inputs were predicted without what they show", w.n_without, w.n_inputs);
    if (w.n_bad > 0) log_warning("%ld of %ld inputs could not be read", w.n_bad, w.n_inputs);
    return stop ? 128 + stop : w.n_bad > 0 ? -ERR_DATA : 0;
}

const struct command COMMAND_PREDICT = {
    .name = "predict",
    .about = "find the entities of one's own text",
    .argp = &ARGP,
    .run = run_command,
};
