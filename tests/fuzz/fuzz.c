#include "fuzz.h"
#include "files.h"
#include "temporary.h"
#include "utf8.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 500, CLAIM_STATUS = 3 };

#ifdef SANITIZED
/* The shadow memory takes more address space than any limit would leave: what is asked for at once is limited instead. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=1024";
}
enum { LIMITS_ADDRESS_SPACE = 0 };
#else
enum { LIMITS_ADDRESS_SPACE = 1 };
#endif

/* What the child tells the parent. */
struct shared {
    uint32_t number, read, refused;
    char claim[1024];
};
static struct shared *shared; /* NULL in a process that runs for a debugger */

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

void fuzz_claim_fails(const char *file, int line, const char *condition, const char *format, ...)
{
    char text[700];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!shared) {
        printf("claim: %s:%d: %s: %s\n", file, line, condition, text);
        fflush(stdout);
        abort();
    }
    snprintf(shared->claim, sizeof shared->claim, "%s:%d: %.200s: %s", file, line, condition, text);
    _exit(CLAIM_STATUS);
}

/* ---- messages ---- */

long fuzz_line_of(const char *name, const struct err *e)
{
    const char *at = e->text + strlen(name) + 1;
    return *at >= '0' && *at <= '9' ? strtol(at, NULL, 10) : 0;
}

void fuzz_claim_error(const struct fuzz_input *in, const char *name, int code, int wanted, const struct err *e)
{
    const size_t length = strlen(name);
    long lines = 1;
    for (size_t i = 0; i < in->size; i++) lines += in->data[i] == '\n';
    fuzz_claim(code == wanted && e->code == wanted, "code %d, in the error %d: %s", code, e->code, e->text);
    fuzz_claim(strncmp(e->text, name, length) == 0 && e->text[length] == ':', "names no file: %s", e->text);
    fuzz_claim(strlen(e->text) > length + 5 && strlen(e->text) < sizeof e->text - 1, "not a whole line: %s", e->text);
    fuzz_claim(utf8_valid(e->text, strlen(e->text)) == strlen(e->text), "not UTF-8: %s", e->text);
    for (const char *c = e->text; *c; c++) fuzz_claim((unsigned char)*c >= ' ' && *c != 0x7F, "a control character: %s", e->text);
    fuzz_claim(fuzz_line_of(name, e) <= lines, "of %ld lines: %s", lines, e->text);
}

/* ---- inputs ---- */

void fuzz_seed_of_file(struct seeds *s, const char *name)
{
    char path[PATH_MAX], *text;
    size_t size;
    struct err e = {0};
    if (path_join(path, sizeof path, SOURCE_ROOT, name, &e) || file_read(path, MUTATION_LARGEST, &text, &size, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    seeds_add(s, text, size);
    free(text);
}

unsigned char *fuzz_make(const struct fuzz_kind *kind, const struct seeds *s, uint32_t number, struct fuzz_input *in)
{
    *in = (struct fuzz_input){.number = number};
    unsigned char *data = mutate(s, kind->stream, number, &in->size, &in->of);
    if (kind->mend) kind->mend(data, in->size, in->of);
    in->data = data;
    return data;
}

static void write_input(const char *path, const struct fuzz_input *in)
{
    /* To cut an old file to nothing is slow: some file systems write a new one out at once then. */
    unlink(path);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(in->data, 1, in->size, f) != in->size || fclose(f)) give_up(path);
}

/* The input at its path: the file's name is the same each time, so that a message is, too. */
static enum fuzz_verdict read_input(const struct fuzz_kind *kind, const char *folder, struct fuzz_input *in)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/input", folder);
    write_input(path, in);
    in->path = path;
    const enum fuzz_verdict verdict = kind->read(in);
    in->path = NULL;
    return verdict;
}

/* ---- the child ---- */

static void limit_memory(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu", &pages) != 1) give_up("/proc/self/statm");
    fclose(f);
    const rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)FUZZ_MEMORY_MB << 20);
    const struct rlimit memory = {most, most}, core = {0, 0};
    if ((LIMITS_ADDRESS_SPACE && setrlimit(RLIMIT_AS, &memory)) || setrlimit(RLIMIT_CORE, &core)) give_up("setrlimit");
}

