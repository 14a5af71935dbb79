/* What a kernel sees, and what kernels share.

   A kernel is one step: it fills a row of its outputs for columns side by side, each of them the bars of one listing from its first one
   on, without a hole. Rows count from that first bar, and are asked for in order. A column is filled from the same column alone. How
   gaps and listings are taken out is in evaluate.c.

   Arithmetic is plain IEEE doubles in the order it is written in: no reassociation, no fused multiplication and addition, nothing that
   asks which processor runs it. So a value has the same bits on every machine, whatever stands beside it. */

#ifndef GRODT_KERNEL_H
#define GRODT_KERNEL_H

#include <stdint.h>

#define MOST_INPUTS 4
#define MOST_OUTPUTS 4

typedef struct {
    int64_t width, stride; /* columns, and numbers from one row to the next */
    const double *in[MOST_INPUTS];
    double *out[MOST_OUTPUTS];
    const int64_t *count; /* whole parameters: windows, lengths */
    const double *factor; /* the others */
    double *work;         /* vectors that are kept from row to row, as many as the kernel's line in evaluate.c says */
    int64_t pitch;        /* numbers from one of them to the next */
    int outputs;
} block;

typedef void kernel(const block *b, int64_t row);

kernel change, ratio, true_range, running_vwap;                                           /* bars.c */
kernel exponential, rsi, average_true_range, keltner, macd, adx, ewma_volatility;         /* decay.c */
kernel donchian, channel_position, rolling_rank;                                          /* order.c */
kernel sma, standard_deviation, z_score, bollinger, beta, volume_ratio, rolling_vwap;     /* sums.c */

#define NONE __builtin_nan("")
/* Bar number `row` of an array; of one before the first bar, an address that is not read. */
#define ROW(array, row) ((array) + (row) * b->stride)
#define IN(place, row) ROW(b->in[place], row)
#define OUT(place, row) ROW(b->out[place], row)
#define WORK(number) (b->work + (number) * b->pitch)
/* Every column of a row. */
#define EACH(j) for (int64_t j = 0; j < n; j++)

static inline double greater(double a, double c) { return a > c ? a : c; }

static inline double smaller(double a, double c) { return a < c ? a : c; }

static inline double range(double high, double low, double previous) { return greater(high, previous) - smaller(low, previous); }

static inline void fill(double *restrict to, int64_t n, double value) { EACH(j) to[j] = value; }

static inline void add(double *restrict to, const double *restrict x, int64_t n) { EACH(j) to[j] += x[j]; }

static inline void divide(double *restrict to, int64_t n, double by) { EACH(j) to[j] /= by; }

/* No value in a row of any output. */
static inline void nothing(const block *b, int64_t row)
{
    for (int place = 0; place < b->outputs; place++)
        fill(OUT(place, row), b->width, NONE);
}

#endif
