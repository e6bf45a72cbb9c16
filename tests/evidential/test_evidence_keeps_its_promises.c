/* What evidence promises whatever the numbers: fusion does not see order and grouping, a missing modality is not there, nothing overflows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "rng.h"
#include "special.h"
#include "uncertainty.h"
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double TOLERANCE = sizeof(ag_real) == sizeof(double) ? 1e-13 : 1e-6;

enum { W = 11, L = 5, PLANE = W * L, M = 3 };
static ag_real values[M][EVI_PLANES * PLANE], grads[M][EVI_PLANES * PLANE];
static ag_graph g;

static void draw(uint32_t sub, size_t n, double low, double high, ag_real *a)
{
    struct rng r = rng_stream(1, RNG_TEST, sub);
    for (size_t i = 0; i < n; i++) a[i] = (ag_real)(low + (high - low) * rng_uniform(&r));
}

/* Modality m: gamma -2 to 2, nu .01 to 100, alpha 1.01 to 100, beta .02 to 5. */
static ag_tensor *modality(int m)
{
    static const double low[] = {-2, -4.6, -4.6, .02}, high[] = {2, 4.6, 4.6, 5};
    for (int p = 0; p < EVI_PLANES; p++) draw((uint32_t)(10 * m + p), PLANE, low[p], high[p], values[m] + p * PLANE);
    for (int i = 0; i < PLANE; i++) {
        values[m][EVI_NU * PLANE + i] = (ag_real)exp((double)values[m][EVI_NU * PLANE + i]);
        values[m][EVI_ALPHA * PLANE + i] = (ag_real)(1 + exp((double)values[m][EVI_ALPHA * PLANE + i]));
    }
    return ag_leaf(&g, 3, (const int[]){EVI_PLANES, W, L}, values[m], grads[m]);
}

static ag_tensor *evidence_of(int m)
{
    draw((uint32_t)m, PLANE, 0, 50, values[m]);
    return ag_leaf(&g, 2, (const int[]){W, L}, values[m], grads[m]);
}

static int setup(void **state)
{
    (void)state;
    ag_graph_init(&g);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    ag_graph_free(&g);
    return 0;
}

/* Each element within TOLERANCE of itself; gamma within TOLERANCE absolutely, since it may cancel. */
static void assert_same_belief(const ag_tensor *a, const ag_tensor *b)
{
    for (size_t i = 0; i < EVI_PLANES * PLANE; i++) {
        const double size = i < PLANE ? 2 : fabs((double)b->val[i]);
        if (!(fabs((double)a->val[i] - (double)b->val[i]) <= TOLERANCE * size))
            fail_msg("plane %zu, element %zu: %.9g and %.9g", i / PLANE, i % PLANE, (double)a->val[i], (double)b->val[i]);
    }
}

static ag_tensor *fuse(int n, ag_tensor *const *x, const uint8_t *const *present, bool neutral)
{
    return evi_monig_fuse(&g, n, x, present, neutral);
}

/* ---- order and grouping, with every mix of missing modalities among the words ---- */

static void two_beliefs_fused_by_hand(void **state)
{
    (void)state;
    ag_real a[] = {0, 1, 2, 1}, b[] = {1, 3, 4, 2};
    ag_tensor *of[] = {ag_input(&g, 3, (const int[]){EVI_PLANES, 1, 1}, a), ag_input(&g, 3, (const int[]){EVI_PLANES, 1, 1}, b)};
    const ag_tensor *plain = fuse(2, of, NULL, false), *neutral = fuse(2, of, NULL, true);
    static const ag_real expected[] = {(ag_real).75, 4, (ag_real)6.5, (ag_real)3.375};
    for (int p = 0; p < EVI_PLANES; p++) {
        assert_true(plain->val[p] == expected[p]);
        assert_true(neutral->val[p] == (p == EVI_ALPHA ? 5 : expected[p]));
    }
}

/* Word w has the modalities that are bits of w % 7 + 1. */
static const uint8_t *mask(int set)
{
    static uint8_t masks[8][W];
    for (int w = 0; w < W; w++) masks[set][w] = (w % 7 + 1) & set ? 1 : 0;
    return masks[set];
}

