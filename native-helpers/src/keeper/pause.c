/*
 * Instances that stand still until they are told to go on.
 *
 * A paused instance is frozen as for a snapshot, and not let go: it does not notice, its guard stays on duty, and it can be
 * snapshotted. A fork that starts paused has been held at its release, and is led from there to its first instruction.
 *
 * A debugger must be the tracer itself. For it the instance is yielded: stopped as by SIGSTOP, and not traced any more.
 */
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAUSE_LIMIT 5000000000u /* ns; then it goes on, and the pause has failed */
#define STOP_LIMIT 100000000u   /* ns, of the first try; twice as much of each that follows */
#define LOOK_MILLIS 50

struct freeze_job *pause_job_of(struct request *request) {
  struct freeze_job *job = calloc(1, sizeof(*job));
  if (job == NULL)
    return NULL;
  job->header = request->header;
  if (request->header.type == VAS_MEND && request->body_length >= sizeof(job->mend))
    memcpy(&job->mend, request->body, sizeof(job->mend));
  memcpy(job->fds, request->fds, sizeof(job->fds));
  job->fd_count = request->fd_count;
  request->fd_count = 0;
  return job;
}

/*
 * A task that was released a moment ago may not have left the program that restored it. What it will be is known there alone,
 * so it goes on to its own first instruction.
 */
static int finish_restores(struct instance *instance, struct freezing *freezing) {
  const struct address_range left = left_area(instance);

  if (left.start == 0 || instance->restored || instance->report != NULL)
    return 0;
  for (size_t i = 0; i < freezing->count; i++) {
    struct task *task = &freezing->tasks[i];
    if (task->gone || task->visitor)
      continue;
    int error = fetch_registers(task);
    if (error >= 0 && task->registers.rip >= left.start && task->registers.rip < left.end) {
      error = finish_restore(task);
      task->registers_known = task->registers_changed = false;
    }
    if (error < 0)
      return error;
  }
  instance->restored = true;
  return 0;
}

int freeze_instance(struct instance *instance, struct freezing *freezing) {
  pid_t roots[256];

  if (instance->yielded)
    return -EBUSY;
  freezing->instance = instance;
  if (instance->paused) {
    uint64_t deadline = freezing->deadline_nanos;
    *freezing = instance->held;
    freezing->deadline_nanos = deadline;
    instance->held = (struct freezing){0};
    return 0;
  }
  roots[0] = instance->pid;
  size_t root_count = 1 + instance_visitors(instance->id, roots + 1, 255);
  int error = freeze_tasks(freezing, roots, root_count, 1, guard_drain, instance);
  /* Also where a task has not stopped: what the others waited for has been read. */
  int settled = error < 0 ? guard_settle_rest(instance, freezing) : guard_settle(instance, freezing);
  if (error < 0 && settled < 0)
    guard_give_up(instance, settled);
  look_for_exec(instance);
  return error < 0 || (error = settled) < 0 ? error : finish_restores(instance, freezing);
}

void thaw_instance(struct instance *instance, struct freezing *freezing) {
  settle_tasks(freezing);
  remember_calls(instance, freezing);
  guard_forget_deserted(instance);
  if (!instance->paused) {
    thaw_tasks(freezing);
    return;
  }
  instance->held = *freezing;
}

/* From the wait for their release to their first instruction. */
static int release_held(struct instance *instance, struct freezing *freezing) {
  struct vas_report *report = instance->report;
  int error = 0;

  if (report == NULL)
    return 0;
  __atomic_store_n(&report->release, 1, __ATOMIC_RELEASE);
  for (size_t i = 0; i < freezing->count && error >= 0; i++)
    if (!freezing->tasks[i].gone && !freezing->tasks[i].visitor) {
      error = finish_restore(&freezing->tasks[i]);
      freezing->tasks[i].registers_known = freezing->tasks[i].registers_changed = false;
    }
  munmap(report, PAGE);
  instance->report = NULL;
  return error;
}

/*
 * A task that does not stop at once may wait for another that has: the parent of a vfork() for its child. So all go on, and are
 * stopped again later.
 */
static int stop_all(struct instance *instance, struct freezing *freezing) {
  uint64_t deadline = now_nanos() + PAUSE_LIMIT;

  for (unsigned round = 0;; round++) {
    uint64_t limit = now_nanos() + (STOP_LIMIT << (round < 6 ? round : 6));
    *freezing = (struct freezing){.deadline_nanos = limit < deadline ? limit : deadline};
    int error = freeze_instance(instance, freezing);
    if (error != -ETIMEDOUT || now_nanos() > deadline)
      return error;
    thaw_tasks(freezing);
    pause_before_retry(round + 100);
  }
}

