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
/* Rows that are fetched ahead: those of a tile lie apart, and no processor sees them coming. */
#define AHEAD 16
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

/* Bars without a hole between them. */
typedef struct {
    int32_t from, bars; /* its first row, −1 − row where a listing begins with it */
} stretch;

/* How far a listing has been gone through. */
typedef struct {
    int64_t stretch, bars; /* number of it, and bars of it */
    int64_t begun;
} place;

/* A tile that is pushed together. */
typedef struct {
    int64_t first;  /* column of the panel */
    stretch *of[TILE]; /* of each column */
    int64_t count[TILE];
    int64_t column[TILE]; /* of each listing that is gone through */
    place at[TILE];
    double *bars[MOST_INPUTS], *answers[MOST_OUTPUTS]; /* listings side by side */
} pushed;

/* A number that will be wanted; where there is none, nothing happens. */
static inline void fetch(const double *from, int64_t away)
{
    __builtin_prefetch((const void *)((uintptr_t)from + (uintptr_t)away * sizeof *from));
}

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
    return work_of(what, rows, count) * width + 4 * tiles + TILE * ((what->inputs + what->outputs) * (rows + TILE) + rows);
}

/* Whether every input is a finite number in one row of all columns. */
static int64_t is_full(const panel *p, int64_t row)
{
    const int64_t n = p->columns;
    int64_t odd = 0;
    for (int i = 0; i < p->what->inputs; i++) {
        const double *restrict x = p->in[i] + row * p->stride;
        EACH(j)
        {
            const double zero = x[j] - x[j];
            int64_t bits;
            __builtin_memcpy(&bits, &zero, sizeof bits);
            odd |= bits;
        }
    }
    return odd == 0;
}

