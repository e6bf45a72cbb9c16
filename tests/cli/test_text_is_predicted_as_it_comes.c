/* `nerve predict` as a user has it: in pipes that stay open, in every format, stopped, and with input that is wrong here and there. */
#include "training.h"
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern char **environ;

static void start_predict(struct program *p, const struct program_options *options, const char *arguments)
{
    char text[6 * PATH_MAX];
    snprintf(text, sizeof text, "predict --model %s/whole %s", folder, arguments);
    start(p, options, text);
}

/* What `nerve predict --model folder/whole ARGUMENTS` prints for this input; free it. */
static char *predicted(int status, const char *input, const char *arguments, const char *const *environment)
{
    struct program p;
    start_predict(&p, &(struct program_options){.input = input, .environment = environment}, arguments);
    program_finish(&p);
    if (p.status != status) fail_msg("exit %d, stderr: %s", p.status, p.errors);
    char *output = strdup(p.output);
    program_free(&p);
    return output;
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text; text++) n += *text == '\n';
    return n;
}

/* The next line as JSON, or NULL at the end. */
static struct json *next_object(char **text)
{
    struct json *v = NULL;
    struct err e = {0};
    char *line = strsep(text, "\n");
    if (!line || !*line) return NULL;
    if (json_parse(line, strlen(line), "output", &v, &e)) fail_msg("%s in: %s", e.text, line);
    return v;
}

static int64_t integer(const struct json *object, const char *key)
{
    int64_t x;
    if (!json_read_integer(json_get(object, key), &x)) fail_msg("no integer '%s'", key);
    return x;
}

static const char *string(const struct json *object, const char *key)
{
    const char *text = json_text(json_get(object, key));
    if (!text) fail_msg("no string '%s'", key);
    return text;
}

static double score_of(const struct json *entity)
{
    double x = NAN;
    assert_true(json_read_number(json_get(entity, "score"), &x));
    return x;
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "re");
    struct stat about;
    assert_true(f && fstat(fileno(f), &about) == 0);
    char *text = calloc((size_t)about.st_size + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)about.st_size, f), about.st_size);
    fclose(f);
    return text;
}

/* ---- what is found ---- */

static void predictions_are_those_of_the_run(void **state)
{
    (void)state;
    char *of_run = read_text(path_of("whole/predictions.jsonl")), *ours = predicted(0, NULL, path_of("data/test.txt"), NULL);
    char *x = of_run, *y = ours;
    int n = 0, n_entities = 0;
    for (struct json *a, *b; (a = next_object(&x)); n++) {
        assert_non_null(b = next_object(&y));
        assert_string_equal(string(a, "id"), string(b, "id"));
        assert_string_equal(string(a, "text"), string(b, "text"));
        const struct json *as = json_get(a, "entities"), *bs = json_get(b, "entities");
        assert_int_equal(json_size(as), json_size(bs));
        for (size_t k = 0; k < json_size(as); k++, n_entities++) {
            const struct json *p = json_at(as, k), *q = json_at(bs, k);
            assert_string_equal(string(p, "entity_group"), string(q, "entity_group"));
            assert_string_equal(string(p, "word"), string(q, "word"));
            assert_int_equal(integer(p, "start"), integer(q, "start"));
            assert_int_equal(integer(p, "end"), integer(q, "end"));
            if (!(fabs(score_of(p) - score_of(q)) <= 1e-4)) fail_msg("scores %.9g and %.9g", score_of(p), score_of(q));
        }
        json_free(a);
        json_free(b);
    }
    assert_null(next_object(&y));
    assert_true(n > 1 && n_entities > 1);
    free(of_run);
    free(ours);
}