static void fusion_does_not_see_the_order(void **state)
{
    (void)state;
    static const int orders[][M] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    ag_tensor *of[M] = {modality(0), modality(1), modality(2)};
    for (int neutral = 0; neutral < 2; neutral++)
        for (int masked = 0; masked < 2; masked++) {
            const ag_tensor *first = NULL;
            for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
                ag_tensor *x[M];
                const uint8_t *present[M];
                for (int m = 0; m < M; m++) {
                    x[m] = of[orders[k][m]];
                    present[m] = masked ? mask(1 << orders[k][m]) : NULL;
                }
                const ag_tensor *y = fuse(M, x, present, neutral);
                if (!first) first = y;
                assert_same_belief(y, first);
            }
        }
}

static void fusion_does_not_see_the_grouping(void **state)
{
    (void)state;
    ag_tensor *of[M] = {modality(0), modality(1), modality(2)};
    for (int neutral = 0; neutral < 2; neutral++) {
        const ag_tensor *all = fuse(M, of, NULL, neutral);
        for (int last = 0; last < M; last++) {
            ag_tensor *pair = fuse(2, (ag_tensor *[]){of[(last + 1) % M], of[(last + 2) % M]}, NULL, neutral);
            assert_same_belief(fuse(2, (ag_tensor *[]){pair, of[last]}, NULL, neutral), all);
        }
    }
}

/* A word of the pair may have one modality, or none: then the pair itself is missing, and what stands in its place is not read. */
static void fusion_does_not_see_the_grouping_where_modalities_are_missing(void **state)
{
    (void)state;
    ag_tensor *of[M] = {modality(0), modality(1), modality(2)};
    const uint8_t *present[M] = {mask(1), mask(2), mask(4)};
    for (int neutral = 0; neutral < 2; neutral++) {
        const ag_tensor *all = fuse(M, of, present, neutral);
        for (int last = 0; last < M; last++) {
            const int a = (last + 1) % M, b = (last + 2) % M;
            uint8_t filled[W];
            const uint8_t *both = mask((1 << a) | (1 << b));
            for (int w = 0; w < W; w++) filled[w] = present[a][w] || !both[w];
            ag_tensor *pair = fuse(2, (ag_tensor *[]){of[a], of[b]}, (const uint8_t *[]){filled, present[b]}, neutral);
            assert_same_belief(fuse(2, (ag_tensor *[]){pair, of[last]}, (const uint8_t *[]){both, present[last]}, neutral), all);
        }
    }
}

static void dempsters_rule_does_not_see_order_and_grouping(void **state)
{
    (void)state;
    ag_tensor *of[M] = {evidence_of(0), evidence_of(1), evidence_of(2)};
    const ag_tensor *all = evi_dempster_fuse(&g, M, of, NULL),
                    *other = evi_dempster_fuse(&g, M, (ag_tensor *[]){of[2], of[0], of[1]}, NULL),
                    *grouped = evi_dempster_fuse(
                        &g, 2, (ag_tensor *[]){of[1], evi_dempster_fuse(&g, 2, (ag_tensor *[]){of[0], of[2]}, NULL)}, NULL);
    for (int i = 0; i < PLANE; i++) {
        const double expected = (double)all->val[i];
        if (!(fabs((double)other->val[i] - expected) <= TOLERANCE * expected)) fail_msg("order: %g", (double)other->val[i]);
        if (!(fabs((double)grouped->val[i] - expected) <= TOLERANCE * expected)) fail_msg("grouping: %g", (double)grouped->val[i]);
    }
}

