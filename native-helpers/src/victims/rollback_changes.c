/*
 * Has state of many kinds, and changes one of them each time that it gets SIGUSR2: the kind that its argument names. Asked by
 * SIGUSR1 it says whether all is as it was in the beginning, as a rollback must have made it.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PAGE 4096UL
#define PAGES 1024

static uint8_t *area, *holes, *read_only, *hidden;
static uint8_t global[8 * PAGE];
static uint8_t *block;
static void *heap_end;
static int file, pipes[2], twins[2], duo[2], widow[2]; /* the widow's other end is closed */
static int same, directory, null, counter, watcher; /* same: another number of file */
static int descriptors;
static pthread_t helper;
static int helper_runs, helper_may_end;
static void *extra;
static pid_t child;

static uint8_t pattern(uint64_t page) { return (uint8_t)(page * 7 + 3); }

static void fill(uint8_t *memory, uint64_t pages) {
  for (uint64_t i = 0; i < pages; i++)
    memset(memory + i * PAGE, pattern(i), PAGE);
}

static void expect_filled(const char *what, const uint8_t *memory, uint64_t pages) {
  for (uint64_t i = 0; i < pages; i++)
    for (uint64_t at = 0; at < PAGE; at += 511)
      EXPECT(memory[i * PAGE + at] == pattern(i), "%s: page %lu has changed", what, (unsigned long)i);
}

static bool is_mapped(const void *address) {
  unsigned char resident;
  return mincore((void *)address, PAGE, &resident) == 0;
}

static void *help(void *unused) {
  (void)unused;
  __atomic_store_n(&helper_runs, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&helper_may_end, __ATOMIC_SEQ_CST))
    usleep(1000);
  return NULL;
}

static void on_signal(int number) { (void)number; }

static int child_signals;
static void on_child(int number) { child_signals += number == SIGCHLD; }

static int count_tasks(void) {
  struct stat status;
  return stat("/proc/self/task", &status) < 0 ? -errno : (int)status.st_nlink - 2;
}