static void columns_come_back_with_their_ids(void **state)
{
    (void)state;
    char *given = read_text(path_of("data/test.txt")), *output = predicted(0, given, "--format conll", NULL);
    char *x = given, *y = output, *a, *b;
    while ((a = strsep(&x, "\n")) && (b = strsep(&y, "\n"))) {
        const size_t n = strcspn(a, "\t");
        if (strncmp(a, b, n) != 0 || a[n] != b[n]) fail_msg("'%s' became '%s'", a, b);
        if (a[n] == '\t') assert_true(strcmp(b + n + 1, "O") == 0 || strncmp(b + n + 1, "B-", 2) == 0 || strncmp(b + n + 1, "I-", 2) == 0);
    }
    assert_null(a);
    free(given);
    free(output);

    output = predicted(0, "{\"words\":[\"New York\",\".\"]}\n", "--format conll", NULL);
    assert_memory_equal(output, "New York\t", strlen("New York\t"));
    free(output);
}

/* Five hundred words are more than the model can hold at once; none may be without a tag, and entities of the last part have their place.
 */
static void a_long_sentence_is_predicted_in_parts(void **state)
{
    (void)state;
    enum { TIMES = 100 };
    static const char WORDS[] = "\U0001F602 met Justin Bieber today ";
    char text[TIMES * sizeof WORDS] = "";
    for (int i = 0; i < TIMES; i++) strcat(text, WORDS);
    char *columns = predicted(0, text, "--format conll", NULL);
    assert_int_equal(count_lines(columns), 5 * TIMES + 1);
    free(columns);

    char *output = predicted(0, text, "", NULL), *rest = output;
    struct json *v = next_object(&rest);
    const struct json *entities = json_get(v, "entities");
    int64_t end = 0, length = 0;
    for (const char *c = text; *c; c++) length += ((unsigned char)*c & 0xC0) != 0x80;
    assert_string_equal(string(v, "text"), text);
    for (size_t k = 0; k < json_size(entities); k++) {
        assert_true(integer(json_at(entities, k), "start") >= end);
        end = integer(json_at(entities, k), "end");
    }
    assert_true(end > length / 2 && end <= length);
    json_free(v);
    free(output);
}

static void a_word_that_the_model_cannot_hold_is_outside(void **state)
{
    (void)state;
    char word[96], text[300];
    memset(word, 'q', 95);
    word[95] = '\0';
    snprintf(text, sizeof text, "{\"words\":[\"%s\",\"%s\",\"ok\"]}\n", word, word);
    char *output = predicted(0, text, "--format conll", NULL);
    snprintf(text, sizeof text, "%s\tO\n%s\tO\nok\t", word, word);
    assert_memory_equal(output, text, strlen(text));
    assert_int_equal(count_lines(output), 4);
    free(output);
}

static void there_may_be_nothing_to_predict(void **state)
{
    (void)state;
    static const char *const INPUTS[] = {"", "\n\n", "IMGID:1\n", "{}\n", "\u00A0\n", "{\"words\":[]}\n"};
    static const int STATUS[] = {0, 0, 65, 65, 0, 0}, LINES[] = {0, 0, 1, 1, 1, 1};
    for (size_t i = 0; i < sizeof INPUTS / sizeof *INPUTS; i++) {
        char *output = predicted(STATUS[i], INPUTS[i], "", NULL);
        assert_int_equal(count_lines(output), LINES[i]);
        free(output);
    }
}

/* ---- order and errors ---- */

static void answers_keep_the_order_and_errors_their_place(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    char *input, *output, *rest;
    size_t size;
    FILE *f = open_memstream(&input, &size);
    for (int i = 1; i <= MANY; i++) {
        if (i % 97 == 0) {
            fprintf(f, "{\"id\":\"%d\",\"text\":\n", i);
            continue;
        }
        fprintf(f, i % 2 ? "{\"id\":%d,\"text\":\"" : "{\"id\":\"n%d\",\"text\":\"", i);
        for (int k = 0; k < i * 7 % 23; k++) fprintf(f, "Paris %d ", k);
        fputs("\"}\n", f);
    }
    fclose(f);
    struct program p;
    start_predict(&p, &(struct program_options){.input = input}, "");
    program_finish(&p);
    assert_int_equal(p.status, 65);
    assert_string_equal(p.errors, "warning: 10 of 1000 inputs could not be read\n");
    output = rest = p.output;
    for (int i = 1; i <= MANY; i++) {
        char name[16];
        struct json *v = next_object(&rest);
        assert_non_null(v);
        snprintf(name, sizeof name, "n%d", i);
        if (i % 97 == 0) {
            assert_int_equal(integer(v, "line"), i);
            assert_non_null(strstr(string(v, "error"), "not valid JSON"));
            assert_null(json_get(v, "entities"));
        } else if (i % 2) {
            assert_int_equal(integer(v, "id"), i);
        } else {
            assert_string_equal(string(v, "id"), name);
        }
        json_free(v);
    }
    assert_string_equal(rest, "");
    assert_ptr_equal(output, p.output);
    program_free(&p);
    free(input);
}

