/* Averages that fade: S_t = decay · S_{t−1} + weight · x_t, seeded with the mean of a listing's first terms. */

#include "kernel.h"

static inline void fade(double *restrict to, const double *restrict before, const double *restrict x, int64_t n, double decay,
                        double weight)
{
    EACH(j) to[j] = x[j] * weight + before[j] * decay;
}

/* A row of the exponential average of what stands in x from row `start` on; the seed is at row start + length − 1. */
static void average(const block *b, int64_t row, const double *x, double *to, const double *before, int64_t start, int64_t length,
                    double decay)
{
    const int64_t n = b->width, seed = start + length - 1;
    if (row > seed)
        fade(to, before, ROW(x, row), n, decay, 1.0 - decay);
    else if (row < seed)
        fill(to, n, NONE);
    else {
        fill(to, n, 0.0);
        for (int64_t t = start; t <= seed; t++)
            add(to, ROW(x, t), n);
        divide(to, n, (double)length);
    }
}

/* count: length; factor: decay. */
void exponential(const block *b, int64_t row)
{
    average(b, row, b->in[0], OUT(0, row), OUT(0, row - 1), 0, b->count[0], b->factor[0]);
}

static inline void moves(double *restrict gain, double *restrict loss, const double *restrict before, const double *restrict now, int64_t n,
                         double decay, double weight)
{
    EACH(j)
    {
        const double move = (now[j] - before[j]) * weight, up = greater(move, 0.0);
        gain[j] = up + gain[j] * decay;
        loss[j] = (up - move) + loss[j] * decay;
    }
}

static inline void strength(double *restrict out, const double *restrict gain, const double *restrict loss, int64_t n)
{
    EACH(j) out[j] = gain[j] / (gain[j] + loss[j]) * 100.0;
}

/* count: length; factor: decay. */
void rsi(const block *b, int64_t row)
{
    const int64_t n = b->width, length = b->count[0];
    double *gain = WORK(0), *loss = WORK(1);
    if (row == 0) {
        fill(gain, n, 0.0);
        fill(loss, n, 0.0);
    } else if (row <= length)
        moves(gain, loss, IN(0, row - 1), IN(0, row), n, 1.0, 1.0);
    else
        moves(gain, loss, IN(0, row - 1), IN(0, row), n, b->factor[0], 1.0 / (double)length);
    if (row == length) {
        divide(gain, n, (double)length);
        divide(loss, n, (double)length);
    }
    if (row < length)
        nothing(b, row);
    else
        strength(OUT(0, row), gain, loss, n);
}

static inline void fade_range(double *restrict to, const double *restrict before, const double *restrict high, const double *restrict low,
                              const double *restrict previous, int64_t n, double decay, double weight)
{
    EACH(j) to[j] = range(high[j], low[j], previous[j]) * weight + before[j] * decay;
}

static void average_range(const block *b, int64_t row, double *restrict to, const double *before, int64_t length, double decay)
{
    const int64_t n = b->width;
    if (row > length)
        fade_range(to, before, IN(0, row), IN(1, row), IN(2, row - 1), n, decay, 1.0 / (double)length);
    else if (row < length)
        fill(to, n, NONE);
    else {
        fill(to, n, 0.0);
        for (int64_t t = 1; t <= length; t++) {
            const double *restrict high = IN(0, t), *restrict low = IN(1, t), *restrict previous = IN(2, t - 1);
            EACH(j) to[j] += range(high[j], low[j], previous[j]);
        }
        divide(to, n, (double)length);
    }
}

/* count: length; factor: decay. */
void average_true_range(const block *b, int64_t row)
{
    average_range(b, row, OUT(0, row), OUT(0, row - 1), b->count[0], b->factor[0]);
}

/* count: span, length; factor: their decays, multiplier. */
void keltner(const block *b, int64_t row)
{
    const int64_t n = b->width, now = row % 2, then = 1 - now;
    const double multiplier = b->factor[2], *restrict centre = WORK(now), *restrict half = WORK(2 + now);
    double *restrict upper = OUT(0, row), *restrict middle = OUT(1, row), *restrict lower = OUT(2, row);
    average(b, row, b->in[2], WORK(now), WORK(then), 0, b->count[0], b->factor[0]);
    average_range(b, row, WORK(2 + now), WORK(2 + then), b->count[1], b->factor[1]);
    EACH(j)
    {
        const double away = half[j] * multiplier;
        upper[j] = centre[j] + away;
        middle[j] = away == away ? centre[j] : NONE;
        lower[j] = centre[j] - away;
    }
}

