/* ablate_child.c - see ablate_child.h. */
#include "ablate_child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec: only what a signal handler may do. */
static _Noreturn void become(char *const *words, int output, pid_t parent)
{
    static const char FAILED[] = "nerve: /proc/self/exe cannot be run: is /proc mounted?\n";
    const int nothing = open("/dev/null", O_RDONLY);
    setpgid(0, 0);
    /* The parent may have died before this line. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent && dup2(nothing, 0) == 0 && dup2(output, 1) == 1 &&
        dup2(output, 2) == 2) {
        execv("/proc/self/exe", words);
        if (write(2, FAILED, sizeof FAILED - 1) < 0) _exit(127);
    }
    _exit(127);
}

int child_start(char *const *words, struct child *c, struct err *e)
{
    int ends[2];
    const pid_t parent = getpid();
    *c = (struct child){0};
    if (pipe2(ends, O_CLOEXEC)) return err_set(e, ERR_IO, "no pipe for a run: %m");
    const pid_t pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return err_set(e, ERR_IO, "no process for a run: %m");
    }
    if (pid == 0) become(words, ends[1], parent);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    c->pid = pid;
    c->fd = ends[0];
    return 0;
}

void child_signal(const struct child *c, int signal)
{
    if (c->pid) kill(c->pid, signal);
}

/* What src/cli prints: errors begin with the program's name, warnings with the word, progress with its phase. */
static enum child_word word_of(struct child *c, const char *line)
{
    long long epoch, epochs, step, steps;
    char phase[16];
    if (sscanf(line, "%15[a-z]: epoch %lld/%lld, step %lld/%lld", phase, &epoch, &epochs, &step, &steps) == 5) {
        if (steps > 0 && step >= 0 && step <= steps) c->share = (double)step / (double)steps;
        return CHILD_PROGRESS;
    }
    if (strncmp(line, "nerve: ", 7) == 0) {
        snprintf(c->message, sizeof c->message, "%s", line + 7);
        return CHILD_ERROR;
    }
    return strncmp(line, "warning: ", 9) == 0 ? CHILD_WARNING : CHILD_INFO;
}

static void take_lines(struct child *c, child_tell tell, void *context)
{
    char *from = c->line;
    for (char *stop; (stop = memchr(from, '\n', c->used - (size_t)(from - c->line))); from = stop + 1) {
        *stop = '\0';
        const enum child_word word = word_of(c, from);
        tell(context, c, word, word == CHILD_WARNING ? from + 9 : from);
    }
    c->used -= (size_t)(from - c->line);
    memmove(c->line, from, c->used);
    if (c->used == sizeof c->line - 1) c->used = 0; /* no line of this program is so long */
}

bool child_read(struct child *c, child_tell tell, void *context)
{
    for (;;) {
        const ssize_t n = read(c->fd, c->line + c->used, sizeof c->line - 1 - c->used);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return true;
        if (n <= 0) return false;
        c->used += (size_t)n;
        take_lines(c, tell, context);
    }
}

int child_wait(struct child *c)
{
    int status = 0;
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {}
    close(c->fd);
    c->pid = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
