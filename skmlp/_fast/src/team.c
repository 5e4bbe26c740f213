/* Helpers: the threads that work with the caller's. */
#include <Python.h>
#include <time.h>

#include "team.h"

#ifdef __GNUC__

#ifdef _WIN32
#define THIS_PROCESS() 0
#else
#include <unistd.h>
#define THIS_PROCESS() ((int)getpid())
#endif
#ifdef __linux__
#include <sys/syscall.h>
#define THIS_THREAD() ((int)syscall(SYS_gettid))
#else
#define THIS_THREAD() 0
#endif

/* Seconds for which a helper waits for more work, longer than it takes from one epoch to the next. To
 * start a new one takes many times as long as to give work to one that waits. */
#define PATIENCE 3e-3

enum { GONE, IDLE, AT_WORK };

typedef struct {
    int state;
    skmlp_program *program;
    skmlp_runner run;
    ptrdiff_t begin, end;
    int index, status;
    int process, thread;      /* what the system calls them */
    int avoided;              /* the processor it has to leave to the caller */
    PyThread_type_lock begun;
} helper;

/* One team works at a time, and its members stay. */
static helper helpers[MAX_WORKERS];

/* Keep a helper away from the processor of the caller: the system likes to put both on the same one,
 * and may leave them there for long, as busy as two that wait for each other are. */
static void send_elsewhere(helper *h) {
#ifdef __linux__
    const int cpu = sched_getcpu();
    cpu_set_t allowed;
    if (cpu == h->avoided || cpu < 0 || cpu >= CPU_SETSIZE) return;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    CPU_CLR(cpu, &allowed);
    if (CPU_COUNT(&allowed) > 0) sched_setaffinity(h->thread, sizeof allowed, &allowed);
    h->avoided = cpu;
#else
    (void)h;
#endif
}

/* Seconds on a clock that nobody sets. */
static double now(void) {
#ifdef _WIN32
    return 1e-3 * (double)GetTickCount64();
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#endif
}

/* Wait for work; returns whether there is any. */
static int has_work(helper *own) {
    const double since = now();
    int looks = 0, idle = IDLE;
    while (looks < LOOKS || now() - since < PATIENCE) {
        if (__atomic_load_n(&own->state, __ATOMIC_ACQUIRE) == AT_WORK) return 1;
        if (++looks < LOOKS) PAUSE();
        else LET_OTHERS_RUN();
    }
    return !__atomic_compare_exchange_n(&own->state, &idle, GONE, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE);
}

static void live(void *argument) {
    helper *own = argument;
    own->thread = THIS_THREAD();
    PyThread_release_lock(own->begun);
    do {
        WAIT_UNTIL(__atomic_load_n(&own->program->n_workers, __ATOMIC_ACQUIRE) > 0);
        own->status = own->run(own->program, own->index, own->begin, own->end);
        __atomic_store_n(&own->state, IDLE, __ATOMIC_RELEASE);
    } while (has_work(own));
}

/* Start a thread and wait until it runs; returns whether it does. To wait is to let go of the
 * processor, without which it might not come to run for long. */
static int start(helper *h) {
    int is_started = 0;
    h->avoided = -1;
    h->process = THIS_PROCESS();
    h->begun = PyThread_allocate_lock();
    if (h->begun == NULL) return 0;
    PyThread_acquire_lock(h->begun, WAIT_LOCK);
    h->state = AT_WORK;
    is_started = PyThread_start_new_thread(live, h) != PYTHREAD_INVALID_THREAD_ID;
    if (is_started) PyThread_acquire_lock(h->begun, WAIT_LOCK);
    else h->state = GONE;
    PyThread_release_lock(h->begun);
    PyThread_free_lock(h->begun);
    return is_started;
}

/* Give work to a helper; returns whether there is one. A process that was forked has none. */
static int employ(helper *h, int index, skmlp_runner run, skmlp_program *p, ptrdiff_t begin,
                  ptrdiff_t end) {
    int idle = IDLE;
    h->program = p, h->run = run;
    h->begin = begin, h->end = end;
    h->index = index, h->status = DONE;
    if (h->process == THIS_PROCESS() &&
        __atomic_compare_exchange_n(&h->state, &idle, AT_WORK, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return 1;
    return start(h);
}

int skmlp_run_by(int n_workers, skmlp_runner run, skmlp_program *p, ptrdiff_t begin,
                 ptrdiff_t end) {
    int status, i, n = 1;
    p->n_arrived = p->turn = 0;
    /* None begins before it is known how many there are. */
    __atomic_store_n(&p->n_workers, 0, __ATOMIC_RELAXED);
    Py_BEGIN_ALLOW_THREADS
    while (n < n_workers && employ(&helpers[n], n, run, p, begin, end)) n++;
    for (i = 1; i < n; i++) send_elsewhere(&helpers[i]);
    __atomic_store_n(&p->n_workers, n, __ATOMIC_RELEASE);
    status = run(p, 0, begin, end);
    for (i = 1; i < n; i++) {
        WAIT_UNTIL(__atomic_load_n(&helpers[i].state, __ATOMIC_ACQUIRE) != AT_WORK);
        if (status == DONE) status = helpers[i].status;
    }
    Py_END_ALLOW_THREADS
    return status;
}

#else

int skmlp_run_by(int n_workers, skmlp_runner run, skmlp_program *p, ptrdiff_t begin,
                 ptrdiff_t end) {
    int status;
    (void)n_workers;
    p->n_workers = 1;
    Py_BEGIN_ALLOW_THREADS
    status = run(p, 0, begin, end);
    Py_END_ALLOW_THREADS
    return status;
}

#endif
