/* A bar beside an earlier one, and sums since a listing's first bar. */

#include "kernel.h"

/* count: length, skip; factor: what a doubling is. */
void change(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double scale = b->factor[0], *restrict now = IN(0, row - b->count[1]), *restrict base = IN(0, row - b->count[0]);
    double *restrict out = OUT(0, row);
    if (row < b->count[0])
        nothing(b, row);
    else
        EACH(j) out[j] = (now[j] / base[j] - 1.0) * scale;
}

void ratio(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double *restrict now = IN(0, row), *restrict before = IN(0, row - 1);
    double *restrict out = OUT(0, row);
    if (row == 0)
        nothing(b, row);
    else
        EACH(j) out[j] = now[j] / before[j];
}

void true_range(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double *restrict high = IN(0, row), *restrict low = IN(1, row), *restrict previous = IN(2, row - 1);
    double *restrict out = OUT(0, row);
    if (row == 0)
        nothing(b, row);
    else
        EACH(j) out[j] = range(high[j], low[j], previous[j]);
}

void running_vwap(const block *b, int64_t row)
{
    const int64_t n = b->width;
    const double *restrict high = IN(0, row), *restrict low = IN(1, row), *restrict close = IN(2, row), *restrict volume = IN(3, row);
    double *restrict traded = WORK(0), *restrict shares = WORK(1), *restrict out = OUT(0, row);
    if (row == 0) {
        fill(traded, n, 0.0);
        fill(shares, n, 0.0);
    }
    EACH(j)
    {
        traded[j] += (high[j] + low[j] + close[j]) * (1.0 / 3.0) * volume[j];
        shares[j] += volume[j];
        out[j] = traded[j] / shares[j];
    }
}
