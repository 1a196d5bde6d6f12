/*
 * What `vas bench` needs besides Java:
 *   vas-bench-helper threads   a process with 8 threads and 10 descriptors, that only waits
 *   vas-bench-helper dirty N M   a process that writes to N pages, scattered over M MiB, each time that it gets SIGUSR1
 *   vas-bench-helper scatter N M the same, to other pages each time
 *   vas-bench-helper ticks N M   a process that every millisecond writes to the next N of M MiB; on SIGUSR1 it says how late
 *                              its ticks were since the last time, in ns: "MEDIAN P99 MAX COUNT"
 *   vas-bench-helper load PID RATE KEYS S   sets random keys of the Redis in the net namespace of PID for S seconds, RATE a
 *                              second, or as many as it can if that is 0. One waits for the answer to the one before; what
 *                              was due meanwhile is left out. Then: "SETS NANOSECONDS MEDIAN P99 MAX", the last of an answer
 *   vas-bench-helper floors    what the machine's own calls cost, in ns: one line "NAME MIN MEDIAN P99 MAX ROUNDS" each
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
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

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void sleep_until(long nanos) {
  struct timespec time = {.tv_sec = nanos / 1000000000L, .tv_nsec = nanos % 1000000000L};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
    ;
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* ---- times, counted by their size ---- */

/* Up to 1 second, each to a 32nd part of its size. It is small, because who is snapshotted dirties it. */
#define PARTS 32
#define SIZES 26

struct times {
  uint32_t count[SIZES * PARTS];
  uint64_t all;
  long max;
};

static unsigned slot(long nanos) {
  unsigned size = 0;
  uint64_t value = (uint64_t)nanos;
  while (value >= 2 * PARTS) {
    value >>= 1;
    size++;
  }
  unsigned slot = value < PARTS ? (unsigned)value : size * PARTS + (unsigned)value;
  return slot < SIZES * PARTS ? slot : SIZES * PARTS - 1;
}

static long slot_value(unsigned slot) {
  return slot < 2 * PARTS ? (long)slot : (long)(slot % PARTS + PARTS) << (slot / PARTS - 1);
}

static void count_time(struct times *times, long nanos) {
  if (nanos < 0)
    nanos = 0;
  times->count[slot(nanos)]++;
  times->all++;
  if (nanos > times->max)
    times->max = nanos;
}

static long percentile(const struct times *times, unsigned percent) {
  uint64_t wanted = (times->all * percent + 99) / 100, seen = 0;
  for (unsigned i = 0; i < SIZES * PARTS; i++) {
    seen += times->count[i];
    if (seen >= wanted)
      return slot_value(i);
  }
  return times->max;
}

/* ---- dirty pages ---- */

static uint8_t *filled(uint64_t length) {
  uint8_t *area = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(area == MAP_FAILED ? -1 : 0);
  for (uint64_t i = 0; i < length; i += 4096)
    area[i] = 1;
  return area;
}

__attribute__((noreturn)) static void dirty(uint64_t pages, uint64_t length, bool scattered) {
  uint8_t *area = filled(length);
  uint64_t all = length / 4096, step = all / pages, random = 88172645463325252ULL;
  sigset_t question;

  sigemptyset(&question);
  sigaddset(&question, SIGUSR1);
  MUST(sigprocmask(SIG_BLOCK, &question, NULL));
  puts("ready");
  fflush(stdout);
  for (uint8_t round = 2;; round++) {
    if (sigwaitinfo(&question, NULL) != SIGUSR1)
      continue;
    for (uint64_t i = 0; i < pages; i++)
      area[(scattered ? next_random(&random) % all : i * step) * 4096] = round;
    puts("dirty");
    fflush(stdout);
  }
}

/* ---- a loop with a timer ---- */

#define TICK 1000000L

static volatile sig_atomic_t asked;

static void ask(int signal) {
  (void)signal;
  asked = 1;
}