static inline void subtract(double *restrict to, const double *restrict a, const double *restrict c, int64_t n)
{
    EACH(j) to[j] = a[j] - c[j];
}

/* count: fast, slow, signal; factor: their decays. */
void macd(const block *b, int64_t row)
{
    const int64_t now = row % 2, then = 1 - now;
    average(b, row, b->in[0], WORK(now), WORK(then), 0, b->count[0], b->factor[0]);
    average(b, row, b->in[0], WORK(2 + now), WORK(2 + then), 0, b->count[1], b->factor[1]);
    subtract(OUT(0, row), WORK(now), WORK(2 + now), b->width);
    average(b, row, b->out[0], OUT(1, row), OUT(1, row - 1), b->count[1] - 1, b->count[2], b->factor[2]);
    subtract(OUT(2, row), OUT(0, row), OUT(1, row), b->width);
}

/* The movements of a row onto averages of them: true range, +DM, −DM. */
static inline void move(const block *b, int64_t row, double *restrict moved, double *restrict risen, double *restrict fallen, double decay,
                        double weight)
{
    const int64_t n = b->width;
    const double *restrict high = IN(0, row), *restrict low = IN(1, row);
    const double *restrict last_high = IN(0, row - 1), *restrict last_low = IN(1, row - 1), *restrict previous = IN(2, row - 1);
    EACH(j)
    {
        const double up = high[j] - last_high[j], down = last_low[j] - low[j];
        const double rise = up > down ? greater(up, 0.0) : 0.0, fall = down > up ? greater(down, 0.0) : 0.0;
        moved[j] = range(high[j], low[j], previous[j]) * weight + moved[j] * decay;
        risen[j] = rise * weight + risen[j] * decay;
        fallen[j] = fall * weight + fallen[j] * decay;
    }
}

static inline void direct(const block *b, int64_t row, const double *restrict moved, const double *restrict risen,
                          const double *restrict fallen)
{
    const int64_t n = b->width;
    double *restrict plus = OUT(0, row), *restrict minus = OUT(1, row), *restrict index = OUT(2, row);
    EACH(j)
    {
        const double rise = risen[j] / moved[j] * 100.0, fall = fallen[j] / moved[j] * 100.0;
        const double up = moved[j] == 0.0 ? 0.0 : rise, down = moved[j] == 0.0 ? 0.0 : fall;
        const double total = up + down, apart = __builtin_fabs(up - down) * 100.0 / total;
        plus[j] = up;
        minus[j] = down;
        index[j] = total == 0.0 ? 0.0 : apart;
    }
}

/* count: length; factor: decay. */
void adx(const block *b, int64_t row)
{
    const int64_t n = b->width, length = b->count[0];
    for (int place = 0; place < 3; place++) {
        if (row == 0)
            fill(WORK(place), n, 0.0);
        if (row < length)
            fill(OUT(place, row), n, NONE);
    }
    if (row > length)
        move(b, row, WORK(0), WORK(1), WORK(2), b->factor[0], 1.0 / (double)length);
    else if (row > 0)
        move(b, row, WORK(0), WORK(1), WORK(2), 1.0, 1.0);
    if (row == length)
        for (int place = 0; place < 3; place++)
            divide(WORK(place), n, (double)length);
    if (row >= length)
        direct(b, row, WORK(0), WORK(1), WORK(2));
    average(b, row, b->out[2], OUT(3, row), OUT(3, row - 1), length, length, b->factor[0]);
}

static inline void square(double *restrict sum, double *restrict weights, const double *restrict x, int64_t n, double decay)
{
    EACH(j)
    {
        sum[j] = x[j] * x[j] + sum[j] * decay;
        weights[j] = 1.0 + weights[j] * decay;
    }
}

/* count: returns before there is a value; factor: decay, periods of a year. */
void ewma_volatility(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double periods = b->factor[1], *restrict sum = WORK(0), *restrict weights = WORK(1);
    double *restrict out = OUT(0, row);
    if (row == 0) {
        fill(WORK(0), n, 0.0);
        fill(WORK(1), n, 0.0);
    }
    square(WORK(0), WORK(1), IN(0, row), n, b->factor[0]);
    if (row < b->count[0] - 1)
        nothing(b, row);
    else
        EACH(j) out[j] = __builtin_sqrt(sum[j] / weights[j] * periods);
}