static int count_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 1000; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void check_descriptors(void) {
  struct stat one, other;
  struct epoll_event event = {0};
  uint64_t count = 0;

  EXPECT_EQUAL("descriptors", descriptors, count_descriptors());
  EXPECT_EQUAL("position", 3, lseek(file, 0, SEEK_CUR));
  EXPECT(lseek(file, 4, SEEK_SET) == 4 && lseek(same, 0, SEEK_CUR) == 4 && lseek(same, 3, SEEK_SET) == 3,
         "the file's numbers are not of the same open file");
  EXPECT_EQUAL("close-on-exec of the file", 0, fcntl(file, F_GETFD));
  EXPECT_EQUAL("close-on-exec of its other number", FD_CLOEXEC, fcntl(same, F_GETFD));
  EXPECT_EQUAL("close-on-exec of the directory", FD_CLOEXEC, fcntl(directory, F_GETFD));
  EXPECT(fstat(directory, &one) == 0 && stat("/rollback", &other) == 0 && one.st_ino == other.st_ino,
         "the directory is another one");
  EXPECT(fstat(file, &one) == 0 && stat("/rollback/read", &other) == 0 && one.st_ino == other.st_ino,
         "the file is another one");
  EXPECT(write(null, "gone", 4) == 4 && (fcntl(null, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND),
         "/dev/null is something else");
  EXPECT(read(counter, &count, sizeof(count)) == sizeof(count) && count == 7 && read(counter, &count, sizeof(count)) < 0,
         "the eventfd had %lu", (unsigned long)count);
  count = 7;
  EXPECT(write(counter, &count, sizeof(count)) == sizeof(count), "the eventfd can't be written to");
  EXPECT(epoll_wait(watcher, &event, 1, 0) == 1 && event.data.u64 == 42, "the pipe is not watched");
  EXPECT(read(widow[0], &count, sizeof(count)) == 0, "the socket whose other end is closed is not at its end");
}

/* Nothing is opened once a failure has been told: whoever was told may go back, which would find it open. */
static void expect_file(const char *path, const char *text) {
  if (victim_failed)
    return;
  char found[32] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  EXPECT(fd >= 0, "%s has gone", path);
  if (fd < 0)
    return;
  EXPECT(read(fd, found, sizeof(found) - 1) == (ssize_t)strlen(text) && strcmp(found, text) == 0, "%s holds \"%s\"", path,
         found);
  close(fd);
}

static void check(void) {
  struct sigaction action;
  sigset_t pending;
  char path[32];
  int queued = 0;

  EXPECT(is_mapped(area) && is_mapped(area + (PAGES - 1) * PAGE), "the area is not mapped");
  EXPECT(extra == NULL, "something knows of an extra mapping");
  if (victim_failed)
    return;
  expect_filled("area", area, PAGES);
  for (uint64_t i = 0; i < PAGES; i++)
    EXPECT(holes[i * PAGE] == (i == 5 ? 1 : 0), "page %lu of the holes is %d", (unsigned long)i, holes[i * PAGE]);
  expect_filled("read-only memory", read_only, 16);
  EXPECT(write(pipes[1], read_only, 0) == 0 && read(file, read_only, 1) < 0, "read-only memory can be written to");
  EXPECT(read(file, hidden, 1) < 0, "hidden memory can be written to");
  expect_filled("global", global, 8);
  expect_filled("block", block, 64);
  EXPECT(sbrk(0) == heap_end, "the heap ends at %p, not at %p", sbrk(0), heap_end);
  EXPECT_EQUAL("tasks", 2, count_tasks());
  EXPECT_EQUAL("helper", 1, helper_runs);
  check_descriptors();
  if (victim_failed)
    return;
  ioctl(pipes[0], FIONREAD, &queued);
  EXPECT_EQUAL("bytes in the pipe", 5, queued);
  EXPECT(read(pipes[0], path, 5) == 5 && memcmp(path, "hello", 5) == 0 && write(pipes[1], "hello", 5) == 5,
         "the pipe holds something else");
  ioctl(twins[0], FIONREAD, &queued);
  EXPECT_EQUAL("bytes in the second pipe", 5, queued);
  EXPECT(read(twins[0], path, 5) == 5 && memcmp(path, "later", 5) == 0 && write(twins[1], "later", 5) == 5,
         "the second pipe holds something else");
  EXPECT(read(duo[0], path, 1) == 0, "what the other socket sends has no end");
  EXPECT(read(duo[1], path, 6) == 5 && memcmp(path, "first", 5) == 0 && write(duo[0], "first", 5) == 5,
         "the socket holds something else");
  EXPECT_EQUAL("size of the second pipe", 2 * PAGE, fcntl(twins[0], F_GETPIPE_SZ));
  EXPECT_EQUAL("flags of its read end", O_RDONLY, fcntl(twins[0], F_GETFL));
  EXPECT_EQUAL("flags of its write end", O_WRONLY | O_NONBLOCK, fcntl(twins[1], F_GETFL));
  sigaction(SIGHUP, NULL, &action);
  EXPECT(action.sa_handler == on_signal, "the handler is another one");
  mode_t mask = umask(0027);
  EXPECT_EQUAL("umask", 0027, mask);
  EXPECT(child == 0, "there is a child");
  EXPECT(waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD, "there is a child that nobody knows of");
  EXPECT_EQUAL("signals of children", 0, child_signals);
  sigpending(&pending);
  EXPECT(!sigismember(&pending, SIGCHLD), "a signal of a child waits");
  expect_file("/rollback/kept", "kept");
  expect_file("/rollback/deleted", "deleted");
  EXPECT(access("/rollback/new", F_OK) < 0, "there is a new file");
}

static void put_file(const char *path, const char *text) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  MUST(fd);
  MUST(write(fd, text, strlen(text)));
  close(fd);
}

/* Kinds of changes, and what each does. */

static void change_pages(void) {
  for (uint64_t i = 0; i < PAGES; i += 10)
    memset(area + i * PAGE, 0xee, PAGE);
  holes[5 * PAGE] = 2;
  holes[77 * PAGE] = 3;
  memset(global, 0, sizeof(global));
  memset(block, 9, 4 * PAGE);
}

static void change_map(void) {
  extra = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(extra, 1, 64 * PAGE);
}

