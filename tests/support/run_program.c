/* run_program.c - output goes into unnamed files, so a program that writes much never waits for this one. */
#include "run_program.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

extern char **environ;

static int unnamed_file(const char *content)
{
    int fd = memfd_create("nerve-test", MFD_CLOEXEC);
    assert_true(fd > 2);
    size_t size = strlen(content);
    assert_int_equal(write(fd, content, size), size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Does `entry` ("NAME=...") belong to the variable that `change` ("NAME=value" or "NAME") names? */
static int is_of(const char *entry, const char *change)
{
    size_t n = strcspn(change, "=");
    return strncmp(entry, change, n) == 0 && entry[n] == '=';
}

static char **changed_environment(const char *const *changes)
{
    size_t n = 0, n_changes = 0, used = 0;
    while (environ[n]) n++;
    while (changes && changes[n_changes]) n_changes++;
    char **all = calloc(n + n_changes + 1, sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < n; i++) {
        int changed = 0;
        for (size_t k = 0; k < n_changes; k++) changed |= is_of(environ[i], changes[k]);
        if (!changed) all[used++] = environ[i];
    }
    for (size_t k = 0; k < n_changes; k++)
        if (strchr(changes[k], '=')) all[used++] = (char *)(uintptr_t)changes[k];
    return all;
}

void program_start(struct program *p, const char *const argv[], const struct program_options *options)
{
    static const struct program_options none;
    const struct program_options *o = options ? options : &none;
    int in = unnamed_file(o->input ? o->input : ""), broken[2] = {-1, -1};
    *p = (struct program){.out = unnamed_file(""), .err = unnamed_file(""), .timeout = o->timeout > 0 ? o->timeout : 60, .status = -1};

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    if (o->directory) posix_spawn_file_actions_addchdir_np(&actions, o->directory);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, p->err, 2);
    switch (o->output) {
    case STDOUT_KEPT:
        posix_spawn_file_actions_adddup2(&actions, p->out, 1);
        break;
    case STDOUT_FULL_DISK:
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/full", O_WRONLY, 0);
        break;
    case STDOUT_CLOSED:
        posix_spawn_file_actions_addclose(&actions, 1);
        break;
    case STDOUT_CLOSED_PIPE:
        assert_int_equal(pipe2(broken, O_CLOEXEC), 0);
        close(broken[0]);
        posix_spawn_file_actions_adddup2(&actions, broken[1], 1);
        break;
    }
    char **environment = changed_environment(o->environment);
    int failed = posix_spawnp(&p->pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    close(in);
    if (broken[1] >= 0) close(broken[1]);
    if (failed) fail_msg("%s: cannot be started: %s", argv[0], strerror(failed));
}

static char *read_all(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)size, 0), size);
    text[size] = '\0';
    close(fd);
    return text;
}

void program_finish(struct program *p)
{
    int status, handle = (int)syscall(SYS_pidfd_open, p->pid, 0);
    assert_true(handle >= 0);
    int ended = poll(&(struct pollfd){.fd = handle, .events = POLLIN}, 1, (int)(p->timeout * 1000));
    if (ended != 1) kill(p->pid, SIGKILL);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    close(handle);
    p->status = ended != 1 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    p->output = read_all(p->out);
    p->errors = read_all(p->err);
}

void program_run(struct program *p, const char *const argv[], const struct program_options *options)
{
    program_start(p, argv, options);
    program_finish(p);
}

void program_free(struct program *p)
{
    free(p->output);
    free(p->errors);
}