/* The rule as the paper has it, on opinions. */
static void dempsters_rule_is_the_papers(void **state)
{
    (void)state;
    ag_tensor *of[2] = {evidence_of(0), evidence_of(1)};
    const ag_tensor *fused = evi_dempster_fuse(&g, 2, of, NULL);
    for (int w = 0; w < W; w++) {
        const ag_real *e1 = of[0]->val + w * L, *e2 = of[1]->val + w * L;
        const double S1 = evi_dirichlet_strength(L, e1), S2 = evi_dirichlet_strength(L, e2), u1 = L / S1, u2 = L / S2;
        const double agreed = 1 - evi_dirichlet_conflict(L, e1, e2), u = u1 * u2 / agreed;
        for (int l = 0; l < L; l++) {
            const double b1 = (double)e1[l] / S1, b2 = (double)e2[l] / S2, e = (b1 * b2 + b1 * u2 + b2 * u1) / agreed * L / u;
            if (!(fabs((double)fused->val[w * L + l] - e) <= TOLERANCE * e)) fail_msg("%g, not %g", (double)fused->val[w * L + l], e);
        }
    }
}

/* ---- a modality that is missing ---- */

static void dy_of_ones(ag_real *dy, size_t n)
{
    for (size_t i = 0; i < n; i++) dy[i] = 1;
}

/* Words 0, 2, 4, ... have text alone. */
static void what_is_missing_changes_no_bit_and_gets_no_gradient(void **state)
{
    (void)state;
    uint8_t even[W], odd[W];
    for (int w = 0; w < W; w++) {
        even[w] = w % 2 == 0;
        odd[w] = w % 2 == 1;
    }
    for (int neutral = 0; neutral < 2; neutral++) {
        ag_tensor *text = modality(0), *image = modality(1);
        const uint8_t *const present[] = {NULL, odd};
        ag_tensor *fused = fuse(2, (ag_tensor *[]){text, image}, present, neutral);
        for (int w = 0; w < W; w += 2)
            for (size_t p = 0; p < EVI_PLANES; p++)
                for (int l = 0; l < L; l++) values[1][p * PLANE + (size_t)(w * L + l)] = (ag_real)NAN;
        ag_tensor *again = fuse(2, (ag_tensor *[]){text, image}, present, neutral);
        assert_memory_equal(fused->val, again->val, EVI_PLANES * PLANE * sizeof(ag_real));
        ag_real dy[EVI_PLANES * PLANE];
        dy_of_ones(dy, EVI_PLANES * PLANE);
        ag_backward(&g, again, dy);
        for (size_t i = 0; i < EVI_PLANES * PLANE; i++) {
            if (!even[i % PLANE / L]) continue;
            assert_true(fused->val[i] == values[0][i]);
            assert_true(grads[0][i] == 1 && grads[1][i] == 0);
        }
        ag_graph_reset(&g);
    }
}

static void one_modality_is_the_tensor_itself(void **state)
{
    (void)state;
    ag_tensor *text = modality(0), *evidence = evidence_of(1);
    assert_ptr_equal(fuse(1, &text, NULL, false), text);
    assert_ptr_equal(evi_dempster_fuse(&g, 1, &evidence, NULL), evidence);
    assert_int_equal(g.len, 0);
}

static void a_loss_reads_no_word_whose_modality_is_missing(void **state)
{
    (void)state;
    static const int32_t start[] = {0, 4, W};
    int32_t tags[W];
    uint8_t odd[W];
    for (int w = 0; w < W; w++) {
        tags[w] = w % L;
        odd[w] = w % 2 == 1;
    }
    const evi_words words = {2, start, tags, odd};
    ag_tensor *belief = modality(0);
    const ag_tensor *before = evi_nig_nll(&g, belief, words, NULL);
    for (size_t i = 0; i < EVI_PLANES * PLANE; i++)
        if (!odd[i % PLANE / L]) values[0][i] = (ag_real)NAN;
    ag_tensor *after = evi_nig_nll(&g, belief, words, NULL);
    assert_memory_equal(before->val, after->val, 2 * sizeof(ag_real));
    ag_backward(&g, after, (const ag_real[]){1, 1});
    for (size_t i = 0; i < EVI_PLANES * PLANE; i++) assert_true(odd[i % PLANE / L] ? isfinite(grads[0][i]) : grads[0][i] == 0);
}

/* ---- uncertainty ---- */

static evi_nig vacuous(void)
{
    return (evi_nig){.gamma = 0, .nu = 1e-3, .alpha = 1.01, .beta = .02};
}