/* Which of these columns, one tile of them at most, have a bar in one row: 1 or 0; how many have. */
static int64_t find_bars(const panel *p, int64_t row, int64_t first, int64_t n, int64_t *restrict now)
{
    int64_t bars = 0;
    EACH(j) now[j] = 1;
    for (int i = 0; i < p->what->inputs; i++) {
        const double *restrict x = p->in[i] + row * p->stride + first;
        EACH(j) now[j] = x[j] == x[j] ? now[j] : 0;
    }
    EACH(j) bars += now[j];
    return bars;
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
    int64_t now[TILE];
    const int64_t bars = find_bars(p, row, first, n, now), marks = marks_of(p, row, first, n);
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
    for (int o = 0; o < p->what->outputs; o++) {
        double *to = p->out[o] + row * p->stride + first;
        for (int64_t j = 0; j < n; j += 8)
            fetch(to, AHEAD * p->stride + j);
        fill(to, n, NONE);
    }
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
        if (together && tiles->origin >= 0 && !tiles->over && !marks_of(p, row, 0, p->columns) && is_full(p, row)) {
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

static void find_stretches(const panel *p, pushed *r, int64_t n)
{
    int64_t was[TILE], again[TILE]; /* whether there was a bar in the row before; whether the next one begins a listing */
    EACH(j)
    {
        r->count[j] = was[j] = 0;
        again[j] = 1;
    }
    for (int64_t row = 0; row <= p->rows; row++) {
        const int64_t cell = row * p->stride + r->first;
        int64_t now[TILE], changed = 0, marks = 0;
        if (row < p->rows) {
            find_bars(p, row, r->first, n, now);
            marks = marks_of(p, row, r->first, n);
        } else
            EACH(j) now[j] = 0;
        for (int i = 0; i < p->what->inputs; i++)
            for (int64_t j = 0; j < n; j += 8)
                fetch(p->in[i], cell + AHEAD * p->stride + j);
        EACH(j) changed |= now[j] ^ was[j];
        if (!changed && !marks)
            continue;
        EACH(j)
        {
            const int64_t mark = marks && p->listed[cell + j];
            stretch *last = r->of[j] + r->count[j];
            if (was[j] && (!now[j] || mark))
                last[-1].bars = (int32_t)(row - (last[-1].from < 0 ? -1 - last[-1].from : last[-1].from));
            again[j] |= mark;
            if (now[j] && (!was[j] || mark)) {
                last->from = (int32_t)(again[j] ? -1 - row : row);
                r->count[j]++;
                again[j] = 0;
            }
            was[j] = now[j];
        }
    }
}

/* The next bars of a column's listing without a hole, `most` of them at most: how many, and the row of the first. */
static int64_t next_bars(const pushed *r, int64_t column, place *at, int64_t most, int64_t *row)
{
    if (at->stretch == r->count[column])
        return 0;
    const stretch now = r->of[column][at->stretch];
    if (now.from < 0 && at->begun && !at->bars)
        return 0;
    at->begun = 1;
    *row = (now.from < 0 ? -1 - now.from : now.from) + at->bars;
    most = lesser(most, now.bars - at->bars);
    at->bars += most;
    if (at->bars == now.bars) {
        at->stretch++;
        at->bars = 0;
    }
    return most;
}

/* The next bars of listing `s` of `n` into the buffer; how many there were. */
static int64_t push(const panel *p, const pushed *r, int64_t s, int64_t n, int64_t from)
{
    place at = r->at[s];
    int64_t done = 0, row, more;
    for (; done < TILE && (more = next_bars(r, r->column[s], &at, TILE - done, &row)); done += more)
        for (int i = 0; i < p->what->inputs; i++) {
            const double *restrict x = p->in[i] + row * p->stride + r->first + r->column[s];
            double *restrict to = r->bars[i] + (from + done) * n + s;
            for (int64_t k = 0; k < more; k++) {
                fetch(x, (k + AHEAD) * p->stride);
                to[k * n] = x[k * p->stride];
            }
        }
    for (int i = 0; i < p->what->inputs; i++)
        for (int64_t k = done; k < TILE; k++)
            r->bars[i][(from + k) * n + s] = NONE;
    return done;
}

/* Their answers from the buffer. */
static void pull(const panel *p, pushed *r, int64_t s, int64_t n, int64_t from)
{
    int64_t done = 0, row, more;
    for (; done < TILE && (more = next_bars(r, r->column[s], &r->at[s], TILE - done, &row)); done += more)
        for (int o = 0; o < p->what->outputs; o++) {
            const double *restrict x = r->answers[o] + (from + done) * n + s;
            double *restrict to = p->out[o] + row * p->stride + r->first + r->column[s];
            for (int64_t k = 0; k < more; k++) {
                fetch(to, (k + AHEAD) * p->stride);
                to[k * p->stride] = x[k * n];
            }
        }
}

/* A tile: each column's first listing, then the second one of those that have one, and so on. */
static void pushed_together(const panel *p, block *b, double *work, pushed *r, int64_t width)
{
    int64_t n = width;
    find_stretches(p, r, n);
    for (int64_t row = 0; row < p->rows; row++)
        no_values(p, row, r->first, width);
    EACH(s)
    {
        r->column[s] = s;
        r->at[s] = (place){0, 0, 0};
    }
    for (int i = 0; i < p->what->inputs; i++)
        b->in[i] = r->bars[i];
    for (int o = 0; o < p->what->outputs; o++)
        b->out[o] = r->answers[o];
    b->work = work;
    while (n) {
        b->width = b->stride = b->pitch = n;
        for (int64_t from = 0, longest = TILE; longest == TILE; from += TILE) {
            longest = 0;
            EACH(s)
            {
                const int64_t bars = push(p, r, s, n, from);
                longest = bars > longest ? bars : longest;
            }
            for (int64_t row = from; row < from + longest; row++)
                p->what->step(b, row);
            EACH(s) pull(p, r, s, n, from);
        }
        int64_t more = 0;
        EACH(s)
            if (r->at[s].stretch < r->count[r->column[s]]) {
                r->column[more] = r->column[s];
                r->at[more++] = (place){r->at[s].stretch, 0, 0};
            }
        n = more;
    }
}

/* Fills the outputs, no more than `most` columns at once; `memory` as grodt_memory says. */
void grodt_evaluate(int64_t number, int64_t rows, int64_t columns, int64_t most, const double *const *in, double *const *out,
                    const uint8_t *listed, const int64_t *count, const double *factor, double *memory)
{
    const entry *what = &KERNELS[number];
    const int64_t width = width_of(what, columns, most, count[0]), tiles = (width + TILE - 1) / TILE;
    double *work = memory;
    tile *at = (tile *)(work + work_of(what, rows, count[0]) * width);
    pushed r;
    memory = (double *)(at + tiles);
    for (int i = 0; i < what->inputs; i++, memory += (rows + TILE) * TILE)
        r.bars[i] = memory;
    for (int o = 0; o < what->outputs; o++, memory += (rows + TILE) * TILE)
        r.answers[o] = memory;
    for (int64_t j = 0; j < TILE; j++)
        r.of[j] = (stretch *)memory + j * rows;
    for (int64_t first = 0; first < columns; first += width) {
        panel p = {.what = what, .rows = rows, .columns = lesser(width, columns - first), .stride = columns};
        block b = {.count = count, .factor = factor, .outputs = what->outputs};
        p.listed = listed ? listed + first : 0;
        for (int i = 0; i < what->inputs; i++)
            p.in[i] = in[i] + first;
        for (int o = 0; o < what->outputs; o++)
            p.out[o] = out[o] + first;
        where_they_stand(&p, &b, work, at);
        for (int64_t c = 0; c < (p.columns + TILE - 1) / TILE; c++)
            if (at[c].uneven) {
                r.first = c * TILE;
                pushed_together(&p, &b, work, &r, lesser(TILE, p.columns - r.first));
            }
    }
}
