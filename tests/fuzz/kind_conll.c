/* CoNLL files: what reads is whole, and `nerve data check` finds the same in it. */
#include "dataset.h"
#include "kinds.h"
#include "utf8.h"
#include <string.h>

static void make_seeds(struct seeds *s)
{
    static const char *const TEXTS[] = {
        "IMGID:1015799\nRT\tO\n@\tO\nJohn\tB-PER\nSmith\tI-PER\n:\tO\n\nIMGID:99\nParis\tB-LOC\n\xE2\x9A\xBD\xEF\xB8\x8F\tO\n",
        "\xEF\xBB\xBFIMGID:7\r\nNew\tB-LOC\r\nYork\tI-LOC\r\n\r\nIMGID:8\r\nold name\tB-OTHER\r\nrest\tI-OTHER\r\n\r\n",
        "-DOCSTART- -X- O O\n\nU.N. NNP I-NP I-ORG\nofficial NN I-NP O\n  Ekeus  NNP  I-NP  I-PER  \n\n-DOCSTART-\n\nlast NN O B-MISC",
        "IMGID:a b\tO\nIMGID:1\t\n\xC2\xA0\tO\nCaf\xC3\xA9\tB-LOC\nde\tI-LOC\n1234567890\tO\n2147483647\tB-OTHER\n",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) seeds_add(s, TEXTS[i], strlen(TEXTS[i]));
}

static const struct tag_rename RENAME[] = {{"OTHER", "MISC"}, {"LOC", "PLACE"}};
enum { N_RENAME = sizeof RENAME / sizeof *RENAME };

static void claim_tag(const char *tag)
{
    const bool is_entity = (tag[0] == 'B' || tag[0] == 'I') && tag[1] == '-' && tag[2];
    fuzz_claim(is_entity || strcmp(tag, "O") == 0, "tag \"%s\"", tag);
    fuzz_claim(!is_entity || (strcmp(tag + 2, "OTHER") != 0 && strcmp(tag + 2, "LOC") != 0), "tag \"%s\" is not renamed", tag);
    fuzz_claim(utf8_valid(tag, strlen(tag)) == strlen(tag), "a tag that is not UTF-8");
}

static void claim_whole(const struct fuzz_input *in, const struct dataset *d)
{
    int words = 0;
    long line = 0, lines = 1;
    for (size_t i = 0; i < in->size; i++) lines += in->data[i] == '\n';
    for (int i = 0; i < d->n_tweets; i++) {
        const struct tweet *t = &d->tweets[i];
        fuzz_claim(t->first_word == words && t->n_words > 0, "tweet %d: %d words from %d on", i, t->n_words, t->first_word);
        fuzz_claim(t->line > line && t->line + t->n_words - 1 <= lines, "tweet %d: line %ld", i, t->line);
        fuzz_claim(!t->id || (*t->id && !strpbrk(t->id, " \t\r\n")), "tweet %d: id \"%s\"", i, t->id);
        words += t->n_words;
        line = t->line + t->n_words - 1;
    }
    fuzz_claim(words == d->n_words, "%d words in tweets, %d in all", words, d->n_words);
    for (int w = 0; w < d->n_words; w++) {
        const char *word = d->words[w];
        fuzz_claim(*word && !strpbrk(word, "\t\r\n"), "word %d: \"%s\"", w, word);
        fuzz_claim(utf8_valid(word, strlen(word)) == strlen(word), "word %d is not UTF-8", w);
        claim_tag(d->tag_names[w]);
    }
    const struct hash digest = hash_bytes(in->data, in->size);
    fuzz_claim(memcmp(&digest, &d->digest, sizeof digest) == 0, "another digest");
}

/* All of its tags, as numbers and as entities. */
static void claim_tags(const struct fuzz_input *in, struct dataset *d)
{
    struct tag_set types = {0};
    struct err e = {0};
    const int code = dataset_collect_types(d, &types, &e);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        tag_set_free(&types);
        return;
    }
    for (int t = 1; t < types.n_types; t++) fuzz_claim(strcmp(types.types[t - 1], types.types[t]) < 0, "types out of order");
    fuzz_claim(dataset_resolve_tags(d, &types, &e) == 0, "%s", e.text);
    for (int w = 0; w < d->n_words; w++) {
        char name[MUTATION_LARGEST / 4];
        fuzz_claim(d->tags[w] >= 0 && d->tags[w] < tag_count(&types), "tag %d of %d", d->tags[w], tag_count(&types));
        tag_name(&types, d->tags[w], name, sizeof name);
        fuzz_claim(strcmp(name, d->tag_names[w]) == 0, "tag %s became %s", d->tag_names[w], name);
    }
    tags_repair(d->n_words, d->tags);
    for (int w = 0; w < d->n_words; w++) fuzz_claim(tag_follows(w ? d->tags[w - 1] : -1, d->tags[w]), "word %d: not repaired", w);
    tag_set_free(&types);
}

struct told {
    int n;
    long first;
};

static void count(void *context, enum conll_problem what, long line, const char *message)
{
    struct told *t = context;
    fuzz_claim(what >= CONLL_BAD_BYTES && what <= CONLL_NO_SENTENCE && line > 0 && *message, "problem %d in line %ld: %s", (int)what, line,
               message);
    if (t->n++ == 0 || line < t->first) t->first = line;
}

/* The check refuses no line that the reader takes, and tells the one that the reader refuses. */
static void claim_check_agrees(const struct fuzz_input *in, const struct dataset *read, const struct err *refused)
{
    struct dataset checked;
    struct told told = {0};
    struct err e = {0};
    fuzz_claim(conll_check(in->path, RENAME, N_RENAME, count, &told, &checked, &e) == 0, "%s", e.text);
    claim_whole(in, &checked);
    if (read) {
        fuzz_claim(told.n == 0 && checked.n_words == read->n_words && checked.n_tweets == read->n_tweets,
                   "%d problems in a file that reads", told.n);
    } else {
        const long line = fuzz_line_of(in->path, refused);
        fuzz_claim(told.n > 0 && told.first <= line, "%d problems, the first in line %ld, and: %s", told.n, told.first, refused->text);
    }
    dataset_free(&checked);
}

static enum fuzz_verdict read_conll(const struct fuzz_input *in)
{
    struct dataset d;
    struct err e = {0};
    const int code = conll_read(in->path, RENAME, N_RENAME, &d, &e);
    if (code) {
        fuzz_claim_error(in, in->path, code, ERR_DATA, &e);
        fuzz_claim(fuzz_line_of(in->path, &e) > 0, "names no line: %s", e.text);
        claim_check_agrees(in, NULL, &e);
        return FUZZ_REFUSED;
    }
    fuzz_claim(d.n_tweets > 0 && d.n_words > 0, "%d tweets, %d words", d.n_tweets, d.n_words);
    claim_whole(in, &d);
    claim_check_agrees(in, &d, NULL);
    claim_tags(in, &d);
    dataset_free(&d);
    return FUZZ_READ;
}

const struct fuzz_kind FUZZ_CONLL = {
    .name = "conll", .stream = 1, .make_seeds = make_seeds, .read = read_conll, .least_read = 10, .least_refused = 40};
