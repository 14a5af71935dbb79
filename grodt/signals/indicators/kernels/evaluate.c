/* Kernels over a panel: gaps and listings are taken out of the arithmetic.

   Sessions are gone through in order, all columns at once. Neighbouring columns whose bars stand in the same sessions, without a hole, are
   worked on where they stand. Where that does not hold of a tile of columns, the bars of each of its listings are pushed together in
   a buffer, and the answers are pulled apart again. A kernel counts rows from a listing's first bar in either case, and the arithmetic
   of a bar is the same, so neither a symbol's neighbours, nor where columns are cut, nor what comes later ever shows in a value. */

#include "kernel.h"

#ifndef GRODT_SOURCES
#define GRODT_SOURCES ""
#endif

/* Columns that stay or are pushed together at once. */
#define TILE 64
/* Numbers of work that stay in a core's second cache. */
#define CACHE 49152

typedef struct {
    const char *name;
    kernel *step;
    int inputs, outputs;
    int planes, vectors; /* work: planes · count[0] + vectors */
    int reach;           /* rows back that a step reads, in count[0] */
} entry;

static const entry KERNELS[] = {
    {"average_true_range", average_true_range, 3, 1, 0, 0, 0},
    {"adx", adx, 3, 4, 0, 3, 0},
    {"beta", beta, 2, 1, 4, 10, 0},
    {"bollinger", bollinger, 1, 3, 2, 5, 0},
    {"change", change, 1, 1, 0, 0, 0},
    {"channel_position", channel_position, 1, 1, 2, 3, 0},
    {"donchian", donchian, 2, 3, 2, 2, 0},
    {"ewma_volatility", ewma_volatility, 1, 1, 0, 2, 0},
    {"exponential", exponential, 1, 1, 0, 0, 0},
    {"keltner", keltner, 3, 3, 0, 4, 0},
    {"macd", macd, 1, 3, 0, 4, 0},
    {"ratio", ratio, 1, 1, 0, 0, 0},
    {"rolling_rank", rolling_rank, 1, 1, 0, 0, 1},
    {"rolling_vwap", rolling_vwap, 2, 1, 3, 8, 0},
    {"rsi", rsi, 1, 1, 0, 2, 0},
    {"running_vwap", running_vwap, 4, 1, 0, 2, 0},
    {"sma", sma, 1, 1, 1, 3, 0},
    {"standard_deviation", standard_deviation, 1, 1, 2, 5, 0},
    {"true_range", true_range, 3, 1, 0, 0, 0},
    {"volume_ratio", volume_ratio, 1, 1, 1, 3, 0},
    {"z_score", z_score, 1, 1, 2, 5, 0},
};

/* SHA-256 of the sources this library was built from. */
const char *grodt_sources(void) { return GRODT_SOURCES; }

/* Number of a kernel with that name, inputs and outputs; −1 where there is none. */
int64_t grodt_kernel(const char *name, int64_t inputs, int64_t outputs)
{
    for (int64_t number = 0; number < (int64_t)(sizeof KERNELS / sizeof *KERNELS); number++) {
        const char *a = KERNELS[number].name, *c = name;
        while (*a && *a == *c)
            a++, c++;
        if (*a == *c)
            return KERNELS[number].inputs == inputs && KERNELS[number].outputs == outputs ? number : -1;
    }
    return -1;
}

typedef struct {
    const entry *what;
    int64_t rows, columns, stride; /* of these columns, and numbers from one row of the panel to the next */
    const double *in[MOST_INPUTS];
    double *out[MOST_OUTPUTS];
    const uint8_t *listed; /* or none */
} panel;

/* Where a tile of columns stands. */
typedef struct {
    int64_t origin; /* row of its listings' first bar; −1: none yet */
    int64_t over;   /* whether bars have ended */
    int64_t uneven; /* whether its columns do not begin and end together: not worked on where it stands */
    int64_t now;    /* whether there is a bar in this row */
} tile;

/* Of a tile that is pushed together: of each bar its row in the panel; of each listing its column, where it begins and ends, and its bars. */
typedef struct {
    double *bars[MOST_INPUTS], *answers[MOST_OUTPUTS];
    int64_t *column, *from, *until, *count;
    int32_t *row;
} pushed;

static int64_t lesser(int64_t a, int64_t c) { return a < c ? a : c; }

/* Columns gone through at once: as many as keep the work in the cache. */
static int64_t width_of(const entry *what, int64_t columns, int64_t most, int64_t count)
{
    const int64_t held = (what->planes + what->reach) * count;
    int64_t width = lesser(columns, most);
    if (held)
        width = lesser(width, held * TILE < CACHE ? CACHE / held / TILE * TILE : TILE);
    return width;
}