/* Why vacuous_neutral is there: without it, what knows nothing lowers the aleatoric uncertainty to less than half. */
static void knowing_nothing_lowers_the_aleatoric_uncertainty_unless_neutral(void **state)
{
    (void)state;
    const evi_nig nothing = vacuous();
    ag_real text[] = {1, 5, 2, 1}, image[] = {(ag_real)nothing.gamma, (ag_real)nothing.nu, (ag_real)nothing.alpha, (ag_real)nothing.beta};
    ag_tensor *of[] = {ag_input(&g, 3, (const int[]){EVI_PLANES, 1, 1}, text), ag_input(&g, 3, (const int[]){EVI_PLANES, 1, 1}, image)};
    const double alone = evi_aleatoric(evi_nig_at(of[0], 0, 0)), plain = evi_aleatoric(evi_nig_at(fuse(2, of, NULL, false), 0, 0)),
                 neutral = evi_aleatoric(evi_nig_at(fuse(2, of, NULL, true), 0, 0));
    if (!(plain < .5 * alone)) fail_msg("%g falls to %g", alone, plain);
    if (!(fabs(neutral / alone - 1) <= .02)) fail_msg("%g becomes %g", alone, neutral);
}

static void conflict_of_two_is_the_closed_form_and_adds_to_beta(void **state)
{
    (void)state;
    ag_tensor *of[] = {modality(0), modality(1)};
    const ag_tensor *fused = fuse(2, of, NULL, false);
    for (int w = 0; w < W; w++)
        for (int l = 0; l < L; l++) {
            const evi_nig a = evi_nig_at(of[0], w, l), b = evi_nig_at(of[1], w, l), y = evi_nig_at(fused, w, l);
            const double off = a.gamma - b.gamma, expected = a.nu * b.nu / (a.nu + b.nu) * off * off / 2;
            const double conflict = evi_conflict(2, (const evi_nig[]){a, b});
            if (!(fabs(conflict - expected) <= 1e-12 * (expected + a.nu + b.nu))) fail_msg("%g, expected is %g", conflict, expected);
            if (!(fabs(y.beta - a.beta - b.beta - conflict) <= 2 * TOLERANCE * y.beta))
                fail_msg("beta grows by %g", y.beta - a.beta - b.beta);
        }
}

static void words_together_are_the_mean_of_each_at_its_tag(void **state)
{
    (void)state;
    ag_tensor *text = modality(0), *image = modality(1);
    ag_tensor *fused = fuse(2, (ag_tensor *[]){text, image}, NULL, false);
    static const int32_t tags[] = {3, 0, 4};
    enum { FIRST = 5, N = 3 };
    const evi_uncertainty u = evi_uncertainty_of(fused, FIRST, N, tags);
    double aleatoric = 0, epistemic = 0, scale = 0, conflict = 0, share = 0;
    for (int i = 0; i < N; i++) {
        const evi_nig x = evi_nig_at(fused, FIRST + i, tags[i]);
        assert_true(x.nu == (double)fused->val[EVI_NU * PLANE + (FIRST + i) * L + tags[i]]);
        aleatoric += x.beta / (x.alpha - 1);
        epistemic += x.beta / (x.alpha - 1) / x.nu;
        scale += sqrt(x.beta * (1 + x.nu) / (x.nu * x.alpha));
        conflict += evi_conflict_of(text, image, FIRST + i, 1, tags + i);
        share += evi_nig_at(image, FIRST + i, tags[i]).nu / x.nu;
    }
    const double got[] = {u.aleatoric, u.epistemic, u.predictive_scale, evi_conflict_of(text, image, FIRST, N, tags),
                          evi_visual_share_of(image, fused, FIRST, N, tags)},
                 sum[] = {aleatoric, epistemic, scale, conflict, share};
    for (int k = 0; k < 5; k++)
        if (!(fabs(got[k] - sum[k] / N) <= 1e-12 * got[k])) fail_msg("measure %d: %g, expected is %g", k, got[k], sum[k] / N);
    const evi_uncertainty none = evi_uncertainty_of(fused, FIRST, 0, NULL);
    assert_true(none.aleatoric == 0 && none.epistemic == 0 && none.predictive_scale == 0);
}