static void an_error_is_told_on_stderr_where_stdout_has_no_room_for_it(void **state)
{
    (void)state;
    static const char *const FORMATS[] = {"--format conll", "--format color"};
    for (int i = 0; i < 2; i++) {
        struct program p;
        start_predict(&p, &(struct program_options){.input = "{\"words\":[\"a\"]}\n{}\n{\"words\":[\"b\"]}\n"}, FORMATS[i]);
        program_finish(&p);
        assert_int_equal(p.status, 65);
        assert_string_equal(p.errors, "warning: line 2: has neither 'text' nor 'words'\nwarning: 1 of 3 inputs could not be read\n");
        assert_null(strstr(p.output, "neither"));
        program_free(&p);
    }
}

static void an_id_that_would_break_the_columns_is_left_out(void **state)
{
    (void)state;
    char *output =
        predicted(0, "{\"id\":\"a\\nx\\tB-PER\",\"words\":[\"runs\"]}\n{\"id\":\"b\",\"words\":[\"runs\"]}\n", "--format conll", NULL);
    assert_memory_equal(output, "runs\t", 5);
    assert_non_null(strstr(output, "\n\nIMGID:b\nruns\t"));
    free(output);
}

static void a_line_that_is_too_long_is_an_error_of_its_own(void **state)
{
    (void)state;
    enum { TOO_LONG = (1 << 20) + 1 };
    char *input = malloc(TOO_LONG + 16), *output, *rest;
    assert_non_null(input);
    strcpy(input, "a\n");
    memset(input + 2, 'x', TOO_LONG);
    strcpy(input + 2 + TOO_LONG, "\nb\n");
    output = rest = predicted(65, input, "", NULL);
    struct json *first = next_object(&rest), *second = next_object(&rest), *third = next_object(&rest);
    assert_int_equal(integer(first, "id"), 1);
    assert_int_equal(integer(second, "line"), 2);
    assert_string_equal(string(second, "error"), "a line of more than 1048576 bytes");
    assert_int_equal(integer(third, "id"), 3);
    json_free(first);
    json_free(second);
    json_free(third);
    free(output);
    free(input);
}

static void wrong_arguments_are_named(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *arguments, *error;
    } CASES[] = {
        {64, "predict", "--model RUN|CHECKPOINT is missing"},
        {64, "predict --model x a b", "more than one file: 'a' and 'b'"},
        {64, "predict --model x --format xml", "--format: expected one of jsonl, conll, color, found 'xml'"},
        {64, "predict --model x --input-format csv", "--input-format: expected one of auto, text, conll, jsonl, found 'csv'"},
        {64, "predict --model x --batch 0", "--batch"},
        {64, "predict --model x --threads many", "--threads"},
        {66, "predict --model /no/such/run", "/no/such/run"},
        {66, "predict --model /no/such/run /no/such/text", "/no/such/text: cannot be opened: No such file or directory"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[200];
        struct program p;
        snprintf(text, sizeof text, "%s", CASES[i].arguments);
        start(&p, NULL, text);
        program_finish(&p);
        if (p.status != CASES[i].status || !strstr(p.errors, CASES[i].error) || *p.output)
            fail_msg("%s: exit %d, stdout '%s', stderr: %s", CASES[i].arguments, p.status, p.output, p.errors);
        program_free(&p);
    }
}

