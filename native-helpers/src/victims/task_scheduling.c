/* How each thread is scheduled: policy, niceness, priority, processors, I/O priority, timer slack; its memory policy. */
#define _GNU_SOURCE
#include "victim.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define THREADS 5
#define IOPRIO_WHO_PROCESS 1

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

struct scheduling {
  struct attributes attributes;
  cpu_set_t processors;
  int nice, io_priority, timer_slack, memory_policy;
  unsigned long memory_nodes[16];
};

static struct scheduling before[THREADS];
static bool may_realtime;

static void read_scheduling(struct scheduling *scheduling) {
  memset(scheduling, 0, sizeof(*scheduling));
  syscall(SYS_sched_getattr, 0, &scheduling->attributes, sizeof(scheduling->attributes), 0);
  sched_getaffinity(0, sizeof(scheduling->processors), &scheduling->processors);
  scheduling->nice = getpriority(PRIO_PROCESS, 0);
  scheduling->io_priority = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
  scheduling->timer_slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
  syscall(SYS_get_mempolicy, &scheduling->memory_policy, scheduling->memory_nodes, 1024, 0, 0);
}

static void set_attributes(uint32_t policy, uint64_t flags, int nice, uint32_t priority, uint64_t slice) {
  struct attributes attributes = {sizeof(attributes), policy, flags, nice, priority, slice, 0, 0};
  MUST(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

static void set_up(int index) {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  switch (index) {
  case 1:
    set_attributes(SCHED_BATCH, 0, 5, 0, 0);
    MUST(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 2 << 13 | 6)); /* best effort, 6 */
    MUST(prctl(PR_SET_TIMERSLACK, 123456, 0, 0, 0));
    break;
  case 2:
    set_attributes(SCHED_IDLE, 0, 3, 0, 0);
    CPU_SET(0, &processors);
    MUST(sched_setaffinity(0, sizeof(processors), &processors));
    MUST(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 3 << 13)); /* idle */
    break;
  case 3:
    MUST(setpriority(PRIO_PROCESS, 0, 7));
    if (may_realtime)
      set_attributes(SCHED_RR, 1 /* SCHED_FLAG_RESET_ON_FORK */, 0, 4, 0);
    break;
  case 4:
    set_attributes(SCHED_OTHER, 0, 1, 0, 20000000); /* a time slice of its own: since Linux 6.12 */
    unsigned long first_node = 1;
    MUST(syscall(SYS_set_mempolicy, 2 /* MPOL_BIND */, &first_node, 64));
    break;
  }
  read_scheduling(&before[index]);
}

static void check(int index) {
  struct scheduling now;
  read_scheduling(&now);
  struct attributes *is = &now.attributes, *was = &before[index].attributes;
  EXPECT(is->policy == was->policy, "thread %d: policy is %u, was %u", index, is->policy, was->policy);
  EXPECT(is->flags == was->flags, "thread %d: scheduling flags are %llx", index, (unsigned long long)is->flags);
  EXPECT(is->priority == was->priority, "thread %d: priority is %u, was %u", index, is->priority, was->priority);
  EXPECT(is->runtime == was->runtime, "thread %d: slice is %llu ns, was %llu", index, (unsigned long long)is->runtime,
         (unsigned long long)was->runtime);
  EXPECT(now.nice == before[index].nice && is->nice == was->nice, "thread %d: nice is %d, was %d", index, now.nice,
         before[index].nice);
  EXPECT(CPU_EQUAL(&now.processors, &before[index].processors), "thread %d runs on other processors", index);
  EXPECT(now.io_priority == before[index].io_priority, "thread %d: I/O priority is %x, was %x", index, now.io_priority,
         before[index].io_priority);
  EXPECT(now.memory_policy == before[index].memory_policy &&
             memcmp(now.memory_nodes, before[index].memory_nodes, sizeof(now.memory_nodes)) == 0,
         "thread %d: memory policy is %d of %lx, was %d", index, now.memory_policy, now.memory_nodes[0],
         before[index].memory_policy);
  EXPECT(now.timer_slack == before[index].timer_slack, "thread %d: timer slack is %d ns, was %d", index, now.timer_slack,
         before[index].timer_slack);
}

/* With an argument it also uses a real-time policy, which takes CAP_SYS_NICE. */
int main(int count, char **arguments) {
  (void)arguments;
  may_realtime = count > 1;
  victim_serve_crew(THREADS, set_up, check);
}