static int64_t work_of(const entry *what, int64_t rows, int64_t count) { return what->planes * lesser(count, rows) + what->vectors; }

/* Numbers of memory that grodt_evaluate needs. */
int64_t grodt_memory(int64_t number, int64_t rows, int64_t columns, int64_t most, int64_t count)
{
    const entry *what = &KERNELS[number];
    const int64_t width = width_of(what, columns, most, count), tiles = (width + TILE - 1) / TILE;
    return work_of(what, rows, count) * width + 4 * tiles + TILE * ((what->inputs + what->outputs + 1) * rows + 4);
}

/* Bars of one row in these columns. */
static int64_t bars_of(const panel *p, int64_t row, int64_t first, int64_t n)
{
    int64_t fewest = n; /* half a bar is none */
    for (int i = 0; i < p->what->inputs; i++) {
        const double *restrict x = p->in[i] + row * p->stride + first;
        int64_t bars = 0;
        EACH(j) bars += x[j] == x[j];
        fewest = lesser(bars, fewest);
    }
    return fewest;
}

static int64_t marks_of(const panel *p, int64_t row, int64_t first, int64_t n)
{
    int64_t marks = 0;
    if (p->listed) {
        const uint8_t *restrict listed = p->listed + row * p->stride + first;
        EACH(j) marks += listed[j] != 0;
    }
    return marks;
}

static void look(const panel *p, tile *at, int64_t row, int64_t first, int64_t n)
{
    const int64_t bars = bars_of(p, row, first, n), marks = marks_of(p, row, first, n);
    at->now = bars == n;
    if (at->origin >= 0 && marks && marks < n)
        at->uneven = 1;
    if (marks == n) {
        at->origin = -1;
        at->over = 0;
    }
    if (bars && (bars < n || at->over))
        at->uneven = 1;
    else if (bars && at->origin < 0)
        at->origin = row;
    else if (!bars && at->origin >= 0)
        at->over = 1;
}

static void step(const panel *p, block *b, double *work, int64_t row, int64_t origin, int64_t first, int64_t width)
{
    for (int i = 0; i < p->what->inputs; i++)
        b->in[i] = p->in[i] + origin * p->stride + first;
    for (int o = 0; o < p->what->outputs; o++)
        b->out[o] = p->out[o] + origin * p->stride + first;
    b->work = work + first;
    b->width = width;
    p->what->step(b, row - origin);
}

static void no_values(const panel *p, int64_t row, int64_t first, int64_t n)
{
    for (int o = 0; o < p->what->outputs; o++)
        fill(p->out[o] + row * p->stride + first, n, NONE);
}

/* All tiles that are even, row by row. */
static void where_they_stand(const panel *p, block *b, double *work, tile *tiles)
{
    const int64_t count = (p->columns + TILE - 1) / TILE;
    int64_t together = 1; /* whether all tiles are alike */
    b->stride = p->stride;
    b->pitch = p->columns;
    for (int64_t c = 0; c < count; c++)
        tiles[c] = (tile){-1, 0, 0, 0};
    for (int64_t row = 0; row < p->rows; row++) {
        if (together && tiles->origin >= 0 && !tiles->over && !marks_of(p, row, 0, p->columns) && bars_of(p, row, 0, p->columns) == p->columns) {
            step(p, b, work, row, tiles->origin, 0, p->columns);
            continue;
        }
        together = 1;
        for (int64_t c = 0; c < count; c++) {
            if (!tiles[c].uneven)
                look(p, &tiles[c], row, c * TILE, lesser(TILE, p->columns - c * TILE));
            together &= !tiles[c].uneven && tiles[c].origin == tiles->origin && tiles[c].over == tiles->over;
        }
        for (int64_t c = 0, next; c < count; c = next) {
            for (next = c + 1; next < count && tiles[next].uneven == tiles[c].uneven && tiles[next].now == tiles[c].now
                               && (!tiles[c].now || tiles[next].origin == tiles[c].origin);)
                next++;
            const int64_t first = c * TILE, width = lesser(next * TILE, p->columns) - first;
            if (tiles[c].uneven)
                continue;
            if (tiles[c].now)
                step(p, b, work, row, tiles[c].origin, first, width);
            else
                no_values(p, row, first, width);
        }
    }
}

