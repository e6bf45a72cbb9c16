/* picture_pipeline_json.c - preprocessor_config.json, read and written. Source: transformers 5, image_processing_{vit,clip}.py,
 * image_processing_backends.py and get_size_dict of image_processing_utils.py. */
#include "files.h"
#include "json.h"
#include "picture_pipeline.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

struct source {
    const struct json *object;
    const char *name;
    struct err *e;
};

static const struct json *get(const struct source *s, const char *key)
{
    const struct json *v = json_get(s->object, key);
    double x;
    bool b;
    const bool is_null = !json_is_object(v) && !json_is_array(v) && !json_text(v) && !json_read_number(v, &x) && !json_read_boolean(v, &b);
    return is_null ? NULL : v;
}

static int wrong(const struct source *s, const char *key, const char *wanted)
{
    return err_set(s->e, ERR_DATA, "%s: \"%s\" must be %s", s->name, key, wanted);
}

static int read_flag(const struct source *s, const char *key, bool *x)
{
    const struct json *v = get(s, key);
    return v && !json_read_boolean(v, x) ? wrong(s, key, "true or false") : 0;
}

static bool read_pixels(const struct json *v, int *x)
{
    int64_t n;
    if (!json_read_integer(v, &n) || n < 1 || n > PICTURE_PIPELINE_MAX) return false;
    *x = (int)n;
    return true;
}

/* A number (square or shorter side, as *square already says), {"height": n, "width": n} or, where square is not NULL, {"shortest_edge": n}. */
static int read_size(const struct source *s, const char *key, int *x, bool *square)
{
    char wanted[256];
    int other;
    const struct json *v = get(s, key);
    if (!v || read_pixels(v, x)) return 0;
    if (square && json_size(v) == 1 && read_pixels(json_get(v, "shortest_edge"), x)) {
        *square = false;
        return 0;
    }
    if (json_size(v) == 2 && read_pixels(json_get(v, "height"), x) && read_pixels(json_get(v, "width"), &other) && *x == other) {
        if (square) *square = true;
        return 0;
    }
    snprintf(wanted, sizeof wanted, "a number of pixels, 1 to %d,%s or {\"height\": N, \"width\": N} with the same N", PICTURE_PIPELINE_MAX,
             square ? " {\"shortest_edge\": N}" : "");
    return wrong(s, key, wanted);
}

/* Three finite numbers, or one for all three. */
static int read_channels(const struct source *s, const char *key, double x[3])
{
    const struct json *v = get(s, key);
    if (!v) return 0;
    for (size_t c = 0; c < 3; c++) {
        const struct json *one = json_is_array(v) && json_size(v) == 3 ? json_at(v, c) : v;
        if (!json_read_number(one, &x[c]) || !isfinite(x[c])) return wrong(s, key, "three numbers, one for each channel");
    }
    return 0;
}

/* VIT or CLIP from the processor's name, whose endings are the same processor in other hands. */
static int read_recipe(const struct source *s, enum picture_recipe *recipe)
{
    static const char *const endings[] = {"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"};
    const struct json *v = get(s, "image_processor_type");
    const char *type = json_text(v ? v : get(s, "feature_extractor_type"));
    if (!type) return 0;
    const bool is_clip = !strncmp(type, "CLIP", 4), is_vit = !strncmp(type, "ViT", 3);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if ((!is_clip && !is_vit) || strcmp(type + (is_clip ? 4 : 3), endings[i]) != 0) continue;
        *recipe = is_clip ? PICTURE_CLIP : PICTURE_VIT;
        return 0;
    }
    return err_set(s->e, ERR_DATA, "%s: processor \"%.64s\" is not known here: ViTImageProcessor and CLIPImageProcessor are", s->name,
                   type);
}

static int read_resizing(const struct source *s, bool crop, struct picture_pipeline *p)
{
    bool resize = true;
    const struct json *filter = get(s, "resample");
    int64_t number = p->filter;
    int code;
    if ((code = read_flag(s, "do_resize", &resize)) || (code = read_size(s, "size", &p->resize, &p->square))) return code;
    if (!resize) return err_set(s->e, ERR_DATA, "%s: \"do_resize\" is false: pictures of any size must become one size", s->name);
    if (filter && (!json_read_integer(filter, &number) || (number != PICTURE_BILINEAR && number != PICTURE_BICUBIC)))
        return wrong(s, "resample", "2 (bilinear) or 3 (bicubic)");
    p->filter = (enum picture_filter)number;
    if (!crop && !p->square)
        return err_set(s->e, ERR_DATA, "%s: \"size\" keeps the picture's shape and nothing is cut: the result is no square", s->name);
    if (!crop) p->size = p->resize;
    if ((code = crop ? read_size(s, "crop_size", &p->size, NULL) : 0)) return code;
    if (p->size > p->resize) return err_set(s->e, ERR_DATA, "%s: \"crop_size\" %d is larger than \"size\" %d", s->name, p->size, p->resize);
    return 0;
}

