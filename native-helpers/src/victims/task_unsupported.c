/*
 * State that a snapshot refuses. The argument says which: seccomp, shm, sem, msg, queue, time, deadline, cwd, thread-timer,
 * umask, files. A second one says which thread has it, 1 if there is none.
 * Afterwards the victim must be as it was.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static const char *kind;
static int id, who = 1;

static void become(void) {
  if (strcmp(kind, "seccomp") == 0) {
    /* What a snapshot would call, and nothing that the victim does, is deadly. */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getattr, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
  } else if (strcmp(kind, "shm") == 0) {
    MUST(id = shmget(IPC_PRIVATE, 4096, 0600));
  } else if (strcmp(kind, "sem") == 0) {
    MUST(id = semget(IPC_PRIVATE, 3, 0600));
  } else if (strcmp(kind, "msg") == 0) {
    MUST(id = msgget(IPC_PRIVATE, 0600));
  } else if (strcmp(kind, "queue") == 0) {
    MUST(id = mq_open("/victims", O_CREAT | O_RDWR, 0600, NULL));
  } else if (strcmp(kind, "time") == 0) {
    MUST(syscall(SYS_unshare, CLONE_NEWTIME));
  } else if (strcmp(kind, "deadline") == 0) {
    struct {
      uint32_t size, policy;
      uint64_t flags;
      int32_t nice;
      uint32_t priority;
      uint64_t runtime, deadline, period;
    } attributes = {sizeof(attributes), 6 /* SCHED_DEADLINE */, 0, 0, 0, 10000000, 100000000, 100000000};
    MUST(syscall(SYS_sched_setattr, 0, &attributes, 0));
  } else if (strcmp(kind, "cwd") == 0) {
    MUST(mkdir("/tmp/victim gone", 0700));
    MUST(chdir("/tmp/victim gone"));
    MUST(rmdir("/tmp/victim gone"));
  } else if (strcmp(kind, "thread-timer") == 0) {
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    MUST(syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &id));
  } else if (strcmp(kind, "files") == 0) {
    MUST(unshare(CLONE_FILES));
  } else if (strcmp(kind, "umask") == 0) {
    MUST(unshare(CLONE_FS));
    umask(0123);
  } else {
    victim_say("FAILED: not set up: unknown kind %s", kind);
    exit(2);
  }
}

static void set_up(int index) {
  if (index == who)
    become();
}

static void check(int index) {
  if (index != who)
    return;
  char path[4096];
  struct shmid_ds shared;
  struct itimerspec spec;
  struct mq_attr queue;
  if (strcmp(kind, "seccomp") == 0)
    EXPECT_EQUAL("seccomp mode", 2, prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
  else if (strcmp(kind, "shm") == 0)
    EXPECT(shmctl(id, IPC_STAT, &shared) == 0, "the segment is gone");
  else if (strcmp(kind, "sem") == 0)
    EXPECT(semctl(id, 0, GETVAL) == 0, "the semaphores are gone");
  else if (strcmp(kind, "queue") == 0)
    EXPECT(mq_getattr(id, &queue) == 0, "the queue is gone");
  else if (strcmp(kind, "deadline") == 0)
    EXPECT_EQUAL("policy", 6, sched_getscheduler(0));
  else if (strcmp(kind, "cwd") == 0)
    EXPECT(syscall(SYS_getcwd, path, sizeof(path)) < 0 && errno == ENOENT, "the working directory is back");
  else if (strcmp(kind, "thread-timer") == 0)
    EXPECT(syscall(SYS_timer_gettime, id, &spec) == 0, "the timer is gone");
}

int main(int count, char **arguments) {
  kind = count > 1 ? arguments[1] : "";
  who = count > 2 ? atoi(arguments[2]) : 1;
  victim_serve_crew(2, set_up, check);
}