static void output_that_cannot_be_written_ends_it(void **state)
{
    (void)state;
    static const struct {
        enum program_stdout output;
        const char *errors;
    } CASES[] = {{STDOUT_FULL_DISK, "nerve: cannot write to stdout: No space left on device\n"}, {STDOUT_CLOSED_PIPE, ""}};
    for (int i = 0; i < 2; i++) {
        struct program p;
        start_predict(&p, &(struct program_options){.input = "a\nb\n", .output = CASES[i].output}, "--batch 1");
        program_finish(&p);
        assert_int_equal(p.status, 74);
        assert_string_equal(p.errors, CASES[i].errors);
        program_free(&p);
    }
}

/* ---- colours ---- */

/* The text with what is put around each entity of the object. */
static void marked(FILE *out, const struct json *v, bool colours)
{
    const char *text = string(v, "text");
    const struct json *entities = json_get(v, "entities");
    size_t at = 0;
    for (size_t k = 0; k < json_size(entities); k++) {
        const struct json *x = json_at(entities, k);
        const size_t start = (size_t)integer(x, "start"), length = strlen(string(x, "word"));
        fprintf(out, "%.*s", (int)(start - at), text + at); /* synthetic tweets are ASCII */
        if (colours)
            fprintf(out, "\033[1;##m%s\033[0m\033[2m %s %.2f\033[0m", string(x, "word"), string(x, "entity_group"), score_of(x));
        else
            fprintf(out, "[%s](%s %.2f)", string(x, "word"), string(x, "entity_group"), score_of(x));
        at = start + length;
    }
    fprintf(out, "%s\n", text + at);
}

static void entities_are_coloured_or_in_brackets(void **state)
{
    (void)state;
    static const char *const WITH[] = {"NO_COLOR", NULL}, *const WITHOUT[] = {"NO_COLOR=1", NULL}, *const EMPTY[] = {"NO_COLOR=", NULL};
    static const char *const *const ENVIRONMENTS[] = {WITH, WITHOUT, EMPTY};
    for (int i = 0; i < 3; i++) {
        char *expected, *objects = predicted(0, NULL, path_of("data/test.txt"), NULL), *rest = objects, arguments[3 * PATH_MAX];
        size_t size;
        FILE *f = open_memstream(&expected, &size);
        for (struct json *v; (v = next_object(&rest)); json_free(v)) marked(f, v, i != 1);
        fclose(f);
        snprintf(arguments, sizeof arguments, "--format color %s", path_of("data/test.txt"));
        char *found = predicted(0, NULL, arguments, ENVIRONMENTS[i]);
        assert_true(strstr(expected, i == 1 ? "](" : "\033[1;##m") != NULL);
        for (char *c = found; (c = strstr(c, "\033[1;")); c++) { /* which colour a type has is no promise */
            assert_in_range(c[4], '3', '3');
            assert_in_range(c[5], '1', '6');
            c[4] = c[5] = '#';
        }
        assert_string_equal(found, expected);
        free(found);
        free(expected);
        free(objects);
    }
}

static void text_of_strangers_does_not_steer_the_terminal(void **state)
{
    (void)state;
    static const char *const NO_COLOUR[] = {"NO_COLOR=1", NULL};
    char *output = predicted(0, "{\"text\":\"a\\u001b[2Jb\\u0007 \\u009b1m \\u007f\\r\\n\"}\n", "--format color", NO_COLOUR);
    for (const char *c = output; *c; c++) {
        const unsigned char x = (unsigned char)*c;
        if (x < 0x20 || x == 0x7F) assert_true(x == '\n' && !c[1]);
        if (x == 0xC2) assert_true((unsigned char)c[1] >= 0xA0);
    }
    assert_int_equal(count_lines(output), 1);
    free(output);
}

/* ---- pipes that stay open ---- */

struct open_pipe {
    struct program program;
    int in;
};

