#include "report_tweets.h"
#include "files.h"
#include "report_read.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which type is taken for which ---- */

/* Of a found entity the type of the gold one on the same words, which leaves the list; none: there is no such one. */
static int take_gold(const struct run_entity *x, int n, struct span *gold, int none)
{
    for (int g = 0; g < n; g++)
        if (gold[g].type >= 0 && gold[g].first == x->span.first && gold[g].last == x->span.last) {
            const int type = gold[g].type;
            gold[g].type = -1;
            return type;
        }
    return none;
}

static int count_confusion(struct report_tweets *t, struct err *e)
{
    const struct run_tweets *run = &t->run;
    const int none = run->types.n_types, width = none + 1;
    t->confusion = calloc((size_t)width * (size_t)width, sizeof *t->confusion);
    struct span *gold = calloc((size_t)run->split.data.n_words + 1, sizeof *gold);
    const bool is_there = t->confusion && gold;
    for (int i = 0; i < run->split.data.n_tweets && is_there; i++) {
        const int n = run_tweets_gold(run, i, gold);
        for (int k = run->entity_start[i]; k < run->entity_start[i + 1]; k++)
            t->confusion[take_gold(&run->entities[k], n, gold, none) * width + run->entities[k].span.type]++;
        for (int g = 0; g < n; g++)
            if (gold[g].type >= 0) t->confusion[gold[g].type * width + none]++;
    }
    free(gold);
    return is_there ? 0 : err_set(e, ERR_INTERNAL, "out of memory for %d types", none);
}

/* ---- what the tweets show ---- */

/* A picture or a caption is shown wherever the data have one, whatever the model looked at; where they have none, nothing is. */
static void open_sources(struct report_tweets *t)
{
    char path[CONFIG_TEXT_SIZE];
    struct err none = {0};
    if (!config_data_path(&t->run.config, t->run.config.data.images, path, &none) && file_exists(path) &&
        picture_folder_open(path, &t->images, &none))
        t->images = NULL;
    if (!config_data_path(&t->run.config, t->run.config.data.captions, path, &none) && file_exists(path) &&
        captions_read(path, &t->captions, &none))
        t->captions = (struct captions){0};
}

int report_tweets_read(const char *run_directory, struct report_tweets *t, struct err *e)
{
    struct err why = {0};
    *t = (struct report_tweets){0};
    int code = run_tweets_read(run_directory, &t->run, &why);
    if (!code) code = count_confusion(t, &why);
    if (!code) {
        open_sources(t);
        return 0;
    }
    report_tweets_free(t);
    if (code == ERR_INTERNAL) return err_set(e, code, "%s", why.text);
    /* Of a configuration's message, which has more, the first line; and not where the run lies, so that a page does not depend on it. */
    const size_t n = strlen(run_directory);
    const char *text = strncmp(why.text, run_directory, n) == 0 ? why.text + n : why.text;
    while (*text == '/') text++;
    snprintf(t->why, sizeof t->why, "%.*s", (int)strcspn(text, "\n"), text);
    return 0;
}

void report_tweets_free(struct report_tweets *t)
{
    picture_folder_close(t->images);
    captions_free(&t->captions);
    run_tweets_free(&t->run);
    free(t->confusion);
    *t = (struct report_tweets){0};
}

/* ---- which tweets tell most ---- */

/* How well an entity answers; NAN: not at all. */
static double answer(const struct run_entity *x, enum report_question question)
{
    switch (question) {
    case REPORT_CONTRADICTING:
        return report_number(x->found, "conflict");
    case REPORT_WRONG:
        return x->right ? NAN : report_number(x->found, "score");
    default:
        return -report_number(x->found, "score");
    }
}

static bool is_chosen(int tweet, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX])
{
    for (int q = 0; q < N_REPORT_QUESTIONS; q++)
        for (int k = 0; k < REPORT_EACH_MAX; k++)
            if (tweets[q][k] == tweet) return true;
    return false;
}

static int best_tweet(const struct report_tweets *t, enum report_question question, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX])
{
    int best = -1;
    double most = -INFINITY;
    for (int i = 0; i < t->run.split.data.n_tweets; i++) {
        for (int k = t->run.entity_start[i]; k < t->run.entity_start[i + 1]; k++) {
            const double x = answer(&t->run.entities[k], question);
            if (!(x > most) || is_chosen(i, tweets)) continue;
            if (strlen(run_tweets_text(&t->run, i)) > REPORT_TEXT_MAX) continue;
            most = x;
            best = i;
        }
    }
    return best;
}

void report_tweets_choose(const struct report_tweets *t, int each, int tweets[N_REPORT_QUESTIONS][REPORT_EACH_MAX])
{
    for (int q = 0; q < N_REPORT_QUESTIONS; q++)
        for (int k = 0; k < REPORT_EACH_MAX; k++) tweets[q][k] = -1;
    for (int k = 0; k < each; k++)
        for (int q = 0; q < N_REPORT_QUESTIONS; q++) tweets[q][k] = best_tweet(t, (enum report_question)q, tweets);
}