__attribute__((noreturn)) static void ticks(uint64_t pages, uint64_t length) {
  static struct times late;
  uint8_t *area = filled(length);
  uint64_t all = length / 4096, page = 0;

  signal(SIGUSR1, ask);
  puts("ready");
  fflush(stdout);
  for (long due = now() + TICK;; due += TICK) {
    sleep_until(due);
    count_time(&late, now() - due);
    for (uint64_t i = 0; i < pages; i++, page++)
      area[page % all * 4096]++;
    if (asked) {
      asked = 0;
      printf("%ld %ld %ld %lu\n", percentile(&late, 50), percentile(&late, 99), late.max, late.all);
      fflush(stdout);
      memset(&late, 0, sizeof(late));
    }
  }
}

/* ---- load ---- */

#define REDIS_PORT 6379
#define VALUE 1024

static int connect_to_redis(const char *pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
  int space = (int)MUST(open(path, O_RDONLY | O_CLOEXEC));
  MUST(setns(space, CLONE_NEWNET));
  int redis = (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(REDIS_PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  MUST(connect(redis, (struct sockaddr *)&address, sizeof(address)));
  struct timeval patience = {.tv_sec = 60};
  MUST(setsockopt(redis, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
  MUST(setsockopt(redis, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
  return redis;
}

static void set_key(int redis, uint64_t key, const char *value) {
  char name[32], request[VALUE + 128], answer[5];
  int name_length = snprintf(name, sizeof(name), "key:%lu", key);
  int length = snprintf(request, sizeof(request), "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%.*s\r\n", name_length, name, VALUE,
                        VALUE, value);
  for (int sent = 0; sent < length;)
    sent += (int)MUST(write(redis, request + sent, (size_t)(length - sent)));
  for (int got = 0; got < 5;) {
    int more = (int)MUST(read(redis, answer + got, (size_t)(5 - got)));
    if (more == 0) {
      fprintf(stderr, "vas-bench-helper: Redis ended the connection\n");
      exit(1);
    }
    got += more;
  }
  if (memcmp(answer, "+OK\r\n", 5) != 0) {
    fprintf(stderr, "vas-bench-helper: Redis answers %.5s\n", answer);
    exit(1);
  }
}

static void load(const char *pid, long rate, uint64_t keys, long seconds) {
  static struct times answers;
  static char value[VALUE] __attribute__((aligned(8)));
  int redis = connect_to_redis(pid);
  uint64_t random = (uint64_t)now() | 1;
  long begin = now(), end = begin + seconds * 1000000000L, step = rate == 0 ? 0 : 1000000000L / rate, time = begin;

  memset(value, 'x', sizeof(value));
  for (long due = begin; time < end;) {
    if (step > 0) {
      due += (time > due ? (time - due) / step + 1 : 0) * step;
      sleep_until(due);
    }
    *(uint64_t *)(void *)value = next_random(&random) | 0x0101010101010101; /* without a zero byte */
    long asked_at = now();
    set_key(redis, next_random(&random) % keys, value);
    time = now();
    count_time(&answers, time - asked_at);
  }
  printf("%lu %ld %ld %ld %ld\n", answers.all, time - begin, percentile(&answers, 50), percentile(&answers, 99), answers.max);
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
    dirty(strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10) << 20, false);
  if (count == 4 && strcmp(arguments[1], "scatter") == 0)
    dirty(strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10) << 20, true);
  if (count == 4 && strcmp(arguments[1], "ticks") == 0)
    ticks(strtoul(arguments[2], NULL, 10), strtoul(arguments[3], NULL, 10) << 20);
  if (count == 6 && strcmp(arguments[1], "load") == 0) {
    load(arguments[2], strtol(arguments[3], NULL, 10), strtoul(arguments[4], NULL, 10), strtol(arguments[5], NULL, 10));
    return 0;
  }
  if (count == 2 && strcmp(arguments[1], "floors") == 0) {
    floors();
    return 0;
  }
  fprintf(stderr, "usage: vas-bench-helper threads | dirty|scatter|ticks PAGES MIB | load PID RATE KEYS SECONDS | floors\n");
  return 2;
}
