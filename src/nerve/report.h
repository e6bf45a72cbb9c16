/* report.h - one or several run directories as one page. */
#ifndef NERVE_REPORT_H
#define NERVE_REPORT_H

#include "err.h"

/* Reads what is there of metrics.jsonl, eval/test.json, eval/valid.json, run.json and config.yaml and writes report.html beside them: it
 * needs no other file, no script and no network, and the same files give the same bytes. The page names what is missing. ERR_NOINPUT: none
 * of the files is there. ERR_DATA: one of them is damaged. A last line of metrics.jsonl without an end is being written and is left out. */
int report_write(const char *run_directory, struct err *e);

/* The same to a file of another name, and of up to REPORT_RUNS_MAX runs side by side. Tweets and confusion come from predictions.jsonl and
 * the data that config.yaml names; where these cannot be read, the page says why. ERR_USAGE: too many runs. */
int report_write_runs(int n, const char *const *run_directories, const char *path, struct err *e);

#endif
