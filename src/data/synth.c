/* synth.c - a synthetic set: which tweet is ambiguous, which picture is shown, and the files. */
#include "synth.h"
#include "files.h"
#include "lexicon.h"
#include "picture.h"
#include "synth_picture.h"
#include "synth_text.h"
#include "synth_tweet.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const SPLIT[3] = {"train", "valid", "test"};

/* What is written for all splits together. */
struct set {
    const char *directory;
    const struct synth_options *o;
    struct synth_report *report;
    FILE *captions, *subsets;
};

/* ---- files ---- */

/* A text that grows in memory until it is written to directory/name as a whole. */
struct text {
    char *bytes;
    size_t size;
    FILE *f;
};

static int text_open(struct text *t, const char *name, struct err *e)
{
    t->f = open_memstream(&t->bytes, &t->size);
    return t->f ? 0 : err_set(e, ERR_INTERNAL, "%s: out of memory", name);
}

static int text_write(struct text *t, const char *directory, const char *name, struct err *e)
{
    char path[4096];
    int code = path_join(path, sizeof path, directory, name, e), closed = fclose(t->f);
    t->f = NULL;
    if (!code && closed != 0) code = err_set(e, ERR_INTERNAL, "%s: out of memory", path);
    if (!code) code = file_write_bytes(path, t->bytes, t->size, e);
    return code;
}

static void text_free(struct text *t)
{
    if (t->f) fclose(t->f);
    free(t->bytes);
}

/* ---- one tweet ---- */

struct choice {
    double ambiguous, missing, contradicted; /* uniform on [0, 1) */
    int hidden, other;
};

/* All of them are always drawn, so that they do not depend on each other. */
static struct choice choose(struct rng *r)
{
    static const int HIDDEN[] = {0, 2, 3}; /* LOC, ORG, PER */
    struct choice x;
    x.ambiguous = rng_uniform(r);
    x.missing = rng_uniform(r);
    x.contradicted = rng_uniform(r);
    x.hidden = HIDDEN[rng_below(r, 3)];
    x.other = (int)rng_below(r, SYNTH_TYPES);
    return x;
}

static int write_picture(const struct set *s, int id, int type, struct err *e)
{
    uint8_t rgb[SYNTH_PIXELS];
    struct picture p = {.width = SYNTH_SIDE, .height = SYNTH_SIDE, .rgb = rgb};
    char path[4096], name[32];
    snprintf(name, sizeof name, "images/" SYNTH_ID ".png", id);
    synth_picture(s->o->seed, id, type, (int)(100 * s->o->picture_noise + 0.5), rgb);
    int code = path_join(path, sizeof path, s->directory, name, e);
    if (!code) code = picture_write_png(path, &p, e);
    return code;
}

static int put_tweet(const struct set *s, struct synth_writer *w, int id, int split, struct err *e)
{
    const struct synth_options *o = s->o;
    w->choice = rng_stream(o->seed, RNG_SYNTH, SYNTH_STREAM_CHOICE((uint32_t)id));
    struct choice x = choose(&w->choice);
    bool is_ambiguous = o->pictures && x.ambiguous < o->ambiguity, is_shown = o->pictures && !(x.missing < o->missing);
    w->hidden = is_ambiguous ? x.hidden : -1;
    w->label_noise = w->training ? o->label_noise : 0;
    synth_put_tweet(w, id);
    if (!o->pictures) return 0;

    bool is_contradicted = is_shown && !is_ambiguous && w->first_type >= 0 && x.contradicted < o->contradictions;
    int type = w->first_type < 0 || is_contradicted ? x.other : w->first_type;
    if (is_contradicted && type == w->first_type) type = (type + 1) % SYNTH_TYPES;
    fprintf(s->subsets, SYNTH_ID " %s%s\n", id,
            !is_ambiguous ? SYNTH_TEXT_DECIDES
            : is_shown    ? SYNTH_PICTURE_DECIDES
                          : SYNTH_UNDECIDED,
            is_contradicted ? " " SYNTH_CONTRADICTED : "");
    if (!is_shown) return 0;
    fprintf(s->captions, SYNTH_ID ".jpg :%s\n", id, SYNTH_CAPTIONS[type][rng_below(&w->choice, SYNTH_CAPTIONS_EACH)]);
    s->report->pictures[split]++;
    s->report->picture_decides[split] += is_ambiguous;
    return write_picture(s, id, type, e);
}

/* ---- a set ---- */

static int read_split(const char *directory, const char *name, struct dataset *d, struct tag_set *types, struct err *e)
{
    char path[4096], file[16];
    snprintf(file, sizeof file, "%s.txt", name);
    int code = path_join(path, sizeof path, directory, file, e);
    if (!code) code = conll_read(path, NULL, 0, d, e);
    if (!code) code = dataset_resolve_tags(d, types, e);
    return code;
}

/* From the files themselves, so that the report holds for what any reader finds there. */
static int report_on(const char *directory, struct synth_report *report, struct err *e)
{
    struct tag_set types = {0};
    struct dataset d[3] = {{0}};
    struct lexicon *lexicon = NULL;
    int code = 0;
    for (int t = 0; t < SYNTH_TYPES && !code; t++) code = tag_set_add(&types, SYNTH_TYPE[t], e);
    for (int s = 0; s < 3 && !code; s++) code = read_split(directory, SPLIT[s], &d[s], &types, e);
    if (!code) code = lexicon_make(&d[0], &lexicon, e);
    for (int s = 0; s < 3 && !code; s++) {
        struct lexicon_score score;
        code = lexicon_evaluate(lexicon, &d[s], &score, e);
        if (code) break;
        report->tweets[s] = d[s].n_tweets;
        report->entities[s] = score.entities;
        report->unseen[s] = score.unseen;
        report->lexicon_f1[s] = score.f1;
    }
    lexicon_free(lexicon);
    for (int s = 0; s < 3; s++) dataset_free(&d[s]);
    tag_set_free(&types);
    return code;
}