static void change_unmap(void) {
  MUST(munmap(area + 100 * PAGE, 200 * PAGE));
  MUST(munmap(holes, PAGES * PAGE));
  MUST(munmap(area, PAGE));
}

static void change_move(void) {
  extra = mremap(area, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
  MUST(extra == MAP_FAILED ? -1 : 0);
  memset((uint8_t *)extra + PAGES * PAGE, 4, 10 * PAGE);
}

static void change_protection(void) {
  MUST(mprotect(area + 10 * PAGE, 10 * PAGE, PROT_NONE));
  MUST(mprotect(read_only, 4 * PAGE, PROT_READ | PROT_WRITE));
  memset(read_only, 0, 4 * PAGE);
  MUST(mprotect(hidden, PAGE, PROT_READ | PROT_WRITE));
  memset(hidden, 1, PAGE);
  extra = area;
}

static void change_heap(void) {
  uint8_t *more = sbrk(256 * PAGE);
  memset(more, 5, 256 * PAGE);
  extra = malloc(100000);
  memset(extra, 6, 100000);
}

static void change_heap_less(void) {
  MUST(brk((uint8_t *)heap_end - 16 * PAGE));
}

static void change_zap(void) {
  MUST(madvise(area, 300 * PAGE, MADV_DONTNEED));
  MUST(madvise(block, 64 * PAGE, MADV_DONTNEED));
  area[7 * PAGE] = 8;
}

static void change_position(void) {
  char byte;
  MUST(read(file, &byte, 1));
}

static void change_pipe(void) {
  char bytes[5];
  MUST(read(pipes[0], bytes, 3));
  MUST(write(pipes[1], "other", 5));
}

static void change_signals(void) {
  signal(SIGHUP, SIG_DFL);
  umask(0077);
}

static void change_open(void) { MUST(dup2(file, file + 20)); }

/* All the time a lock is held that closing any of the file's descriptors would give up. */
static void change_open_locked(void) { change_open(); }

static void change_chroot(void) { MUST(chroot("/rollback")); }

static void change_open_others(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(7777)};
  int ends[2], listener = socket(AF_INET, SOCK_STREAM, 0);
  struct epoll_event event = {.events = EPOLLIN};

  MUST(pipe(ends));
  MUST(epoll_ctl(watcher, EPOLL_CTL_ADD, ends[0], &event));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  MUST(open("/rollback/read", O_RDONLY));
  MUST(eventfd(0, 0));
  /* If a connection stayed behind, the port could not be had again. */
  MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(listener, 2));
  for (int i = 0; i < 2; i++) { /* whichever end is closed first */
    int client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(connect(client, (struct sockaddr *)&address, sizeof(address)));
    int server = accept(listener, NULL, NULL);
    MUST(server);
    MUST(dup2(i == 0 ? client : server, 901 + i));
    close(i == 0 ? client : server);
  }
  MUST(dup2(open("/rollback", O_RDONLY), 900));
}

static void change_close(void) {
  close(file);
  close(same);
  close(directory);
  close(null);
  close(counter);
}

static void change_close_pipe(void) {
  close(pipes[0]);
  signal(SIGPIPE, SIG_IGN);
}

static void change_close_sockets(void) {
  close(duo[0]);
  MUST(dup2(file, duo[1]));
}

static void change_close_socket(void) { close(duo[1]); }

/* Their numbers are used by other files. */
static void change_close_pipes(void) {
  MUST(dup2(file, twins[0]));
  MUST(dup2(pipes[0], twins[1]));
}

static void change_close_writer(void) { close(twins[1]); }

static void change_dup(void) {
  MUST(dup2(directory, directory + 20));
  MUST(dup2(file, file + 20));
  MUST(dup2(pipes[0], pipes[0] + 20));
  close(directory);
  close(file);
  close(same);
  close(pipes[0]);
}

static void exchange(int one, int other) {
  int between = dup(one);
  MUST(between);
  MUST(dup2(other, one));
  MUST(dup2(between, other));
  close(between);
}

static void change_swap(void) {
  exchange(file, pipes[0]);
  exchange(directory, null);
  exchange(null, counter);
  MUST(lseek(same, 5, SEEK_SET));
}