/* ---- the head ---- */

static ag_tensor *head_of(double z, const evi_head *head)
{
    static ag_real row[4 * L];
    for (int i = 0; i < 4 * L; i++) row[i] = (ag_real)z;
    return evi_nig_head(&g, ag_input(&g, 2, (const int[]){1, 4 * L}, row), L, head);
}

static void beliefs_stay_between_floor_and_ceiling(void **state)
{
    (void)state;
    const evi_head head = EVI_HEAD_DEFAULTS;
    static const double z[] = {-1e30, -1e4, -200, 0, 200, 1e4, 1e30};
    for (size_t k = 0; k < sizeof z / sizeof *z; k++) {
        const ag_tensor *y = head_of(z[k], &head);
        for (int l = 0; l < L; l++) {
            const evi_nig x = evi_nig_at(y, 0, l);
            if (!(fabs(x.gamma - 1.0 / L) <= 1e-6)) fail_msg("gamma %g at z = %g", x.gamma, z[k]);
            assert_true(x.nu >= (double)(ag_real)head.nu_min && x.nu <= (double)(ag_real)head.nu_max);
            assert_true(x.alpha >= (double)(ag_real)head.alpha_min && x.alpha <= (double)(ag_real)head.alpha_max);
            assert_true(x.beta >= (double)(ag_real)head.beta_min && !isnan(x.beta));
        }
    }
}

static void the_first_beliefs_are_what_the_bias_says(void **state)
{
    (void)state;
    for (int reading = EVI_ONEHOT; reading <= EVI_PROB; reading++)
        for (int tied = 0; tied < 2; tied++) {
            evi_head head = EVI_HEAD_DEFAULTS;
            head.reading = (evi_reading)reading;
            head.tie_alpha = tied;
            ag_real bias[4 * L];
            evi_nig_head_bias(&head, L, bias);
            const ag_tensor *y = evi_nig_head(&g, ag_input(&g, 2, (const int[]){1, 4 * L}, bias), L, &head);
            const double expected[] = {reading == EVI_PROB ? 1.0 / L : 0, 1, 2, 1};
            for (int p = 0; p < EVI_PLANES; p++)
                for (int l = 0; l < L; l++)
                    if (!(fabs((double)y->val[p * L + l] - expected[p]) <= 1e-6)) fail_msg("plane %d is %g", p, (double)y->val[p * L + l]);
        }
}

static void both_layouts_of_rows_give_the_same_beliefs(void **state)
{
    (void)state;
    static ag_real by_word[W * 4 * L], by_tag[W * L * 4];
    draw(1, W * 4 * L, -3, 3, by_word);
    for (int w = 0; w < W; w++)
        for (int l = 0; l < L; l++)
            for (int p = 0; p < EVI_PLANES; p++) by_tag[(w * L + l) * 4 + p] = by_word[w * 4 * L + p * L + l];
    const evi_head head = EVI_HEAD_DEFAULTS;
    const ag_tensor *a = evi_nig_head(&g, ag_input(&g, 2, (const int[]){W, 4 * L}, by_word), L, &head),
                    *b = evi_nig_head(&g, ag_input(&g, 2, (const int[]){W * L, 4}, by_tag), L, &head);
    assert_memory_equal(a->val, b->val, EVI_PLANES * PLANE * sizeof(ag_real));
}

/* ---- losses ---- */

/* Its log density, written as statistics has it: df = 2 alpha, scale^2 = beta (1 + nu) / (nu alpha). */
static double student_t(double e, evi_nig x)
{
    const double df = 2 * x.alpha, square = x.beta * (1 + x.nu) / (x.nu * x.alpha);
    return evi_lgamma((df + 1) / 2) - evi_lgamma(df / 2) - log(df * acos(-1) * square) / 2 - (df + 1) / 2 * log1p(e * e / (df * square));
}