/* Pushes together the bars of `n` listings, one of each column; how many the longest has. */
static int64_t push(const panel *p, const pushed *r, int64_t first, int64_t n)
{
    const int inputs = p->what->inputs;
    int64_t open = n, start = p->rows, longest = 0;
    EACH(s)
    {
        r->count[s] = 0;
        r->until[s] = p->rows;
        start = lesser(start, r->from[s]);
    }
    for (int64_t t = start; t < p->rows && open; t++)
        EACH(s)
        {
            const int64_t cell = t * p->stride + first + r->column[s], place = r->count[s] * n + s;
            if (t < r->from[s] || t >= r->until[s])
                continue;
            if (p->listed && p->listed[cell] && r->count[s]) {
                r->until[s] = t;
                open--;
                continue;
            }
            int bar = 1;
            for (int i = 0; i < inputs; i++)
                bar &= p->in[i][cell] == p->in[i][cell];
            if (!bar)
                continue;
            for (int i = 0; i < inputs; i++)
                r->bars[i][place] = p->in[i][cell];
            r->row[place] = (int32_t)t;
            r->count[s]++;
        }
    EACH(s) longest = r->count[s] > longest ? r->count[s] : longest;
    EACH(s)
        for (int i = 0; i < inputs; i++)
            for (int64_t k = r->count[s]; k < longest; k++)
                r->bars[i][k * n + s] = NONE;
    return longest;
}

static void pull(const panel *p, const pushed *r, int64_t first, int64_t n, int64_t longest)
{
    for (int o = 0; o < p->what->outputs; o++)
        for (int64_t k = 0; k < longest; k++)
            EACH(s)
                if (k < r->count[s])
                    p->out[o][r->row[k * n + s] * p->stride + first + r->column[s]] = r->answers[o][k * n + s];
}

/* A tile: each column's first listing, then the second one of those that have one, and so on. */
static void pushed_together(const panel *p, block *b, double *work, const pushed *r, int64_t first, int64_t width)
{
    int64_t n = width;
    for (int64_t row = 0; row < p->rows; row++)
        no_values(p, row, first, width);
    EACH(s)
    {
        r->column[s] = s;
        r->from[s] = 0;
    }
    for (int i = 0; i < p->what->inputs; i++)
        b->in[i] = r->bars[i];
    for (int o = 0; o < p->what->outputs; o++)
        b->out[o] = r->answers[o];
    b->work = work;
    while (n) {
        const int64_t longest = push(p, r, first, n);
        b->width = b->stride = b->pitch = n;
        for (int64_t row = 0; row < longest; row++)
            p->what->step(b, row);
        pull(p, r, first, n, longest);
        int64_t more = 0;
        EACH(s)
            if (r->until[s] < p->rows) {
                r->column[more] = r->column[s];
                r->from[more++] = r->until[s];
            }
        n = more;
    }
}

/* Fills the outputs of the columns from `first` up to `last`, no more than `most` at once; `memory` as grodt_memory says. */
void grodt_evaluate(int64_t number, int64_t rows, int64_t columns, int64_t first, int64_t last, int64_t most, const double *const *in,
                    double *const *out, const uint8_t *listed, const int64_t *count, const double *factor, double *memory)
{
    const entry *what = &KERNELS[number];
    const int64_t width = width_of(what, columns, most, count[0]), tiles = (width + TILE - 1) / TILE;
    double *work = memory;
    tile *at = (tile *)(work + work_of(what, rows, count[0]) * width);
    pushed r;
    memory = (double *)(at + tiles);
    for (int i = 0; i < what->inputs; i++, memory += rows * TILE)
        r.bars[i] = memory;
    for (int o = 0; o < what->outputs; o++, memory += rows * TILE)
        r.answers[o] = memory;
    r.column = (int64_t *)memory, r.from = r.column + TILE, r.until = r.from + TILE, r.count = r.until + TILE;
    r.row = (int32_t *)(r.count + TILE);
    for (; first < last; first += width) {
        panel p = {.what = what, .rows = rows, .columns = lesser(width, last - first), .stride = columns, .listed = listed ? listed + first : 0};
        block b = {.count = count, .factor = factor, .outputs = what->outputs};
        for (int i = 0; i < what->inputs; i++)
            p.in[i] = in[i] + first;
        for (int o = 0; o < what->outputs; o++)
            p.out[o] = out[o] + first;
        where_they_stand(&p, &b, work, at);
        for (int64_t c = 0; c * TILE < p.columns; c++)
            if (at[c].uneven)
                pushed_together(&p, &b, work, &r, c * TILE, lesser(TILE, p.columns - c * TILE));
    }
}
