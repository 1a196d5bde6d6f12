/* The instances and their wardens. */
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARDEN_STACK (512UL << 10)
#define PARK_MILLIS 3000 /* for all to come to rest; meanwhile those that have serve their guards */
#define STILL_MILLIS 500 /* for all to stop serving */
#define PARK_ROUND_MILLIS 2
#define LATE_MILLIS 1 /* so much longer a task may stand still that could not be let go on with the others */

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct instance *registry;

static struct instance *find(uint64_t id) {
  for (struct instance *instance = registry; instance != NULL; instance = instance->next)
    if (instance->id == id)
      return instance;
  return NULL;
}

static void unregister(struct instance *instance) {
  pthread_mutex_lock(&registry_lock);
  for (struct instance **at = &registry; *at != NULL; at = &(*at)->next)
    if (*at == instance) {
      *at = instance->next;
      break;
    }
  pthread_mutex_unlock(&registry_lock);
}

/* Stacks of wardens that have ended, for the next ones: a thread cannot unmap the stack it runs on. */
static pthread_mutex_t stack_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ended {
  pthread_t thread;
  void *stack;
  struct ended *next;
} *ended;

static void *take_stack(void) {
  void *stack = NULL;

  pthread_mutex_lock(&stack_lock);
  struct ended *old = ended;
  if (old != NULL)
    ended = old->next;
  pthread_mutex_unlock(&stack_lock);
  if (old != NULL) {
    pthread_join(old->thread, NULL);
    stack = old->stack;
    free(old);
    return stack;
  }
  stack = mmap(NULL, WARDEN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED)
    return NULL;
  madvise(stack, WARDEN_STACK, MADV_DONTFORK); /* or every spawned child would inherit it */
  return stack;
}

/* The last that a warden does: closes all and leaves its stack to others. */
static void dispose(struct instance *instance) {
  for (uint32_t i = 0; i < instance->kept_count; i++)
    close_fd(&instance->kept[i]);
  for (size_t i = 0; i < instance->guarded_count; i++)
    close_fd(&instance->guarded[i].fd);
  free(instance->guarded);
  free(instance->events);
  free(instance->waits);
  free(instance->late.tasks);
  close_fd(&instance->notifier);
  close_fd(&instance->program);
  close_fd(&instance->pidfd);
  close_fd(&instance->wake);
  tracking_end(instance);
  free(instance->calls);
  if (instance->report != NULL)
    munmap(instance->report, PAGE);
  struct ended *record = malloc(sizeof(*record));
  if (record != NULL) {
    pthread_mutex_lock(&stack_lock);
    *record = (struct ended){instance->warden, instance->stack, ended};
    ended = record;
    pthread_mutex_unlock(&stack_lock);
  }
  free(instance);
}

/* Wardens, and how many of them do nothing because they were told to. */
static pthread_mutex_t duty_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t duty_changed = PTHREAD_COND_INITIALIZER;
static size_t on_duty, parked, still;
static enum { NOT_PARKING, PARKING, PARKED } parking;
static bool is_restless;

