#include "words.h"
#include "grow.h"
#include "utf8.h"
#include "wordpiece_tables.h"
#include <stdbool.h>
#include <string.h>

enum kind {
    SPACE,
    LETTER,
    DIGIT,
    MARK, /* belongs to what stands before it */
    JOINER,
    IDEOGRAPH,
    EMOJI,
    REGIONAL, /* half a flag */
    SIGN,
};

/* What the tokenizer's tables do not tell: marks and pictures. In order, without overlap. */
static const struct {
    uint32_t first, last;
    enum kind kind;
} KINDS[] = {
    {0x5F, 0x5F, LETTER}, /* the underscore of names */
    {0xA2, 0xA6, SIGN},        {0xA8, 0xA9, SIGN},        {0xAC, 0xAC, SIGN},           {0xAE, 0xB1, SIGN},
    {0xB4, 0xB4, SIGN},        {0xB8, 0xB8, SIGN},        {0xD7, 0xD7, SIGN},           {0xF7, 0xF7, SIGN},
    {0x300, 0x36F, MARK},      {0x483, 0x489, MARK},      {0x591, 0x5BD, MARK},         {0x5BF, 0x5BF, MARK},
    {0x610, 0x61A, MARK},      {0x64B, 0x65F, MARK},      {0x1AB0, 0x1AFF, MARK},       {0x1DC0, 0x1DFF, MARK},
    {0x200D, 0x200D, JOINER},  {0x203C, 0x203C, EMOJI},   {0x2049, 0x2049, EMOJI},      {0x20A0, 0x20CF, SIGN},
    {0x20D0, 0x20FF, MARK},                                                       /* 20E3 makes a keycap */
    {0x2122, 0x2122, SIGN},    {0x2139, 0x2139, EMOJI},   {0x2190, 0x22FF, SIGN}, /* arrows, mathematics */
    {0x2300, 0x23FF, EMOJI},   {0x2400, 0x245F, SIGN},    {0x2460, 0x24FF, SIGN},       {0x2500, 0x259F, SIGN},
    {0x25A0, 0x27BF, EMOJI},   {0x27C0, 0x2AFF, SIGN},    {0x2B00, 0x2BFF, EMOJI},      {0x302A, 0x302F, MARK},
    {0x3297, 0x3299, EMOJI},   {0xFE00, 0xFE0F, MARK}, /* variation selectors */
    {0xFE20, 0xFE2F, MARK},    {0x1F000, 0x1F1E5, EMOJI}, {0x1F1E6, 0x1F1FF, REGIONAL}, {0x1F200, 0x1F3FA, EMOJI},
    {0x1F3FB, 0x1F3FF, MARK},                            /* skin tones */
    {0x1F400, 0x1FAFF, EMOJI}, {0xE0020, 0xE007F, MARK}, /* tags of flags */
};

