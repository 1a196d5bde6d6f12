/*
 * What `vas bench` needs besides Java:
 *   vas-bench-helper threads   a process with 8 threads and 10 descriptors, that only waits
 *   vas-bench-helper dirty N M   a process that writes to N pages, scattered over M MiB, each time that it gets SIGUSR1
 *   vas-bench-helper floors    what the machine's own calls cost, in ns: one line "NAME MIN MEDIAN P99 MAX ROUNDS" each
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(call)                                                                                                                \
  ({                                                                                                                              \
    long result_ = (long)(call);                                                                                                  \
    if (result_ < 0) {                                                                                                            \
      fprintf(stderr, "vas-bench-helper: %s: %s\n", #call, strerror(errno));                                                      \
      exit(1);                                                                                                                    \
    }                                                                                                                             \
    result_;                                                                                                                      \
  })

/* ---- dirty pages ---- */

__attribute__((noreturn)) static void dirty(uint64_t pages, uint64_t length) {
  uint8_t *area = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t all = length / 4096, step = all / pages;
  sigset_t question;

  MUST(area == MAP_FAILED ? -1 : 0);
  for (uint64_t i = 0; i < all; i++)
    area[i * 4096] = 1;
  sigemptyset(&question);
  sigaddset(&question, SIGUSR1);
  MUST(sigprocmask(SIG_BLOCK, &question, NULL));
  puts("ready");
  fflush(stdout);
  for (uint8_t round = 2;; round++) {
    if (sigwaitinfo(&question, NULL) != SIGUSR1)
      continue;
    for (uint64_t i = 0; i < pages; i++)
      area[i * step * 4096] = round;
    puts("dirty");
    fflush(stdout);
  }
}

/* ---- threads ---- */

#define THREADS 8

__attribute__((noreturn)) static void *wait_for_ever(void *unused) {
  (void)unused;
  for (;;)
    pause();
}

static void threads(void) {
  /* 0, 1 and 2 are there already. */
  int pipes[2], sockets[2];
  MUST(pipe(pipes));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
  int event = (int)MUST(eventfd(0, 0));
  int epoll = (int)MUST(epoll_create1(0));
  struct epoll_event wanted = {.events = EPOLLIN};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted));
  MUST(open("/dev/null", O_RDWR));
  for (int i = 1; i < THREADS; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
      MUST(-1);
  }
  puts("ready");
  fflush(stdout);
  wait_for_ever(NULL);
}

/* ---- floors ---- */

#define ROUNDS 50
#define GIB (1L << 30)
#define COPY (64L << 20)

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int compare(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return x < y ? -1 : x > y;
}

static void print(const char *name, long *nanos, int rounds) {
  qsort(nanos, (size_t)rounds, sizeof(*nanos), compare);
  printf("%s %ld %ld %ld %ld %d\n", name, nanos[0], nanos[rounds / 2], nanos[(rounds * 99 - 1) / 100], nanos[rounds - 1], rounds);
}

static int stamp(void *address) {
  *(volatile long *)address = now();
  return 0;
}

/* Until the child runs. It shares the memory, as the launcher of an instance may: no page tables are copied. */
static void clones(const char *name, int namespaces) {
  static char stack[64 << 10] __attribute__((aligned(16)));
  long nanos[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    volatile long ran = 0;
    long begin = now();
    int pid = (int)MUST(clone(stamp, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD | namespaces, (void *)&ran));
    nanos[i] = ran - begin;
    MUST(waitpid(pid, NULL, 0));
  }
  print(name, nanos, ROUNDS);
}

static void mmaps(void) {
  int file = (int)MUST(memfd_create("vas-bench", MFD_CLOEXEC));
  MUST(ftruncate(file, GIB));
  long nanos[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    long begin = now();
    void *address = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    nanos[i] = now() - begin;
    if (address == MAP_FAILED)
      MUST(-1);
    munmap(address, GIB);
  }
  close(file);
  print("mmap-private-1GiB", nanos, ROUNDS);
}

/* In memory that is there already, and larger than the caches. */
static void copies(void) {
  char *from = mmap(NULL, 2 * COPY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (from == MAP_FAILED)
    MUST(-1);
  madvise(from, 2 * COPY, MADV_HUGEPAGE);
  memset(from, 1, 2 * COPY);
  long nanos[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    long begin = now();
    memcpy(from + COPY, from, COPY);
    __asm__ volatile("" ::: "memory");
    nanos[i] = (now() - begin) * (GIB / COPY);
  }
  print("memcpy-1GiB", nanos, ROUNDS);
}

static void floors(void) {
  mmaps();
  copies();
  clones("clone", 0);
  clones("clone-pid-mnt", CLONE_NEWPID | CLONE_NEWNS);
  clones("clone-all-namespaces", CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
}

int main(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "threads") == 0)
    threads();
  if (count == 4 && strcmp(arguments[1], "dirty") == 0)
    dirty(strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10) << 20);
  if (count == 2 && strcmp(arguments[1], "floors") == 0) {
    floors();
    return 0;
  }
  fprintf(stderr, "usage: vas-bench-helper threads | dirty PAGES MIB | floors\n");
  return 2;
}