/* Numbers are used again for files that were not there, and for files that were. */
static void change_reuse(void) {
  int other = open("/rollback/kept", O_RDONLY);
  MUST(other);
  MUST(dup2(other, directory));
  MUST(dup2(other, file));
  MUST(dup2(pipes[1], null));
  MUST(dup2(file, counter));
}

static void change_cloexec(void) {
  MUST(fcntl(file, F_SETFD, FD_CLOEXEC));
  MUST(fcntl(same, F_SETFD, 0));
  MUST(fcntl(directory, F_SETFD, 0));
}

static void change_thread_start(void) {
  pthread_t thread;
  MUST(-pthread_create(&thread, NULL, help, NULL));
}

static pthread_mutex_t robust;

static void *hold(void *unused) {
  (void)unused;
  pthread_mutex_lock(&robust);
  __atomic_add_fetch(&helper_runs, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&helper_may_end, __ATOMIC_SEQ_CST))
    pause();
  return NULL;
}

static void *compute(void *unused) {
  volatile uint64_t steps = 0;
  (void)unused;
  __atomic_add_fetch(&helper_runs, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&helper_may_end, __ATOMIC_SEQ_CST))
    steps++;
  return NULL;
}

/* Threads that hold a robust mutex, wait for it, and compute. */
static void change_threads(void) {
  static void *(*const jobs[])(void *) = {hold, hold, compute};
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
    pthread_t thread;
    MUST(-pthread_create(&thread, NULL, jobs[i], NULL));
  }
  while (__atomic_load_n(&helper_runs, __ATOMIC_SEQ_CST) < 3)
    usleep(100);
}

static void change_thread_end(void) {
  helper_may_end = 1;
  pthread_join(helper, NULL);
}

static void change_fork(void) {
  child = fork();
  MUST(child);
  if (child == 0)
    for (;;)
      pause();
}

/* A child with a thread and a child of its own, which outlives its parent, and one that nobody waits for. */
static void change_forks(void) {
  child = fork();
  MUST(child);
  if (child == 0) {
    change_thread_start();
    if (fork() == 0 && fork() != 0)
      _exit(0);
    for (;;)
      pause();
  }
  pid_t ended = fork();
  MUST(ended);
  if (ended == 0)
    _exit(3);
  siginfo_t info;
  MUST(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT));
}

/* By a thread that is not to be there, either. */
static void *fork_and_pause(void *unused) {
  (void)unused;
  change_fork();
  for (;;)
    pause();
  return NULL;
}

static void change_fork_in_thread(void) {
  pthread_t thread;
  MUST(-pthread_create(&thread, NULL, fork_and_pause, NULL));
  while (__atomic_load_n(&child, __ATOMIC_SEQ_CST) == 0)
    usleep(100);
}

/* All the time SIGCHLD is blocked: one that came would stay. */
static void change_fork_blocked(void) { change_fork(); }

/* All the time SIGCHLD is ignored: children are not waited for. */
static void change_fork_ignored(void) { change_fork(); }

static void change_files(void) {
  put_file("/rollback/kept", "other");
  MUST(unlink("/rollback/deleted"));
  put_file("/rollback/new", "new");
}

static void change_namespace(void) { MUST(unshare(CLONE_NEWTIME)); }

static const struct victim_change changes[] = {
    {"pages", change_pages},
    {"map", change_map},
    {"unmap", change_unmap},
    {"move", change_move},
    {"protection", change_protection},
    {"heap", change_heap},
    {"heap-less", change_heap_less},
    {"zap", change_zap},
    {"position", change_position},
    {"pipe", change_pipe},
    {"signals", change_signals},
    {"open", change_open},
    {"open-others", change_open_others},
    {"open-locked", change_open_locked},
    {"chroot", change_chroot},
    {"close", change_close},
    {"close-pipe", change_close_pipe},
    {"close-pipes", change_close_pipes},
    {"close-sockets", change_close_sockets},
    {"close-socket", change_close_socket},
    {"close-writer", change_close_writer},
    {"dup", change_dup},
    {"swap", change_swap},
    {"reuse", change_reuse},
    {"cloexec", change_cloexec},
    {"thread-start", change_thread_start},
    {"threads", change_threads},
    {"thread-end", change_thread_end},
    {"fork", change_fork},
    {"forks", change_forks},
    {"fork-in-thread", change_fork_in_thread},
    {"fork-blocked", change_fork_blocked},
    {"fork-ignored", change_fork_ignored},
    {"files", change_files},
    {"namespace", change_namespace},
};

