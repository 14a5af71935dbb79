/* Sums over the last w bars, without a running sum that could drift.

   Rows are cut into groups of w. A window that ends in a group is the end of the group before and the beginning of this one, so it is
   a sum over the former's last rows, built backwards, plus a sum over the latter's first rows, built forwards (van Herk, "A fast
   algorithm for local minimum and maximum filters", Pattern Recognition Letters 13, 1992; Gil and Werman, 1993). Nothing is ever
   subtracted: a value that has left the window has left no rounding behind.

   Terms are built from values less the value at the seam between the two groups. That one lies in the window, so its distance to the
   window's mean is at most √w standard deviations, and Σ y² − (Σ y)² / w loses at most about w² roundings, whatever the level of the
   values (Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance", American Statistician 37, 1983, on shifted data). */

#include "kernel.h"

#define MOST_TERMS 4

/* What is summed: the shifted inputs, then products of two of them. */
typedef struct {
    int inputs, products, left[2], right[2];
} terms;

typedef struct {
    int64_t seam;
    double *of[MOST_TERMS];
} sums;

static inline void shift(double *restrict to, const double *restrict x, const double *restrict seam, int64_t n)
{
    EACH(j) to[j] = x[j] - seam[j];
}

static inline void sum(double *restrict to, const double *restrict a, const double *restrict c, int64_t n)
{
    EACH(j) to[j] = a[j] + c[j];
}

static inline void sum_product(double *restrict to, const double *restrict x, const double *restrict y, const double *restrict c,
                               int64_t n)
{
    EACH(j) to[j] = x[j] * y[j] + c[j];
}

static inline void add_product(double *restrict to, const double *restrict x, const double *restrict y, int64_t n)
{
    EACH(j) to[j] += x[j] * y[j];
}

/* The same of an input and its square: one loop, for it is what most windows are. */
static inline void sum_squares(double *restrict to, double *restrict to_square, const double *restrict x, const double *restrict seam,
                               const double *restrict c, const double *restrict square, int64_t n)
{
    EACH(j)
    {
        const double y = x[j] - seam[j];
        to[j] = y + c[j];
        to_square[j] = y * y + square[j];
    }
}

static inline void add_squares(double *restrict to, double *restrict to_square, const double *restrict x, const double *restrict seam,
                               int64_t n)
{
    EACH(j)
    {
        const double y = x[j] - seam[j];
        to[j] += y;
        to_square[j] += y * y;
    }
}

/* Sums over the window that ends at `row`, if it is full. Work: a plane of a window for each term, two vectors for each, and one for
   each input. */
static inline __attribute__((always_inline)) int window_sums(const block *b, int64_t row, terms what, sums *found)
{
    const int64_t n = b->width, window = b->count[0], place = (row + 1) % window, seam = row - place;
    const int count = what.inputs + what.products, squares = what.inputs == 1 && what.products == 1;
    double *ending[MOST_TERMS], *forward[MOST_TERMS], *shifted[2];
    if (row < window - 1)
        return 0;
    for (int term = 0; term < count; term++) {
        ending[term] = WORK(term * window);
        forward[term] = WORK(count * window + term);
        found->of[term] = WORK(count * (window + 1) + term);
    }
    for (int i = 0; i < what.inputs; i++)
        shifted[i] = WORK(count * (window + 2) + i);
    found->seam = seam;
    if (place == 0) { /* the value at the seam less itself is zero */
        for (int term = 0; term < count; term++) {
            fill(ending[term] + (window - 1) * b->pitch, n, 0.0);
            fill(forward[term], n, 0.0);
        }
        for (int64_t r = window - 2; r >= 0; r--) {
            const int64_t at = r * b->pitch, after = at + b->pitch, from = row + 1 - window + r;
            if (squares) {
                sum_squares(ending[0] + at, ending[1] + at, IN(0, from), IN(0, seam), ending[0] + after, ending[1] + after, n);
                continue;
            }
            for (int i = 0; i < what.inputs; i++) {
                shift(shifted[i], IN(i, from), IN(i, seam), n);
                sum(ending[i] + at, shifted[i], ending[i] + after, n);
            }
            for (int p = 0; p < what.products; p++) {
                const int term = what.inputs + p;
                sum_product(ending[term] + at, shifted[what.left[p]], shifted[what.right[p]], ending[term] + after, n);
            }
        }
    } else if (squares)
        add_squares(forward[0], forward[1], IN(0, row), IN(0, seam), n);
    else {
        for (int i = 0; i < what.inputs; i++) {
            shift(shifted[i], IN(i, row), IN(i, seam), n);
            add(forward[i], shifted[i], n);
        }
        for (int p = 0; p < what.products; p++)
            add_product(forward[what.inputs + p], shifted[what.left[p]], shifted[what.right[p]], n);
    }
    for (int term = 0; term < count; term++)
        sum(found->of[term], forward[term], ending[term] + place * b->pitch, n);
    return 1;
}