static void open_pipe_start(struct open_pipe *p, const char *name, const char *arguments)
{
    char text[3 * PATH_MAX];
    const char *path = path_of("%s", name);
    assert_int_equal(mkfifo(path, 0600), 0);
    p->in = open(path, O_RDWR | O_CLOEXEC); /* does not wait for a reader */
    assert_true(p->in >= 0);
    snprintf(text, sizeof text, "%s %s", arguments, path);
    start_predict(&p->program, NULL, text);
}

static void send_text(const struct open_pipe *p, const char *text)
{
    assert_int_equal(write(p->in, text, strlen(text)), strlen(text));
}

/* Waits until n lines were answered. */
static void wait_for_lines(const struct open_pipe *p, int n)
{
    for (int waited = 0; waited < 6000; waited++) {
        static char text[1 << 16];
        int found = 0;
        off_t at = 0;
        for (ssize_t more; (more = pread(p->program.out, text, sizeof text, at)) > 0; at += more)
            for (ssize_t i = 0; i < more; i++) found += text[i] == '\n';
        if (found >= n) return;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    fail_msg("%d answers did not come while the input was open", n);
}

static void an_answer_comes_while_input_still_comes(void **state)
{
    (void)state;
    struct open_pipe p;
    open_pipe_start(&p, "open", "");
    send_text(&p, "Paris is nice\n");
    wait_for_lines(&p, 1);
    send_text(&p, "half a li");
    send_text(&p, "ne\n\nthe third\n");
    wait_for_lines(&p, 3);
    close(p.in);
    program_finish(&p.program);
    assert_int_equal(p.program.status, 0);
    assert_string_equal(p.program.errors, "");
    char *rest = p.program.output;
    static const char *const TEXTS[] = {"Paris is nice", "half a line", "the third"};
    for (int i = 0; i < 3; i++) {
        struct json *v = next_object(&rest);
        assert_string_equal(string(v, "text"), TEXTS[i]);
        json_free(v);
    }
    program_free(&p.program);
}

/* In every format: who reads a pipe of columns waits too. */
static void an_answer_comes_in_every_format(void **state)
{
    (void)state;
    static const struct {
        const char *name, *arguments, *text;
        int lines;
    } CASES[] = {{"columns", "--format conll", "IMGID:1\na\tO\n\n", 3}, {"colours", "--format color", "a\n", 1}};
    for (int i = 0; i < 2; i++) {
        struct open_pipe p;
        open_pipe_start(&p, CASES[i].name, CASES[i].arguments);
        send_text(&p, CASES[i].text);
        wait_for_lines(&p, CASES[i].lines);
        close(p.in);
        program_finish(&p.program);
        assert_int_equal(p.program.status, 0);
        program_free(&p.program);
    }
}

/* All lines go into the pipe in one piece, so all were read when the first is answered. */
static void a_signal_lets_what_was_read_be_answered(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static const struct {
        int signal, status;
        const char *name;
    } CASES[] = {{SIGTERM, 143, "term"}, {SIGINT, 130, "int"}};
    char text[16 * MANY] = "";
    for (int i = 0; i < MANY; i++) sprintf(text + strlen(text), "Paris %d\n", i);
    assert_true(strlen(text) <= PIPE_BUF);
    for (int i = 0; i < 2; i++) {
        struct open_pipe p;
        open_pipe_start(&p, CASES[i].name, "--batch 2");
        send_text(&p, text);
        wait_for_lines(&p, 1);
        assert_int_equal(kill(p.program.pid, CASES[i].signal), 0);
        program_finish(&p.program);
        close(p.in);
        assert_int_equal(p.program.status, CASES[i].status);
        assert_int_equal(count_lines(p.program.output), MANY);
        program_free(&p.program);
    }
}

static void a_signal_ends_the_wait_for_input(void **state)
{
    (void)state;
    struct open_pipe p;
    open_pipe_start(&p, "idle", "");
    send_text(&p, "a\n");
    wait_for_lines(&p, 1);
    kill(p.program.pid, SIGTERM);
    program_finish(&p.program);
    close(p.in);
    assert_int_equal(p.program.status, 143);
    assert_int_equal(count_lines(p.program.output), 1);
    program_free(&p.program);
}

#if !SANITIZED /* a sanitizer keeps what was freed */
/* The most memory that the process had so far, in kB. */
static long peak_memory(pid_t pid)
{
    char path[64], line[200];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %ld kB", &kilobytes);
    fclose(f);
    assert_true(kilobytes > 0);
    return kilobytes;
}

/* Text and words of the later lines are 9 MB, so keeping any of it shows. */
static void memory_does_not_grow_with_the_input(void **state)
{
    (void)state;
    enum { WARM = 1000, MANY = 10000, WORDS = 50 };
    char line[WORDS * 2 + 2] = "";
    for (int w = 0; w < WORDS; w++) strcat(line, "a ");
    strcat(line, "\n");
    struct open_pipe p;
    open_pipe_start(&p, "long", "--threads 1");
    for (int i = 0; i < WARM; i++) send_text(&p, line);
    wait_for_lines(&p, WARM);
    const long before = peak_memory(p.program.pid);
    for (int i = 0; i < MANY; i++) send_text(&p, line);
    wait_for_lines(&p, WARM + MANY);
    const long after = peak_memory(p.program.pid);
    close(p.in);
    program_finish(&p.program);
    assert_int_equal(p.program.status, 0);
    program_free(&p.program);
    if (!(after - before < 4 * 1024)) fail_msg("%ld kB after %d lines, %ld kB after %d more", before, WARM, after, MANY);
}
#endif

/* ---- a terminal ---- */

static int open_terminal(void)
{
    const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static void a_terminal_gets_colours(void **state)
{
    (void)state;
    const int reader = open_terminal();
    pid_t pid;
    int status;
    posix_spawn_file_actions_t actions;
    assert_true(reader >= 0);
    unsetenv("NO_COLOR");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, ptsname(reader), O_RDWR | O_NOCTTY, 0);
    const char *argv[] = {NERVE, "predict", "--model", path_of("whole"), path_of("data/test.txt"), NULL};
    assert_int_equal(posix_spawn(&pid, NERVE, &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    char text[1 << 16];
    size_t n = 0;
    for (ssize_t more; n < sizeof text - 1 && (more = read(reader, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)more;
    text[n] = '\0';
    close(reader);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "\033[1;3"));
    assert_null(strstr(text, "entity_group"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_are_those_of_the_run),
        cmocka_unit_test(columns_come_back_with_their_ids),
        cmocka_unit_test(a_long_sentence_is_predicted_in_parts),
        cmocka_unit_test(a_word_that_the_model_cannot_hold_is_outside),
        cmocka_unit_test(there_may_be_nothing_to_predict),
        cmocka_unit_test(answers_keep_the_order_and_errors_their_place),
        cmocka_unit_test(an_error_is_told_on_stderr_where_stdout_has_no_room_for_it),
        cmocka_unit_test(an_id_that_would_break_the_columns_is_left_out),
        cmocka_unit_test(a_line_that_is_too_long_is_an_error_of_its_own),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(output_that_cannot_be_written_ends_it),
        cmocka_unit_test(entities_are_coloured_or_in_brackets),
        cmocka_unit_test(text_of_strangers_does_not_steer_the_terminal),
        cmocka_unit_test(an_answer_comes_while_input_still_comes),
        cmocka_unit_test(an_answer_comes_in_every_format),
        cmocka_unit_test(a_signal_lets_what_was_read_be_answered),
        cmocka_unit_test(a_signal_ends_the_wait_for_input),
#if !SANITIZED
        cmocka_unit_test(memory_does_not_grow_with_the_input),
#endif
        cmocka_unit_test(a_terminal_gets_colours), /* the last, since not every machine has terminals */
    };
    const int terminal = open_terminal();
    if (terminal >= 0)
        close(terminal);
    else
        fprintf(stderr, "colours on a terminal are not tested: this machine has no pseudo-terminals\n");
    return _cmocka_run_group_tests("text is predicted as it comes", tests, sizeof tests / sizeof *tests - (terminal < 0), training_set_up,
                                   training_tear_down);
}
