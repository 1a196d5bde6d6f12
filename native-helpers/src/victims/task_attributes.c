/* What is said about a process or thread in a word or two: name, umask, death signal, personality, and so on. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define THREADS 3

#ifndef PR_GET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 /* since Linux 6.4 */
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef PR_GET_MDWE
#define PR_SET_MDWE 65 /* since Linux 6.3 */
#define PR_GET_MDWE 66
#endif
#ifndef PR_GET_SPECULATION_CTRL
#define PR_GET_SPECULATION_CTRL 52
#endif

struct of_thread {
  char name[16];
  int death_signal, personality, timestamp_counter, memory_errors, speculation;
};

struct of_process {
  int dumpable, subreaper, huge_pages_off, merge, no_writable_code;
  unsigned umask;
  char core_filter[16], badness[16];
  struct utsname system;
  int session, group;
};

static struct of_thread threads[THREADS];
static struct of_process process;

static void read_file(const char *path, char *text, size_t capacity) {
  int file = open(path, O_RDONLY);
  memset(text, 0, capacity);
  if (file < 0 || read(file, text, capacity - 1) < 0)
    snprintf(text, capacity, "error %d", errno);
  close(file);
}

static void write_file(const char *path, const char *text) {
  int file = open(path, O_WRONLY);
  MUST(file);
  MUST(write(file, text, strlen(text)));
  close(file);
}

static void read_thread(struct of_thread *thread) {
  memset(thread, 0, sizeof(*thread));
  prctl(PR_GET_NAME, thread->name, 0, 0, 0);
  prctl(PR_GET_PDEATHSIG, &thread->death_signal, 0, 0, 0);
  thread->personality = personality(0xffffffff);
  prctl(PR_GET_TSC, &thread->timestamp_counter, 0, 0, 0);
  thread->memory_errors = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
  thread->speculation = prctl(PR_GET_SPECULATION_CTRL, 0, 0, 0, 0);
}

static void read_process(struct of_process *now) {
  memset(now, 0, sizeof(*now));
  now->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_GET_CHILD_SUBREAPER, &now->subreaper, 0, 0, 0);
  now->huge_pages_off = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
  now->merge = prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0);
  now->no_writable_code = prctl(PR_GET_MDWE, 0, 0, 0, 0);
  now->umask = umask(0);
  umask(now->umask);
  read_file("/proc/self/coredump_filter", now->core_filter, sizeof(now->core_filter));
  read_file("/proc/self/oom_score_adj", now->badness, sizeof(now->badness));
  uname(&now->system);
  now->session = getsid(0);
  now->group = getpgrp();
}

static void set_up(int index) {
  char name[16];
  snprintf(name, sizeof(name), index == 2 ? "odd) (name\n\\" : "thread %d", index);
  MUST(prctl(PR_SET_NAME, name, 0, 0, 0));
  if (index == 1) {
    MUST(prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0));
    MUST(personality(ADDR_NO_RANDOMIZE | STICKY_TIMEOUTS));
    MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0));
    MUST(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
  }
  read_thread(&threads[index]);
}

static void check(int index) {
  struct of_thread now;
  const struct of_thread *was = &threads[index];
  read_thread(&now);
  EXPECT(memcmp(now.name, was->name, 16) == 0, "thread %d is called %s", index, now.name);
  EXPECT(now.death_signal == was->death_signal, "thread %d: the parent's death sends signal %d", index, now.death_signal);
  EXPECT(now.personality == was->personality, "thread %d: personality is %x", index, (unsigned)now.personality);
  EXPECT(now.timestamp_counter == was->timestamp_counter, "thread %d: use of rdtsc is %d", index, now.timestamp_counter);
  EXPECT(now.memory_errors == was->memory_errors, "thread %d: memory error policy is %d", index, now.memory_errors);
  EXPECT(now.speculation == was->speculation, "thread %d: store bypass is %x", index, (unsigned)now.speculation);
  if (index != 0)
    return;
  struct of_process whole;
  read_process(&whole);
  EXPECT_EQUAL("dumpable", process.dumpable, whole.dumpable);
  EXPECT_EQUAL("subreaper", process.subreaper, whole.subreaper);
  EXPECT_EQUAL("huge pages off", process.huge_pages_off, whole.huge_pages_off);
  EXPECT_EQUAL("merging of equal pages", process.merge, whole.merge);
  EXPECT_EQUAL("no writable code", process.no_writable_code, whole.no_writable_code);
  EXPECT_EQUAL("umask", process.umask, whole.umask);
  EXPECT_EQUAL("session", process.session, whole.session);
  EXPECT_EQUAL("process group", process.group, whole.group);
  EXPECT_SAME_BYTES("core dump filter", process.core_filter, whole.core_filter, sizeof(whole.core_filter));
  EXPECT_SAME_BYTES("oom_score_adj", process.badness, whole.badness, sizeof(whole.badness));
  EXPECT(strcmp(process.system.nodename, whole.system.nodename) == 0, "the host name is %s", whole.system.nodename);
  EXPECT_SAME_BYTES("names of the system", &process.system, &whole.system, sizeof(whole.system));
}

/* With "sealed" it can get no writable code; with "renamed" it names its host, which takes CAP_SYS_ADMIN. */
int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "";
  if (strcmp(mode, "sealed") == 0)
    MUST(prctl(PR_SET_MDWE, 1, 0, 0, 0));
  if (strcmp(mode, "renamed") == 0) {
    MUST(sethostname(mode, strlen(mode)));
    MUST(setdomainname("domain.of.victims", 17));
  }
  umask(0137);
  write_file("/proc/self/coredump_filter", "0x7f");
  write_file("/proc/self/oom_score_adj", "321");
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
  MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
  MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
  read_process(&process);
  victim_serve_crew(THREADS, set_up, check);
}
