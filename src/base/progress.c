#include "progress.h"
#include <stddef.h>

static progress_sink sink;
static void *sink_context;

void progress_set_sink(progress_sink new_sink, void *context)
{
    sink = new_sink;
    sink_context = context;
}

void progress_report(const struct progress *now)
{
    if (sink) sink(sink_context, now);
}