/* A busy machine must not make a hang of what is none: so the time of the processor counts. */
static void set_clocks(int seconds, int wait)
{
    const struct itimerval busy = {.it_value.tv_sec = seconds}, waiting = {.it_value.tv_sec = wait};
    if (setitimer(ITIMER_PROF, &busy, NULL) || setitimer(ITIMER_REAL, &waiting, NULL)) give_up("setitimer");
}

static _Noreturn void run_child(const struct fuzz_kind *kind, const struct seeds *s, const char *folder, uint32_t end)
{
    static const int HANDLED[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
    /* The test library's handlers would go on with its next test here. */
    for (size_t i = 0; i < sizeof HANDLED / sizeof *HANDLED; i++) signal(HANDLED[i], SIG_DFL);
    limit_memory();
    while (shared->number < end) {
        struct fuzz_input in;
        unsigned char *data = fuzz_make(kind, s, shared->number, &in);
        set_clocks(FUZZ_SECONDS, FUZZ_WAIT_SECONDS);
        const enum fuzz_verdict verdict = read_input(kind, folder, &in);
        set_clocks(0, 0);
        free(data);
        ++*(verdict == FUZZ_READ ? &shared->read : &shared->refused);
        shared->number++;
    }
    /* Where memory is counted, what the inputs left behind is found here. */
    exit(0);
}

/* ---- the parent ---- */

static void describe(int status, char *text, size_t size)
{
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal == SIGPROF)
        snprintf(text, size, "hang: more than %d s of work", FUZZ_SECONDS);
    else if (signal == SIGALRM)
        snprintf(text, size, "hang: waits for more than %d s", FUZZ_WAIT_SECONDS);
    else if (signal)
        snprintf(text, size, "crash: signal %d (%s)", signal, strsignal(signal));
    else if (WEXITSTATUS(status) == CLAIM_STATUS)
        snprintf(text, size, "claim: %s", shared->claim);
    else
        snprintf(text, size, "crash: exit status %d", WEXITSTATUS(status));
}

/* Where the child died at the end of a batch, no single input is named: the last one stands for it. */
static void keep(const struct fuzz_kind *kind, const struct seeds *s, uint32_t number, int status, struct fuzz_result *out)
{
    struct fuzz_finding *f = &out->findings[out->n_findings++];
    struct fuzz_input in;
    unsigned char *data = fuzz_make(kind, s, number, &in);
    const char *parent = getenv("TMPDIR");
    f->number = number;
    describe(status, f->what, sizeof f->what);
    snprintf(f->path, sizeof f->path, "%.2000s/fuzz-%s-%u", parent && *parent ? parent : "/tmp", kind->name, number);
    write_input(f->path, &in);
    free(data);
}

void fuzz_run(const struct fuzz_kind *kind, uint32_t from, uint32_t count, struct fuzz_result *out)
{
    struct seeds s = {0};
    char folder[PATH_MAX];
    *out = (struct fuzz_result){0};
    kind->make_seeds(&s);
    if (temporary_folder(folder)) give_up("a temporary folder");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) give_up("mmap");
    shared->number = from;
    fflush(NULL); /* what is not written yet would be written by each child, too */
    while (shared->number < from + count && out->n_findings < FUZZ_FINDINGS) {
        const uint32_t left = from + count - shared->number, end = shared->number + (left < BATCH ? left : BATCH);
        int status;
        const pid_t child = fork();
        if (child == 0) run_child(kind, &s, folder, end);
        if (child < 0 || waitpid(child, &status, 0) != child) give_up("fork");
        if (status == 0) continue;
        const bool between = shared->number == end;
        keep(kind, &s, between ? end - 1 : shared->number, status, out);
        if (!between) shared->number++;
    }
    out->read = shared->read;
    out->refused = shared->refused;
    munmap(shared, sizeof *shared);
    shared = NULL;
    temporary_remove(folder);
    seeds_free(&s);
}

void fuzz_reproduce(const struct fuzz_kind *kind, uint32_t number)
{
    struct seeds s = {0};
    struct fuzz_input in;
    char folder[PATH_MAX];
    kind->make_seeds(&s);
    unsigned char *data = fuzz_make(kind, &s, number, &in);
    if (temporary_folder(folder)) give_up("a temporary folder");
    printf("mutation %u of %s, %zu bytes: %s/input\n", number, kind->name, in.size, folder);
    fflush(stdout);
    puts(read_input(kind, folder, &in) == FUZZ_READ ? "read" : "refused");
    free(data);
    seeds_free(&s);
}