/* Under the lock, waits for a change. */
static void await_change(uint64_t millis) {
  struct timespec until;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += (time_t)(millis / 1000);
  until.tv_nsec += (long)(millis % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_cond_timedwait(&duty_changed, &duty_lock, &until);
}

static void go_off_duty(void) {
  pthread_mutex_lock(&duty_lock);
  on_duty--;
  pthread_cond_broadcast(&duty_changed);
  pthread_mutex_unlock(&duty_lock);
}

static bool rests(const struct instance *instance) {
  return !instance->paused && instance->late.count == 0 && instance->event_count == 0 && instance->report == NULL;
}

void instance_park(struct instance *instance) {
  pthread_mutex_lock(&duty_lock);
  is_restless |= instance->paused || instance->report != NULL;
  for (bool counted = false; parking == PARKING;) {
    /* What could not be let go after a freeze may be soon. */
    if (!counted && rests(instance)) {
      counted = true;
      parked++;
      pthread_cond_broadcast(&duty_changed);
    }
    await_change(PARK_ROUND_MILLIS);
    if (parking == PARKING) {
      pthread_mutex_unlock(&duty_lock);
      instance_serve(instance);
      pthread_mutex_lock(&duty_lock);
    }
  }
  is_restless |= !rests(instance);
  still++;
  pthread_cond_broadcast(&duty_changed);
  while (parking == PARKED)
    pthread_cond_wait(&duty_changed, &duty_lock);
  still--;
  pthread_cond_broadcast(&duty_changed);
  pthread_mutex_unlock(&duty_lock);
}

static void post(struct instance *instance, struct freeze_job *job) {
  struct freeze_job **last = &instance->jobs;
  uint64_t one = 1;

  while (*last != NULL)
    last = &(*last)->next;
  *last = job;
  (void)!write(instance->wake, &one, sizeof(one));
}

/* Nobody waits for it: these jobs are told apart by their type. */
static int post_note(struct instance *instance, uint32_t type) {
  struct freeze_job *job = calloc(1, sizeof(*job));

  if (job == NULL)
    return -ENOMEM;
  job->header.type = type;
  post(instance, job);
  return 0;
}

/* Under the registry's lock. */
static bool left_alone;

static void tell_heir(uint64_t id) {
  pthread_mutex_lock(&registry_lock);
  for (struct instance *instance = registry; instance != NULL && left_alone; instance = instance->next)
    if (instance->succeeds == id)
      post_note(instance, JOB_LEFT_ALONE);
  pthread_mutex_unlock(&registry_lock);
}

static void end_instance(struct instance *instance) {
  siginfo_t info = {0};
  struct vas_exited exited = {0};

  waitid(P_PIDFD, (id_t)instance->pidfd, &info, WEXITED | __WALL);
  exited.wait_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8
                                                  : (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  unregister(instance);
  uint64_t id = instance->id; /* the last that it had */
  for (struct freeze_job *job = instance->jobs, *next; job != NULL; job = next) {
    next = job->next;
    if (job->header.type < JOB_LEFT_ALONE)
      answer(&job->header, -ESRCH, VAS_FREEZE_PREPARE, NULL, 0, -1);
    freeze_job_free(job);
  }
  dispose(instance);
  tell_heir(id);
  /* Told last: whoever hears of it finds nothing left. */
  send_event(VAS_EXITED, id, &exited, sizeof(exited));
  go_off_duty();
}

void instance_serve(struct instance *instance) {
  struct pollfd waiting = {.events = POLLIN};

  thaw_late(instance);
  for (size_t i = 0; i < instance->guarded_count; i++) {
    waiting.fd = instance->guarded[i].fd;
    if (poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN))
      guard_serve(instance, i);
  }
  waiting.fd = instance->notifier;
  if (waiting.fd >= 0 && poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN))
    notify_serve(instance);
}