/* True for the picture of a tweet: S_, six digits, .png. */
static bool is_ours(const char *name)
{
    return strlen(name) == 12 && strncmp(name, "S_", 2) == 0 && strspn(name + 2, "0123456789") == 6 && strcmp(name + 8, ".png") == 0;
}

static int remove_file(const char *directory, const char *name, struct err *e)
{
    char path[4096];
    int code = path_join(path, sizeof path, directory, name, e);
    if (!code && unlink(path) != 0 && errno != ENOENT) code = err_set(e, ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    return code;
}

/* A picture of an earlier set would be one that this set misses. */
static int remove_earlier(const char *directory, struct err *e)
{
    char path[4096];
    int code = path_join(path, sizeof path, directory, "images", e);
    if (!code) code = remove_file(directory, "captions.txt", e);
    if (!code) code = remove_file(directory, "subsets.txt", e);
    DIR *images = code ? NULL : opendir(path);
    if (!images) return code;
    for (struct dirent *d; (d = readdir(images)) && !code;) {
        if (is_ours(d->d_name)) code = remove_file(path, d->d_name, e);
    }
    closedir(images);
    return code;
}

static int write_split(const struct set *s, struct synth_writer *w, int split, int first_id, int n, struct err *e)
{
    struct text text = {0};
    char name[16];
    snprintf(name, sizeof name, "%s.txt", SPLIT[split]);
    int code = text_open(&text, name, e);
    w->f = text.f;
    for (int i = 0; i < n && !code; i++) code = put_tweet(s, w, first_id + i, split, e);
    if (!code && s->o->pictures) code = file_sync_many(s->directory, e);
    if (!code) code = text_write(&text, s->directory, name, e);
    text_free(&text);
    return code;
}

static int write_splits(const struct set *s, struct err *e)
{
    int n = s->o->tweets, count[3] = {n / 10 * 7 + n % 10 * 7 / 10, n / 10, 0}, id = 0, code = 0;
    count[2] = n - count[0] - count[1];
    /* About 2.5 uses of a name in training. */
    int pool = SYNTH_TYPES * (count[0] / 8 + 2), next_fresh = pool;
    _Static_assert(SYNTH_TYPES * (SYNTH_TWEETS_MAX / 10 * 7 / 8 + 2) + (int64_t)SYNTH_TWEETS_MAX * 3 / 10 * SYNTH_SLOTS_MAX < SYNTH_NAMES,
                   "enough names");
    for (int k = 0; k < 3 && !code; k++) {
        struct synth_writer w = {.rng = rng_stream(s->o->seed, RNG_SYNTH, (uint32_t)k),
                                 .seed = s->o->seed,
                                 .training = k == 0,
                                 .plain = s->o->pictures,
                                 .pool = pool,
                                 .next_fresh = next_fresh};
        code = write_split(s, &w, k, id, count[k], e);
        next_fresh = w.next_fresh;
        id += count[k];
    }
    return code;
}

static int write_vocabulary(const struct set *s, struct err *e)
{
    struct text text = {0};
    int code = text_open(&text, "vocab.txt", e);
    if (!code) code = synth_write_vocabulary(text.f, s->o->pictures, e);
    if (!code) code = text_write(&text, s->directory, "vocab.txt", e);
    text_free(&text);
    return code;
}

static int check_share(const char *what, double share, struct err *e)
{
    if (share >= 0 && share <= 1) return 0;
    return err_set(e, ERR_USAGE, "%s %g: expected 0 to 1", what, share);
}

static int check(const struct synth_options *o, struct err *e)
{
    if (o->tweets < SYNTH_TWEETS_MIN || o->tweets > SYNTH_TWEETS_MAX)
        return err_set(e, ERR_USAGE, "%d synthetic tweets: expected %d to %d", o->tweets, SYNTH_TWEETS_MIN, SYNTH_TWEETS_MAX);
    int code = check_share("ambiguity", o->ambiguity, e);
    if (!code) code = check_share("picture noise", o->picture_noise, e);
    if (!code) code = check_share("contradictions", o->contradictions, e);
    if (!code) code = check_share("missing pictures", o->missing, e);
    if (!code) code = check_share("label noise", o->label_noise, e);
    return code;
}

int synth_write(const char *directory, const struct synth_options *o, struct synth_report *report, struct err *e)
{
    struct text captions = {0}, subsets = {0};
    struct set s = {.directory = directory, .o = o, .report = report};
    char images[4096];
    memset(report, 0, sizeof *report);
    int code = check(o, e);
    if (!code) code = directory_make(directory, e);
    if (!code) code = remove_earlier(directory, e);
    if (!code && o->pictures) code = path_join(images, sizeof images, directory, "images", e);
    if (!code && o->pictures) code = directory_make(images, e);
    if (!code) code = text_open(&captions, "captions.txt", e);
    if (!code) code = text_open(&subsets, "subsets.txt", e);
    s.captions = captions.f;
    s.subsets = subsets.f;
    if (!code) code = write_splits(&s, e);
    if (!code && o->pictures) code = text_write(&captions, directory, "captions.txt", e);
    if (!code && o->pictures) code = text_write(&subsets, directory, "subsets.txt", e);
    if (!code) code = write_vocabulary(&s, e);
    if (!code) code = report_on(directory, report, e);
    text_free(&captions);
    text_free(&subsets);
    return code;
}