static uint8_t *map(uint64_t pages) {
  uint8_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory == MAP_FAILED ? -1 : 0);
  return memory;
}

int main(int argc, char **argv) {
  sigset_t questions;
  void (*change)(void) = victim_choose(changes, sizeof(changes) / sizeof(changes[0]), argc, argv)->change;

  sigemptyset(&questions);
  sigaddset(&questions, SIGUSR1);
  sigaddset(&questions, SIGUSR2);
  signal(SIGCHLD, change == change_fork_ignored ? SIG_IGN : on_child);
  if (change == change_fork_blocked)
    sigaddset(&questions, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &questions, NULL);
  sigdelset(&questions, SIGCHLD);
  area = map(PAGES);
  fill(area, PAGES);
  map(1);
  holes = map(PAGES);
  holes[5 * PAGE] = 1;
  map(1);
  read_only = map(16);
  fill(read_only, 16);
  MUST(mprotect(read_only, 16 * PAGE, PROT_READ));
  hidden = map(4);
  MUST(mprotect(hidden, 4 * PAGE, PROT_NONE));
  fill(global, 8);
  block = sbrk(0);
  block = sbrk((intptr_t)(64 * PAGE + (PAGE - ((uintptr_t)block & (PAGE - 1)))));
  block = (uint8_t *)(((uintptr_t)block + PAGE - 1) & ~(PAGE - 1));
  fill(block, 64);
  MUST(mkdir("/rollback", 0755));
  put_file("/rollback/kept", "kept");
  put_file("/rollback/deleted", "deleted");
  put_file("/rollback/read", "0123456789");
  file = open("/rollback/read", O_RDONLY);
  MUST(file);
  MUST(lseek(file, 3, SEEK_SET));
  MUST(pipe(pipes));
  MUST(write(pipes[1], "hello", 5));
  MUST(pipe2(twins, O_NONBLOCK));
  MUST(fcntl(twins[0], F_SETFL, 0));
  MUST(fcntl(twins[1], F_SETPIPE_SZ, 2 * PAGE));
  MUST(write(twins[1], "later", 5));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, duo));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, widow));
  close(widow[1]);
  MUST(fcntl(duo[1], F_SETFL, O_NONBLOCK));
  MUST(write(duo[0], "first", 5));
  MUST(shutdown(duo[1], SHUT_WR));
  same = fcntl(file, F_DUPFD_CLOEXEC, 0);
  directory = open("/rollback", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  null = open("/dev/null", O_WRONLY | O_APPEND);
  counter = eventfd(7, EFD_NONBLOCK);
  watcher = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42};
  MUST(epoll_ctl(watcher, EPOLL_CTL_ADD, pipes[0], &event));
  MUST(same < 0 || directory < 0 || null < 0 || counter < 0 ? -1 : 0);
  descriptors = count_descriptors();
  if (change == change_open_locked) {
    const struct flock lock = {.l_type = F_RDLCK};
    MUST(fcntl(file, F_SETLK, &lock));
  }
  signal(SIGHUP, on_signal);
  umask(0027);
  MUST(-pthread_create(&helper, NULL, help, NULL));
  while (!__atomic_load_n(&helper_runs, __ATOMIC_SEQ_CST))
    usleep(100); /* until then its robust list may not be known */
  free(malloc(1000)); /* the allocator has its first piece of the heap */
  MUST(sbrk(32 * PAGE) == (void *)-1 ? -1 : 0);
  heap_end = sbrk(0);
  victim_say("ready");
  for (;;) {
    int question = sigwaitinfo(&questions, NULL);
    if (question < 0)
      continue; /* after SIGCHLD */
    if (question == SIGUSR2) {
      change();
      victim_say("changed");
      continue;
    }
    victim_failed = false;
    check();
    if (!victim_failed)
      victim_say("ok");
  }
}