static void *warden(void *argument) {
  struct instance *instance = argument;
  struct pollfd *fds = NULL;

  while (__atomic_load_n(&instance->begun, __ATOMIC_ACQUIRE) == INSTANCE_PREPARED)
    futex_wait_shared(&instance->begun, INSTANCE_PREPARED, now_nanos() + 1000000000u);
  if (__atomic_load_n(&instance->begun, __ATOMIC_ACQUIRE) == INSTANCE_ABANDONED) {
    dispose(instance);
    return NULL;
  }
  for (;;) {
    size_t count = 3 + instance->guarded_count;
    struct pollfd *moved = realloc(fds, count * sizeof(*fds));
    if (moved == NULL) {
      kill(instance->pid, SIGKILL);
      break;
    }
    fds = moved;
    fds[0] = (struct pollfd){.fd = instance->pidfd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = instance->wake, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = instance->notifier, .events = POLLIN};
    for (size_t i = 3; i < count; i++)
      fds[i] = (struct pollfd){.fd = instance->guarded[i - 3].fd, .events = POLLIN};
    int ready = poll(fds, count, instance->late.count > 0 ? LATE_MILLIS : pause_poll_millis(instance));
    thaw_late(instance);
    pause_look(instance);
    if (ready <= 0)
      continue;
    if (fds[0].revents)
      break;
    for (size_t i = 3; i < count; i++)
      if (fds[i].revents & POLLIN)
        guard_serve(instance, i - 3);
    if (fds[2].revents & POLLIN)
      notify_serve(instance);
    else if (fds[2].revents)
      close_fd(&instance->notifier); /* nobody is left who has the filter */
    if (fds[1].revents) {
      uint64_t n;
      (void)!read(instance->wake, &n, sizeof(n));
      for (;;) {
        pthread_mutex_lock(&registry_lock);
        struct freeze_job *job = instance->jobs;
        if (job != NULL)
          instance->jobs = job->next;
        pthread_mutex_unlock(&registry_lock);
        if (job == NULL)
          break;
        if (job->header.type == VAS_FREEZE)
          freeze_run(instance, job);
        else if (job->header.type == VAS_ROLLBACK)
          rollback_run(instance, job);
        else
          pause_run(instance, job);
      }
    }
  }
  free(fds);
  end_instance(instance);
  return NULL;
}

int instance_prepare(uint64_t id, struct instance **prepared) {
  struct instance *instance = calloc(1, sizeof(*instance));
  pthread_attr_t attributes;

  if (instance == NULL)
    return -ENOMEM;
  instance->id = id;
  instance->pidfd = -1;
  instance->notifier = instance->program = -1;
  instance->tracker = instance->tracked_space = -1;
  instance->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  instance->stack = take_stack();
  if (instance->wake < 0 || instance->stack == NULL) {
    close_fd(&instance->wake);
    free(instance);
    return -ENOMEM;
  }
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, instance->stack, WARDEN_STACK);
  int error = pthread_create(&instance->warden, &attributes, warden, instance);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    munmap(instance->stack, WARDEN_STACK);
    close_fd(&instance->wake);
    free(instance);
    return -error;
  }
  *prepared = instance;
  return 0;
}

static void set_step(struct instance *instance, enum instance_step step) {
  __atomic_store_n(&instance->begun, step, __ATOMIC_RELEASE);
  futex_wake_shared(&instance->begun);
}

void instance_begin(struct instance *instance) {
  pthread_mutex_lock(&registry_lock);
  instance->next = registry;
  registry = instance;
  pthread_mutex_lock(&duty_lock);
  on_duty++;
  pthread_mutex_unlock(&duty_lock);
  /* Under the lock: the warden may end the instance as soon as it is on duty. */
  set_step(instance, INSTANCE_BEGUN);
  pthread_mutex_unlock(&registry_lock);
}

void instance_abandon(struct instance *instance) { set_step(instance, INSTANCE_ABANDONED); }

int instance_use(uint64_t id, int (*use)(struct instance *instance, void *context), void *context) {
  pthread_mutex_lock(&registry_lock);
  struct instance *instance = find(id);
  int result = instance ? use(instance, context) : -ESRCH;
  pthread_mutex_unlock(&registry_lock);
  return result;
}

int instance_rename(uint64_t id, uint64_t new_id) {
  pthread_mutex_lock(&registry_lock);
  struct instance *instance = find(id);
  int result = instance == NULL ? -ESRCH : find(new_id) != NULL ? -EEXIST : 0;
  if (result >= 0)
    instance->id = new_id;
  pthread_mutex_unlock(&registry_lock);
  return result;
}

int instance_post(uint64_t id, struct freeze_job *job) {
  pthread_mutex_lock(&registry_lock);
  struct instance *instance = find(id);
  if (instance != NULL)
    post(instance, job);
  pthread_mutex_unlock(&registry_lock);
  return instance == NULL ? -ESRCH : 0;
}

static int post_to_all(uint32_t type) {
  int error = 0;

  pthread_mutex_lock(&registry_lock);
  for (struct instance *instance = registry; instance != NULL && error >= 0; instance = instance->next)
    error = post_note(instance, type);
  pthread_mutex_unlock(&registry_lock);
  return error;
}