static enum kind kind_of(uint32_t c)
{
    if (c < 0x80) { /* most of a tweet */
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return LETTER;
        if (c >= '0' && c <= '9') return DIGIT;
        return c <= ' ' || c == 0x7F ? SPACE : SIGN;
    }
    size_t low = 0, high = sizeof KINDS / sizeof *KINDS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (KINDS[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < sizeof KINDS / sizeof *KINDS && KINDS[low].first <= c) return KINDS[low].kind;
    switch (codepoint_class_of(c)) {
    case CP_DROP:
        return c == 0xFFFD ? SIGN : SPACE;
    case CP_SPACE:
        return SPACE;
    case CP_PUNCTUATION:
        return SIGN;
    case CP_CJK:
        return IDEOGRAPH;
    case CP_KEEP:
        break;
    }
    return LETTER;
}

/* ---- a place in the text ---- */

struct cursor {
    const char *text;
    size_t size, at; /* bytes */
    int32_t character;
    uint32_t c; /* the code point at `at`, where at < size */
    int length; /* its bytes; 0 at the end */
    enum kind kind;
};

/* The text is valid (words_cut looked). */
static void look(struct cursor *k)
{
    k->length = k->at < k->size ? utf8_decode(k->text + k->at, k->size - k->at, &k->c) : 0;
    k->kind = k->length > 0 ? kind_of(k->c) : SPACE;
}

static void step(struct cursor *k)
{
    k->at += (size_t)k->length;
    k->character++;
    look(k);
}

static void step_over(struct cursor *k, size_t bytes)
{
    const size_t end = k->at + bytes;
    while (k->at < end) step(k);
}

static bool is(const struct cursor *k, enum kind kind)
{
    return k->length > 0 && k->kind == kind;
}

static void step_marks(struct cursor *k)
{
    while (is(k, MARK)) step(k);
}

/* ---- addresses: plain ASCII, so bytes serve ---- */

static bool starts_with(const char *s, size_t size, const char *prefix)
{
    for (; *prefix; prefix++, s++, size--)
        if (size == 0 || (*s | 0x20) != (*prefix | 0x20)) return false;
    return true;
}

static bool ends_address(uint32_t c)
{
    return (c < 0x80 && c != 0 && strchr(".,;:!?'\")]}", (int)c)) || c == 0x2026 || (c >= 0x2018 && c <= 0x201F);
}

/* Bytes of the web address here, or 0. */
static size_t web_address(const struct cursor *k)
{
    static const char *const STARTS[] = {"https://", "http://", "www."};
    struct cursor x = *k;
    size_t start = 0, end = 0;
    for (int i = 0; i < 3 && start == 0; i++)
        if (starts_with(k->text + k->at, k->size - k->at, STARTS[i])) start = strlen(STARTS[i]);
    if (start == 0) return 0;
    step_over(&x, start);
    for (; x.length > 0 && x.kind != SPACE; step(&x))
        if (!ends_address(x.c)) end = x.at + (size_t)x.length - k->at;
    return end;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Bytes of the e-mail address here, or 0. A name of RFC 5321 has at most 64, a host at most 255 bytes, which also bounds the look ahead. */
static size_t mail_address(const struct cursor *k)
{
    enum { NAME_MAX_BYTES = 64, HOST_MAX_BYTES = 255 };
    const char *s = k->text + k->at;
    const size_t size = k->size - k->at;
    size_t name = 0, end = 0;
    while (name < size && name <= NAME_MAX_BYTES && (is_alphanumeric(s[name]) || (name > 0 && s[name] && strchr("._%+-", s[name])))) name++;
    if (name == 0 || name > NAME_MAX_BYTES || name == size || s[name] != '@') return 0;
    bool dotted = false;
    for (size_t i = name + 1; i < size && i - name <= HOST_MAX_BYTES; i++) {
        if (is_alphanumeric(s[i])) {
            if (dotted) end = i + 1;
            continue;
        }
        if ((s[i] != '.' && s[i] != '-') || !is_alphanumeric(s[i - 1])) break;
        dotted = dotted || s[i] == '.';
    }
    return end;
}

/* ---- the other rules ---- */

static void step_number(struct cursor *k)
{
    while (is(k, DIGIT)) {
        step(k);
        if (k->at + 1 < k->size && strchr(".,:", k->text[k->at]) && k->text[k->at] && k->text[k->at + 1] >= '0' &&
            k->text[k->at + 1] <= '9')
            step(k);
    }
    step_marks(k);
}

static void step_emoji(struct cursor *k)
{
    step(k);
    for (step_marks(k); is(k, JOINER); step_marks(k)) {
        step(k);
        if (is(k, EMOJI) || is(k, REGIONAL)) step(k);
    }
}

static void step_word(struct cursor *k)
{
    const size_t address = is(k, LETTER) || is(k, DIGIT) ? web_address(k) : 0, mail = address ? 0 : mail_address(k);
    if (address || mail) {
        step_over(k, address ? address : mail);
        return;
    }
    switch (k->kind) {
    case LETTER:
        while (is(k, LETTER) || is(k, DIGIT) || is(k, MARK) || is(k, JOINER)) step(k);
        break;
    case DIGIT:
        step_number(k);
        break;
    case EMOJI:
        step_emoji(k);
        break;
    case REGIONAL:
        step(k);
        if (is(k, REGIONAL)) step(k);
        step_marks(k);
        break;
    default:
        step(k);
        step_marks(k);
        break;
    }
}

int words_cut(const char *text, size_t size, struct text_word **words, int *cap, struct err *e)
{
    if (size >= INT32_MAX) return err_set(e, ERR_INTERNAL, "a text of %zu bytes: at most %d can be cut into words", size, INT32_MAX);
    const size_t valid = utf8_valid(text, size);
    if (valid < size) return err_set(e, ERR_DATA, "byte %zu (0x%02X) is not UTF-8", valid + 1, (unsigned char)text[valid]);
    struct cursor k = {.text = text, .size = size};
    int n = 0;
    for (look(&k); k.length > 0;) {
        if (k.kind == SPACE || k.kind == JOINER) {
            step(&k);
            continue;
        }
        int code = grow((void **)words, n, cap, sizeof **words, e);
        if (code) return code;
        struct text_word *w = &(*words)[n++];
        w->byte_first = (int32_t)k.at;
        w->char_first = k.character;
        step_word(&k);
        w->byte_end = (int32_t)k.at;
        w->char_end = k.character;
    }
    return n;
}
