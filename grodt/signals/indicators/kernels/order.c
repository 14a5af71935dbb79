/* The greatest, the least and the rank of the last bars; the first two in groups of a window, as the sums in sums.c. */

#include "kernel.h"

static inline void greatest(double *restrict to, const double *restrict a, const double *restrict c, int64_t n)
{
    EACH(j) to[j] = greater(a[j], c[j]);
}

static inline void least(double *restrict to, const double *restrict a, const double *restrict c, int64_t n)
{
    EACH(j) to[j] = smaller(a[j], c[j]);
}

static inline void raise(double *restrict to, const double *restrict x, int64_t n) { EACH(j) to[j] = greater(x[j], to[j]); }

static inline void reduce(double *restrict to, const double *restrict x, int64_t n) { EACH(j) to[j] = smaller(x[j], to[j]); }

static inline void copy(double *restrict to, const double *restrict x, int64_t n) { EACH(j) to[j] = x[j]; }

/* The extremes of the window that ends at `row`, if it is full. Work: two planes of a window and two vectors. */
static int extremes(const block *b, int64_t row, const double *high, const double *low, double *highest, double *lowest)
{
    const int64_t n = b->width, window = b->count[0], place = (row + 1) % window;
    double *most = WORK(2 * window), *fewest = WORK(2 * window + 1);
    if (row < window - 1)
        return 0;
    if (place == 0) {
        copy(WORK(window - 1), ROW(high, row), n);
        copy(WORK(2 * window - 1), ROW(low, row), n);
        for (int64_t r = window - 2; r >= 0; r--) {
            greatest(WORK(r), ROW(high, row + 1 - window + r), WORK(r + 1), n);
            least(WORK(window + r), ROW(low, row + 1 - window + r), WORK(window + r + 1), n);
        }
        copy(most, ROW(high, row), n);
        copy(fewest, ROW(low, row), n);
    } else {
        raise(most, ROW(high, row), n);
        reduce(fewest, ROW(low, row), n);
    }
    greatest(highest, most, WORK(place), n);
    least(lowest, fewest, WORK(window + place), n);
    return 1;
}

/* Of the bars before this one. */
void donchian(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double *restrict upper = OUT(0, row), *restrict lower = OUT(2, row);
    double *restrict middle = OUT(1, row);
    if (row == 0 || !extremes(b, row - 1, b->in[0], b->in[1], OUT(0, row), OUT(2, row)))
        nothing(b, row);
    else
        EACH(j) middle[j] = (upper[j] + lower[j]) * 0.5;
}

/* Work: a vector more. */
void channel_position(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double *restrict close = IN(0, row), *restrict lowest = WORK(2 * b->count[0] + 2);
    double *restrict out = OUT(0, row);
    if (extremes(b, row, b->in[0], b->in[0], OUT(0, row), WORK(2 * b->count[0] + 2)))
        EACH(j)
        {
            const double place = (close[j] - lowest[j]) / (out[j] - lowest[j]) * 2.0 - 1.0;
            out[j] = out[j] == lowest[j] ? 0.0 : place;
        }
    else
        nothing(b, row);
}

static inline void beat(double *restrict beaten, const double *restrict now, const double *restrict then, int64_t n)
{
    EACH(j) beaten[j] += (then[j] < now[j] ? 1.0 : 0.0) + (then[j] <= now[j] ? 1.0 : 0.0);
}

void rolling_rank(const block *b, int64_t row)
{
    const int64_t n = b->width, window = b->count[0];
    const double share = 1.0 / (double)(2 * window);
    double *restrict out = OUT(0, row);
    if (row < window - 1) {
        nothing(b, row);
        return;
    }
    fill(out, n, 2.0); /* the bar itself: never below, and level */
    for (int64_t back = 1; back < window; back++)
        beat(out, IN(0, row), IN(0, row - back), n);
    EACH(j) out[j] *= share;
}