static void losses_are_weighed_sums_of_what_each_word_and_tag_costs(void **state)
{
    (void)state;
    static const int32_t start[] = {0, 4, 4, W};
    int32_t tags[W];
    for (int w = 0; w < W; w++) tags[w] = 3 * w % L;
    ag_real weight[L * L];
    draw(99, L * L, 0, 2, weight);
    ag_tensor *belief = modality(0);
    const evi_words words = {3, start, tags, NULL};
    const ag_tensor *nll = evi_nig_nll(&g, belief, words, weight), *regulariser = evi_nig_regulariser(&g, belief, words, weight);
    for (int b = 0; b < 3; b++) {
        double likelihood = 0, wrong = 0;
        for (int w = start[b]; w < start[b + 1]; w++)
            for (int l = 0; l < L; l++) {
                const evi_nig x = evi_nig_at(belief, w, l);
                const double e = (l == tags[w]) - x.gamma, of = (double)weight[tags[w] * L + l];
                likelihood -= of * student_t(e, x);
                wrong += of * fabs(e) * (2 * x.nu + x.alpha);
            }
        if (!(fabs((double)nll->val[b] - likelihood) <= 10 * TOLERANCE * fabs(likelihood))) fail_msg("%g", (double)nll->val[b]);
        if (!(fabs((double)regulariser->val[b] - wrong) <= TOLERANCE * wrong)) fail_msg("%g", (double)regulariser->val[b]);
    }
}

static void a_words_weight_scales_its_cross_entropy(void **state)
{
    (void)state;
    static const int32_t start[] = {0, W};
    int32_t tags[W];
    for (int w = 0; w < W; w++) tags[w] = 3 * w % L;
    ag_real weight[L * L];
    draw(98, L * L, 0, 2, weight);
    ag_tensor *belief = modality(0), *table = ag_input(&g, 2, (const int[]){W, L}, belief->val);
    double sum[3] = {0};
    for (int32_t w = 0; w < W; w++) {
        uint8_t only[W] = {0};
        only[w] = 1;
        const evi_words word = {1, start, tags, only};
        const double of = (double)weight[tags[w] * L + tags[w]];
        sum[0] += of * (double)evi_nig_cross_entropy(&g, belief, word, NULL)->val[0];
        sum[1] += of * (double)evi_word_cross_entropy(&g, table, word, NULL)->val[0];
        sum[2] += of * (double)evi_dirichlet_cross_entropy(&g, table, word, NULL)->val[0];
    }
    const evi_words all = {1, start, tags, NULL};
    const double weighed[] = {(double)evi_nig_cross_entropy(&g, belief, all, weight)->val[0],
                              (double)evi_word_cross_entropy(&g, table, all, weight)->val[0],
                              (double)evi_dirichlet_cross_entropy(&g, table, all, weight)->val[0]};
    for (int k = 0; k < 3; k++)
        if (!(fabs(weighed[k] - sum[k]) <= 100 * TOLERANCE * fabs(sum[k]))) fail_msg("loss %d: %g, not %g", k, weighed[k], sum[k]);
}

static void claimed_evidence_is_what_the_regulariser_counts_of_an_error_of_1(void **state)
{
    (void)state;
    static const int32_t start[] = {0, 2, W};
    int32_t tags[W] = {0};
    uint8_t noise[W];
    for (int w = 0; w < W; w++) noise[w] = w % 3 != 1;
    ag_tensor *belief = modality(1);
    const ag_tensor *y = evi_nig_evidence(&g, belief, (evi_words){2, start, tags, noise});
    for (int b = 0; b < 2; b++) {
        double sum = 0;
        for (int w = start[b]; w < start[b + 1]; w++)
            for (int l = 0; l < L && noise[w]; l++) sum += 2 * evi_nig_at(belief, w, l).nu + evi_nig_at(belief, w, l).alpha;
        if (!(fabs((double)y->val[b] - sum) <= TOLERANCE * sum)) fail_msg("%g, not %g", (double)y->val[b], sum);
    }
}