static int read_normalisation(const struct source *s, struct picture_pipeline *p)
{
    bool rescale = true, normalise = true;
    const struct json *factor = get(s, "rescale_factor");
    int code;
    if ((code = read_flag(s, "do_rescale", &rescale)) || (code = read_flag(s, "do_normalize", &normalise))) return code;
    if (factor && (!json_read_number(factor, &p->rescale) || !isfinite(p->rescale) || !(p->rescale > 0)))
        return wrong(s, "rescale_factor", "a number above 0");
    if ((code = read_channels(s, "image_mean", p->mean)) || (code = read_channels(s, "image_std", p->std))) return code;
    if (!rescale) p->rescale = 1;
    for (int c = 0; c < 3; c++) {
        if (!normalise) p->mean[c] = 0;
        if (!normalise) p->std[c] = 1;
        if (!(p->std[c] > 0)) return wrong(s, "image_std", "three numbers above 0");
    }
    return 0;
}

static int read_object(const struct source *s, enum picture_recipe recipe, struct picture_pipeline *out)
{
    bool even = false;
    int code;
    if (!json_is_object(s->object)) return err_set(s->e, ERR_DATA, "%s: not a JSON object", s->name);
    if ((code = read_recipe(s, &recipe))) return code;
    struct picture_pipeline p = picture_pipeline_of(recipe, 224);
    bool crop = recipe == PICTURE_CLIP;
    if ((code = read_flag(s, "do_center_crop", &crop)) || (code = read_flag(s, "crop_to_even", &even)) ||
        (code = read_resizing(s, crop, &p)) || (code = read_normalisation(s, &p)))
        return code;
    p.even = even;
    *out = p;
    return 0;
}

int picture_pipeline_parse(const char *text, size_t n, const char *name, enum picture_recipe recipe, struct picture_pipeline *p,
                           struct err *e)
{
    struct json *object = NULL;
    int code = json_parse(text, n, name, &object, e);
    if (code) return code;
    code = read_object(&(struct source){.object = object, .name = name, .e = e}, recipe, p);
    json_free(object);
    return code;
}

int picture_pipeline_read(const char *folder, enum picture_recipe recipe, int size, struct picture_pipeline *p, struct err *e)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t n = 0;
    struct picture_pipeline found = {0};
    int code = path_join(path, sizeof path, folder, "preprocessor_config.json", e);
    if (code) return code;
    if (!file_exists(path)) {
        *p = picture_pipeline_of(recipe, size);
        return 0;
    }
    if ((code = file_read(path, CONFIG_BYTES_MAX, &text, &n, e))) return code;
    code = picture_pipeline_parse(text, n, path, recipe, &found, e);
    free(text);
    if (code) return code;
    if (found.size != size)
        return err_set(e, ERR_DATA, "%s: makes pictures of %d x %d, but the model beside it takes %d x %d", path, found.size, found.size,
                       size, size);
    *p = found;
    return 0;
}

static void set_channels(struct json *object, const char *key, const double x[3])
{
    struct json *array = json_new_array();
    for (int c = 0; c < 3; c++) json_append_number(array, x[c]);
    json_set(object, key, array);
}

static void set_square(struct json *object, const char *key, int n)
{
    struct json *square = json_new_object();
    json_set_integer(square, "height", n);
    json_set_integer(square, "width", n);
    json_set(object, key, square);
}

char *picture_pipeline_text(const struct picture_pipeline *p)
{
    struct json *object = json_new_object();
    const bool crop = !p->square || p->size < p->resize;
    json_set_string(object, "image_processor_type", crop ? "CLIPImageProcessor" : "ViTImageProcessor");
    json_set_boolean(object, "do_resize", true);
    if (p->square) {
        set_square(object, "size", p->resize);
    } else {
        struct json *shorter = json_new_object();
        json_set_integer(shorter, "shortest_edge", p->resize);
        json_set(object, "size", shorter);
    }
    json_set_integer(object, "resample", p->filter);
    json_set_boolean(object, "do_center_crop", crop);
    if (crop) set_square(object, "crop_size", p->size);
    if (crop) json_set_boolean(object, "crop_to_even", p->even);
    json_set_boolean(object, "do_rescale", true);
    json_set_number(object, "rescale_factor", p->rescale);
    json_set_boolean(object, "do_normalize", true);
    set_channels(object, "image_mean", p->mean);
    set_channels(object, "image_std", p->std);
    char *text = json_dump(object, 0);
    json_free(object);
    return text;
}