static int pause_instance(struct instance *instance) {
  struct freezing freezing;

  if (instance->paused)
    return -EALREADY;
  int error = stop_all(instance, &freezing);
  if (error >= 0)
    error = release_held(instance, &freezing);
  /* The registers that it will go on with are settled now: a debugger or a snapshot is to see those. */
  for (size_t i = 0; i < freezing.count && error >= 0; i++)
    if (!freezing.tasks[i].gone && (error = fetch_registers(&freezing.tasks[i])) >= 0)
      error = hide_interruption(instance, &freezing.tasks[i]);
  if (error < 0) {
    thaw_tasks(&freezing);
    return error;
  }
  settle_tasks(&freezing);
  instance->held = freezing;
  keep_paused(instance, 0);
  return 0;
}

void keep_paused(struct instance *instance, uint64_t deadline_nanos) {
  instance->held_since = now_nanos();
  /* In this order, for is_paused_for_good(). */
  __atomic_store_n(&instance->held_until, deadline_nanos, __ATOMIC_RELEASE);
  __atomic_store_n(&instance->paused, true, __ATOMIC_RELEASE);
}

bool is_paused_for_good(const struct instance *instance) {
  return __atomic_load_n(&instance->paused, __ATOMIC_ACQUIRE) &&
         __atomic_load_n(&instance->held_until, __ATOMIC_ACQUIRE) == 0;
}

int resume_instance(struct instance *instance) {
  if (!instance->paused)
    return -EALREADY;
  if (instance->yielded)
    syscall(SYS_pidfd_send_signal, instance->pidfd, SIGCONT, NULL, 0);
  thaw_tasks(&instance->held);
  instance->yielded = false;
  __atomic_store_n(&instance->paused, false, __ATOMIC_RELEASE);
  instance_has_succeeded(instance);
  return 0;
}

static int yield_instance(struct instance *instance) {
  if (!instance->paused || instance->yielded)
    return -EALREADY;
  /* The guard would need the place of the tracer. */
  if (instance->guarded_count > 0)
    return -EOPNOTSUPP;
  /* It is pending before the first task is let go, and taken before any of them is back in its program. */
  if (syscall(SYS_pidfd_send_signal, instance->pidfd, SIGSTOP, NULL, 0) < 0)
    return -errno;
  thaw_tasks(&instance->held);
  instance->yielded = true;
  return 0;
}

void pause_run(struct instance *instance, struct freeze_job *job) {
  int error = -ENOSYS;

  switch (job->header.type) {
  case VAS_PAUSE:
    error = pause_instance(instance);
    break;
  case VAS_RESUME:
    error = resume_instance(instance);
    break;
  case VAS_YIELD:
    error = yield_instance(instance);
    break;
  case VAS_MEND:
    mend_run(instance, job);
    return;
  case JOB_LEFT_ALONE:
    if (instance->paused && (instance->held_until != 0 || instance_is_heir(instance)))
      resume_instance(instance);
    freeze_job_free(job);
    return;
  case JOB_PARK:
    freeze_job_free(job);
    instance_park(instance);
    return;
  }
  answer(&job->header, error, 0, NULL, 0, -1);
  freeze_job_free(job);
}

int pause_poll_millis(const struct instance *instance) {
  if (instance->held.count == 0)
    return -1;
  uint64_t now = now_nanos();
  if (instance->held_until == 0 || instance->held_until > now + LOOK_MILLIS * 1000000u)
    return LOOK_MILLIS;
  return instance->held_until <= now ? 0 : (int)((instance->held_until - now) / 1000000u + 1);
}

void pause_look(struct instance *instance) {
  if (instance->paused && instance->held_until != 0 && now_nanos() >= instance->held_until) {
    resume_instance(instance); /* who wanted it to stay has not come back in time */
    return;
  }
  for (size_t i = 0; i < instance->held.count; i++) {
    struct task *task = &instance->held.tasks[i];
    char state = task->gone ? 't' : task_state(task->pid, task->tid);
    if (state != 0 && state != 'Z' && state != 'X')
      continue;
    if (task->pid == instance->pid) {
      resume_instance(instance);
      return;
    }
    /* A visitor, or a child: the others stay. */
    task->gone = task_has_ended(task);
  }
}