static void set_left_alone(bool are) {
  pthread_mutex_lock(&registry_lock);
  left_alone = are;
  pthread_mutex_unlock(&registry_lock);
}

void instances_left_alone(void) {
  set_left_alone(true);
  post_to_all(JOB_LEFT_ALONE); /* where there is no memory for it the deadline lets it go */
}

void instances_accompanied(void) { set_left_alone(false); }

int instance_succeed(uint64_t id, uint64_t predecessor) {
  pthread_mutex_lock(&registry_lock);
  struct instance *instance = find(id);
  if (instance != NULL)
    instance->succeeds = predecessor;
  pthread_mutex_unlock(&registry_lock);
  return instance == NULL ? -ESRCH : 0;
}

void instance_has_succeeded(struct instance *instance) {
  pthread_mutex_lock(&registry_lock);
  instance->succeeds = 0;
  pthread_mutex_unlock(&registry_lock);
}

bool instance_is_heir(const struct instance *instance) {
  pthread_mutex_lock(&registry_lock);
  const struct instance *predecessor = instance->succeeds == 0 ? NULL : find(instance->succeeds);
  /* It may have its predecessor's id by now. */
  bool is = left_alone && instance->succeeds != 0 && (predecessor == NULL || predecessor == instance);
  pthread_mutex_unlock(&registry_lock);
  return is;
}

/* Under the lock, waits until as many are there as are on duty. */
static int await_all(const size_t *there, uint64_t millis) {
  uint64_t deadline = now_nanos() + millis * 1000000;

  while (*there < on_duty && !is_restless && now_nanos() < deadline)
    await_change(PARK_ROUND_MILLIS);
  return *there < on_duty || is_restless ? -EBUSY : 0;
}

int wardens_park(void) {
  pthread_mutex_lock(&duty_lock);
  parking = PARKING;
  parked = 0;
  is_restless = false;
  pthread_mutex_unlock(&duty_lock);
  int error = post_to_all(JOB_PARK);
  pthread_mutex_lock(&duty_lock);
  if (error >= 0)
    error = await_all(&parked, PARK_MILLIS);
  if (error >= 0) {
    parking = PARKED;
    pthread_cond_broadcast(&duty_changed);
    error = await_all(&still, STILL_MILLIS);
  }
  pthread_mutex_unlock(&duty_lock);
  return error;
}

void wardens_release(void) {
  pthread_mutex_lock(&duty_lock);
  parking = NOT_PARKING;
  pthread_cond_broadcast(&duty_changed);
  while (still > 0)
    pthread_cond_wait(&duty_changed, &duty_lock);
  pthread_mutex_unlock(&duty_lock);
}

void instances_each(void (*use)(void *context, const struct instance *instance), void *context) {
  pthread_mutex_lock(&registry_lock);
  for (struct instance *instance = registry; instance != NULL; instance = instance->next)
    use(context, instance);
  pthread_mutex_unlock(&registry_lock);
}

size_t instance_list(struct vas_listed *list, size_t capacity) {
  size_t count = 0;

  pthread_mutex_lock(&registry_lock);
  for (struct instance *i = registry; i != NULL && count < capacity; i = i->next)
    list[count++] = (struct vas_listed){.instance = i->id,
                                        .visited = i->visited,
                                        .pid = i->host_pid,
                                        .flags = (is_paused_for_good(i) ? VAS_LISTED_PAUSED : 0) |
                                                 (i->broken ? VAS_LISTED_BROKEN : 0)};
  pthread_mutex_unlock(&registry_lock);
  return count;
}

size_t instance_visitors(uint64_t id, pid_t *pids, size_t capacity) {
  size_t count = 0;

  pthread_mutex_lock(&registry_lock);
  for (struct instance *i = registry; i != NULL && count < capacity; i = i->next)
    if (i->visited == id)
      pids[count++] = i->pid;
  pthread_mutex_unlock(&registry_lock);
  return count;
}