static void a_gamma_of_0_costs_a_finite_number(void **state)
{
    (void)state;
    ag_real belief[] = {0, 1, 1, 1, 2, 2, 1, 1}, grad[8];
    static const int32_t start[] = {0, 1}, tag[] = {0};
    ag_tensor *y =
        evi_nig_cross_entropy(&g, ag_leaf(&g, 3, (const int[]){EVI_PLANES, 1, 2}, belief, grad), (evi_words){1, start, tag, NULL}, NULL);
    assert_true(isfinite(y->val[0]) && y->val[0] > 80);
    ag_backward(&g, y, NULL);
    for (int i = 0; i < 8; i++) assert_true(grad[i] == 0);
}

static void losses_are_finite_wherever_a_head_can_be(void **state)
{
    (void)state;
    static const int32_t start[] = {0, 1};
    const evi_head head = EVI_HEAD_DEFAULTS;
    static const double z[] = {-1e4, -50, 0, 50, 1e4};
    for (size_t k = 0; k < sizeof z / sizeof *z; k++)
        for (int32_t tag = 0; tag < L; tag++) {
            const evi_words words = {1, start, &tag, NULL};
            ag_tensor *belief = head_of(z[k], &head), *evidence = evi_evidence(&g, ag_input(&g, 2, (const int[]){1, L}, belief->val), L);
            const ag_tensor *losses[] = {evi_nig_nll(&g, belief, words, NULL),
                                         evi_nig_regulariser(&g, belief, words, NULL),
                                         evi_nig_cross_entropy(&g, belief, words, NULL),
                                         evi_nig_evidence(&g, belief, words),
                                         evi_dirichlet_cross_entropy(&g, evidence, words, NULL),
                                         evi_dirichlet_kl(&g, evidence, words)};
            for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
                if (!isfinite(losses[i]->val[0])) fail_msg("loss %zu at z = %g", i, z[k]);
        }
}

static void no_evidence_against_the_tag_costs_nothing(void **state)
{
    (void)state;
    static const ag_real evidence[L] = {0, 7, 0, 0, 0};
    static const int32_t start[] = {0, 1}, tag[] = {1};
    const ag_tensor *y = evi_dirichlet_kl(&g, ag_input(&g, 2, (const int[]){1, L}, evidence), (evi_words){1, start, tag, NULL});
    if (!(fabs((double)y->val[0]) <= 1e-12)) fail_msg("%g", (double)y->val[0]);
}

static void words_weigh_by_inverse_tag_frequency(void **state)
{
    (void)state;
    static const int64_t count[] = {90, 0, 9, 1};
    ag_real weight[16];
    evi_inverse_frequency(4, count, weight);
    double mean = 0;
    for (int t = 0; t < 4; t++) {
        for (int l = 1; l < 4; l++) assert_true(weight[t * 4 + l] == weight[t * 4]);
        mean += (double)weight[t * 4] * (double)count[t] / 100;
    }
    if (!(fabs(mean - 1) <= 1e-6)) fail_msg("the mean is %g", mean);
    if (!(fabs((double)weight[8] / (double)weight[0] - 10) <= 1e-5)) fail_msg("%g", (double)weight[8]);
    assert_true(weight[4] == weight[12]); /* a tag that does not occur weighs as one that occurs once */
    static const int64_t none[4];
    evi_inverse_frequency(4, none, weight);
    for (int i = 0; i < 16; i++) assert_true(weight[i] == 1);
}

/* ---- special functions ---- */