static const terms VALUES = {1, 0, {0}, {0}}, SQUARES = {1, 1, {0}, {0}}, LINE = {2, 2, {0, 1}, {1, 1}}, TRADED = {2, 1, {0}, {1}};

/* Σ (x − mean)² from Σ y and Σ y², never below zero; `share` is 1 / w. */
static inline double spread(double first, double second, double share)
{
    const double left = second - first * first * share;
    return left < 0.0 ? 0.0 : left;
}

static inline double share_of(const block *b) { return 1.0 / (double)b->count[0]; }

void sma(const block *b, int64_t row)
{
    sums found;
    if (!window_sums(b, row, VALUES, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double share = share_of(b), *restrict first = found.of[0], *restrict level = IN(0, found.seam);
    double *restrict out = OUT(0, row);
    EACH(j) out[j] = first[j] * share + level[j];
}

/* factor: what √Σ (x − mean)² is multiplied by. */
void standard_deviation(const block *b, int64_t row)
{
    sums found;
    if (!window_sums(b, row, SQUARES, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double share = share_of(b), scale = b->factor[0], *restrict first = found.of[0], *restrict second = found.of[1];
    double *restrict out = OUT(0, row);
    EACH(j) out[j] = __builtin_sqrt(spread(first[j], second[j], share)) * scale;
}

/* factor: what (x − mean) / √Σ (x − mean)² is multiplied by. */
void z_score(const block *b, int64_t row)
{
    sums found;
    if (!window_sums(b, row, SQUARES, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double share = share_of(b), scale = b->factor[0], *restrict first = found.of[0], *restrict second = found.of[1];
    const double *restrict now = IN(0, row), *restrict level = IN(0, found.seam);
    double *restrict out = OUT(0, row);
    EACH(j) /* 0 / 0 where the values stand still */
        out[j] = ((now[j] - level[j]) - first[j] * share) / __builtin_sqrt(spread(first[j], second[j], share)) * scale;
}

/* factor: half the width, in √Σ (x − mean)². */
void bollinger(const block *b, int64_t row)
{
    sums found;
    if (!window_sums(b, row, SQUARES, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double share = share_of(b), scale = b->factor[0], *restrict first = found.of[0], *restrict second = found.of[1];
    const double *restrict level = IN(0, found.seam);
    double *restrict upper = OUT(0, row), *restrict middle = OUT(1, row), *restrict lower = OUT(2, row);
    EACH(j)
    {
        const double half = __builtin_sqrt(spread(first[j], second[j], share)) * scale, centre = first[j] * share + level[j];
        upper[j] = centre + half;
        middle[j] = centre;
        lower[j] = centre - half;
    }
}

void beta(const block *b, int64_t row)
{
    sums found;
    if (!window_sums(b, row, LINE, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double share = share_of(b), *restrict own = found.of[0], *restrict index = found.of[1], *restrict both = found.of[2];
    const double *restrict square = found.of[3];
    double *restrict out = OUT(0, row);
    EACH(j)
    {
        const double variance = square[j] - index[j] * index[j] * share, slope = (both[j] - own[j] * index[j] * share) / variance;
        out[j] = variance > 0.0 ? slope : NONE;
    }
}

/* Of the window of the bars before. */
void volume_ratio(const block *b, int64_t row)
{
    sums found;
    if (row == 0 || !window_sums(b, row - 1, VALUES, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double share = share_of(b), *restrict first = found.of[0], *restrict level = IN(0, found.seam), *restrict now = IN(0, row);
    double *restrict out = OUT(0, row);
    EACH(j)
    {
        const double usual = first[j] * share + level[j], times = now[j] / usual;
        out[j] = usual > 0.0 ? times : NONE;
    }
}

/* Σ p·v / Σ v with p and v less their values p₀ and v₀ at the seam: p₀ + (Σ (p − p₀)(v − v₀) + v₀ Σ (p − p₀)) / Σ v. */
void rolling_vwap(const block *b, int64_t row)
{
    sums found;
    if (!window_sums(b, row, TRADED, &found)) {
        nothing(b, row);
        return;
    }
    const int64_t n = b->width;
    const double window = (double)b->count[0], *restrict price = found.of[0], *restrict volume = found.of[1], *restrict both = found.of[2];
    const double *restrict level = IN(0, found.seam), *restrict usual = IN(1, found.seam);
    double *restrict out = OUT(0, row);
    EACH(j)
    {
        const double shares = volume[j] + usual[j] * window, mean = (both[j] + price[j] * usual[j]) / shares + level[j];
        out[j] = shares > 0.0 ? mean : NONE;
    }
}
