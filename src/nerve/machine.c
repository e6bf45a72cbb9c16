#include "machine.h"
#include "ag.h"
#include "json.h"
#include "log.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

const char *machine_version(void)
{
    return NERVE_VERSION;
}

int machine_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? n : 1;
}

double machine_peak_mb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

int machine_start(int threads, struct err *e)
{
    int code = ag_start(threads > 0 ? threads : machine_processors(), e);
    if (code) return code;
    ag_machine m = ag_describe();
    log_debug("%d threads, %s kernels, BLAS %s on core type %s", m.threads, m.kernels, m.blas, m.core_type);
    return 0;
}

static void processor_name(char *name, size_t size)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "re");
    snprintf(name, size, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "model name", strlen("model name")) != 0 || !strchr(line, ':')) continue;
        const char *value = strchr(line, ':') + 1;
        value += strspn(value, " \t");
        snprintf(name, size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (f) fclose(f);
}

struct json *machine_json(void)
{
    ag_machine m = ag_describe();
    struct utsname system;
    char text[512];
    struct json *v = json_new_object();
    json_set_string(v, "nerve", NERVE_VERSION);
#ifdef __clang__
    json_set_string(v, "compiler", __VERSION__);
#else
    json_set_string(v, "compiler", "gcc " __VERSION__);
#endif
    json_set_string(v, "built_with", NERVE_LIBRARIES);
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%.100s %.100s %.100s", system.sysname, system.release, system.machine);
        json_set_string(v, "system", text);
    }
    processor_name(text, sizeof text);
    json_set_string(v, "processor", text);
    json_set_integer(v, "processors", machine_processors());
    json_set_integer(v, "threads", ag_threads());
    json_set_string(v, "kernels", m.kernels);
    json_set_string(v, "blas", m.blas);
    json_set_string(v, "core_type", m.core_type);
    return v;
}