/* Against identities that hold at every x: recurrence, duplication, and the difference of the functions themselves. */
static void special_functions_obey_their_identities(void **state)
{
    (void)state;
    for (double x = .01; x < 1e5; x *= 1.07) {
        const double half = evi_digamma(x) - evi_digamma(x + .5), log_half = evi_lgamma(x) - evi_lgamma(x + .5);
        const double size = fabs(evi_digamma(x)) + 1, log_size = fabs(evi_lgamma(x)) + 1;
        if (!(fabs(evi_digamma(x + 1) - evi_digamma(x) - 1 / x) <= 1e-14 * size)) fail_msg("digamma(%g)", x);
        if (!(fabs((evi_digamma(x) + evi_digamma(x + .5)) / 2 + log(2) - evi_digamma(2 * x)) <= 1e-14 * size)) fail_msg("digamma(2 %g)", x);
        if (!(fabs(evi_trigamma(x) - evi_trigamma(x + 1) - 1 / (x * x)) <= 1e-14 * evi_trigamma(x))) fail_msg("trigamma(%g)", x);
        if (!(fabs(evi_trigamma(x) + evi_trigamma(x + .5) - 4 * evi_trigamma(2 * x)) <= 1e-14 * evi_trigamma(x)))
            fail_msg("trigamma(2 %g)", x);
        if (!(fabs(evi_digamma_half(x) - half) <= 1e-14 * size)) fail_msg("digamma_half(%g)", x);
        if (!(fabs(evi_lgamma_half(x) - log_half) <= 1e-14 * log_size)) fail_msg("lgamma_half(%g)", x);
        /* The half steps keep their digits where the differences have none: f(x) - f(x + 1) is known. */
        const double step = -.5 / (x * (x + .5)), log_step = log1p(.5 / x);
        if (!(fabs(evi_digamma_half(x) - evi_digamma_half(x + 1) - step) <= 1e-14 * fabs(evi_digamma_half(x)))) fail_msg("step at %g", x);
        if (!(fabs(evi_lgamma_half(x) - evi_lgamma_half(x + 1) - log_step) <= 1e-14 * (fabs(evi_lgamma_half(x)) + 1)))
            fail_msg("log step at %g", x);
    }
    if (!(fabs(evi_digamma(1) + 0.57721566490153286) <= 1e-15)) fail_msg("digamma(1) = %.17g", evi_digamma(1));
    if (!(fabs(evi_trigamma(1) - 1.6449340668482264) <= 3e-15)) fail_msg("trigamma(1) = %.17g", evi_trigamma(1));
    for (double y = 1e-6; y < 1e3; y *= 3)
        if (!(fabs(evi_softplus(evi_softplus_inverse(y)) / y - 1) <= 1e-13)) fail_msg("softplus at %g", y);
    assert_true(evi_softplus(1e4) == 1e4 && evi_softplus(-1e4) == 0 && evi_sigmoid(-1e4) == 0 && evi_sigmoid(1e4) == 1);
}

int main(void)
{
    struct err e;
    if (ag_start(2, &e)) return fprintf(stderr, "%s\n", e.text), 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(two_beliefs_fused_by_hand),
        TEST(fusion_does_not_see_the_order),
        TEST(fusion_does_not_see_the_grouping),
        TEST(fusion_does_not_see_the_grouping_where_modalities_are_missing),
        TEST(dempsters_rule_does_not_see_order_and_grouping),
        TEST(dempsters_rule_is_the_papers),
        TEST(what_is_missing_changes_no_bit_and_gets_no_gradient),
        TEST(one_modality_is_the_tensor_itself),
        TEST(a_loss_reads_no_word_whose_modality_is_missing),
        TEST(knowing_nothing_lowers_the_aleatoric_uncertainty_unless_neutral),
        TEST(conflict_of_two_is_the_closed_form_and_adds_to_beta),
        TEST(words_together_are_the_mean_of_each_at_its_tag),
        TEST(beliefs_stay_between_floor_and_ceiling),
        TEST(the_first_beliefs_are_what_the_bias_says),
        TEST(both_layouts_of_rows_give_the_same_beliefs),
        TEST(losses_are_weighed_sums_of_what_each_word_and_tag_costs),
        TEST(a_words_weight_scales_its_cross_entropy),
        TEST(claimed_evidence_is_what_the_regulariser_counts_of_an_error_of_1),
        TEST(a_gamma_of_0_costs_a_finite_number),
        TEST(losses_are_finite_wherever_a_head_can_be),
        TEST(no_evidence_against_the_tag_costs_nothing),
        TEST(words_weigh_by_inverse_tag_frequency),
        TEST(special_functions_obey_their_identities),
    };
    return cmocka_run_group_tests_name("evidence_keeps_its_promises", tests, NULL, NULL);
}
