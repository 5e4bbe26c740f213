/* Workers: threads that make the steps of one program together.
 *
 * Each works on its share of the rows of a batch, or of the parameters, and waits for the others
 * where it needs what they have made. What a number is made of does not depend on who makes it, so
 * that results are the same for any number of workers. */
#ifndef SKMLP_TEAM_H
#define SKMLP_TEAM_H

#include "program.h"

/* The start of the share of a worker in n items; that of the next worker is its end. */
static inline ptrdiff_t start_of_share(const skmlp_program *p, int worker, ptrdiff_t n) {
    return n * worker / p->n_workers;
}

/* The same for columns of an array that is written row by row: whole cache lines, as far as rows are
 * made of such. */
static inline ptrdiff_t start_of_columns(const skmlp_program *p, int worker, ptrdiff_t n) {
    return worker == p->n_workers ? n : start_of_share(p, worker, n) / 16 * 16;
}

#ifdef __GNUC__

#ifdef _WIN32
#include <windows.h>
#define LET_OTHERS_RUN() SwitchToThread()
#else
#include <sched.h>
#define LET_OTHERS_RUN() sched_yield()
#endif

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

/* A worker who waits looks this often before it lets other threads have the processor. */
#define LOOKS 200

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int looks = 0;                                                                             \
        while (!(condition)) {                                                                     \
            if (++looks < LOOKS) PAUSE();                                                          \
            else LET_OTHERS_RUN();                                                                 \
        }                                                                                          \
    } while (0)

/* Return once all workers have come here; what they wrote before is seen after. */
static inline void wait_for_all(skmlp_program *p) {
    const int turn = __atomic_load_n(&p->turn, __ATOMIC_RELAXED);
    if (p->n_workers == 1) return;
    if (__atomic_add_fetch(&p->n_arrived, 1, __ATOMIC_ACQ_REL) == p->n_workers) {
        __atomic_store_n(&p->n_arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&p->turn, !turn, __ATOMIC_RELEASE);
    } else {
        WAIT_UNTIL(__atomic_load_n(&p->turn, __ATOMIC_ACQUIRE) != turn);
    }
}

#else

static inline void wait_for_all(skmlp_program *p) { (void)p; }

#endif

/* What the workers report, once all have: something that is not well, if anything is. */
static inline int worst_status(skmlp_program *p, int worker, int status) {
    int i;
    p->status[worker] = status;
    wait_for_all(p);
    for (i = 0; i < p->n_workers && status == DONE; i++) status = p->status[i];
    return status;
}

typedef int (*skmlp_runner)(skmlp_program *, int, ptrdiff_t, ptrdiff_t);

/* Run batches [begin, end) by at most so many workers. Python's lock is held by the caller, and let
 * go meanwhile. */
int skmlp_run_by(int n_workers, skmlp_runner run, skmlp_program *p, ptrdiff_t begin,
                 ptrdiff_t end);

#endif
