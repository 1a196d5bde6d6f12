/*
 * Another version of the keeper takes over: its program is executed in this process, which stays the parent of all instances
 * and the init of their pid namespace. Descriptors stay open at their numbers; what else is known is written to a file that the
 * other program reads. Instances run on meanwhile; whoever needs its guard waits for some milliseconds.
 *
 * Nothing may be traced then, since traces belong to threads: the wardens are parked first, and an instance that is paused, or
 * a task that is not let go yet, is a refusal. The other program is tried first, in a child that only reads the file. Until
 * execve() has succeeded all can be undone.
 *
 * The file is a row of entries. A later version may add fields at the end of an entry, and types: what is longer than expected
 * is cut off, what is shorter ends in zeros, and of an unknown type nothing is read.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

#define TAKES_OVER "VAS_TAKES_OVER" /* in the environment: the descriptor of the file */
#define ONLY_TRIES "VAS_ONLY_TRIES"
#define TRIAL_MILLIS 10000

enum entry_type {
  ENTRY_KEEPER = 1,
  ENTRY_HELD = 2,
  ENTRY_INSTANCE = 3,
  ENTRY_GUARDED = 4, /* this and the next two are of the instance before */
  ENTRY_CALL = 5,
  ENTRY_WAIT = 6,
  ENTRY_END = 7,
};

struct entry {
  uint32_t type;
  uint32_t length; /* of what follows */
};

struct keeper_entry {
  struct vas_message request; /* to be answered when all is done */
  struct vas_guard_counts counts;
  uint64_t last_cut;
  int32_t listener, connection, followed;
  pid_t aides[AIDES];
};

struct held_entry {
  uint64_t id;
  int32_t fd;
  uint32_t reserved;
};

struct instance_entry {
  uint64_t id, visited;
  pid_t pid, host_pid;
  uint64_t area_start, area_end, syscall_address, filters, region_device[2], program_start, cut, record_length;
  uint32_t file_ranges, last_mark, restored, kept_count;
  int32_t pidfd, notifier, program, tracker, tracked_space;
  int32_t kept[VAS_KEPT_MAX];
};

/* ---- to the file ---- */

static void put(FILE *file, uint32_t type, const void *entry, size_t length) {
  struct entry head = {type, (uint32_t)length};

  fwrite(&head, sizeof(head), 1, file);
  fwrite(entry, length, 1, file);
}

static void put_all(FILE *file, uint32_t type, const void *list, size_t count, size_t length) {
  for (size_t i = 0; i < count; i++)
    put(file, type, (const uint8_t *)list + i * length, length);
}

static void put_held(void *file, uint64_t id, int fd) {
  struct held_entry entry = {.id = id, .fd = fd};

  if (id != VAS_HELD_GUARD_COUNTS) /* nobody can map it for writing any more: the next keeper has one of its own */
    put(file, ENTRY_HELD, &entry, sizeof(entry));
}

static void put_instance(void *file, const struct instance *instance) {
  struct instance_entry entry = {.id = instance->id,
                                 .visited = instance->visited,
                                 .pid = instance->pid,
                                 .host_pid = instance->host_pid,
                                 .area_start = instance->area_start,
                                 .area_end = instance->area_end,
                                 .syscall_address = instance->syscall_address,
                                 .filters = instance->filters,
                                 .region_device = {instance->region_device[0], instance->region_device[1]},
                                 .program_start = instance->program_start,
                                 .cut = instance->cut,
                                 .record_length = instance->record_length,
                                 .file_ranges = instance->file_ranges,
                                 .last_mark = instance->last_mark,
                                 .restored = instance->restored,
                                 .kept_count = instance->kept_count,
                                 .pidfd = instance->pidfd,
                                 .notifier = instance->notifier,
                                 .program = instance->program,
                                 .tracker = instance->tracker,
                                 .tracked_space = instance->tracked_space};

  memcpy(entry.kept, instance->kept, sizeof(entry.kept));
  put(file, ENTRY_INSTANCE, &entry, sizeof(entry));
  put_all(file, ENTRY_GUARDED, instance->guarded, instance->guarded_count, sizeof(*instance->guarded));
  put_all(file, ENTRY_CALL, instance->calls, instance->call_count, sizeof(*instance->calls));
  put_all(file, ENTRY_WAIT, instance->waits, instance->wait_count, sizeof(*instance->waits));
}

static int write_state(const struct keeper_entry *keeper) {
  int fd = memfd_create("vas-keeper-state", MFD_CLOEXEC);
  FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "w");

  if (file == NULL) {
    close_fd(&fd);
    return -ENOMEM;
  }
  put(file, ENTRY_KEEPER, keeper, sizeof(*keeper));
  held_each(put_held, file);
  instances_each(put_instance, file);
  put(file, ENTRY_END, "", 0);
  bool failed = ferror(file) != 0;
  if (fclose(file) != 0 || failed) {
    close_fd(&fd);
    return -EIO;
  }
  return fd;
}

/* ---- from the file ---- */

struct state {
  uint8_t *bytes;
  size_t length, at;
};

static int read_state(int fd, struct state *state) {
  size_t capacity = 0;
  char name[32];

  snprintf(name, sizeof(name), "self/fd/%d", fd);
  ssize_t n = read_file_at(host_proc_directory, name, (char **)&state->bytes, &capacity);
  state->length = n < 0 ? 0 : (size_t)n;
  return n < 0 ? (int)n : 0;
}

/* The type of the next entry, of which so many bytes are copied; ENTRY_END behind the last, or -EBADMSG. */
static int next(struct state *state, void *entry, size_t size) {
  struct entry head;

  if (state->length - state->at < sizeof(head))
    return -EBADMSG;
  memcpy(&head, state->bytes + state->at, sizeof(head));
  if (state->length - state->at - sizeof(head) < head.length)
    return -EBADMSG;
  memset(entry, 0, size);
  memcpy(entry, state->bytes + state->at + sizeof(head), head.length < size ? head.length : size);
  state->at += sizeof(head) + head.length;
  return (int)head.type;
}

static int append(void **list, size_t *count, const void *entry, size_t size) {
  uint8_t *moved = realloc(*list, (*count + 1) * size);

  if (moved == NULL)
    return -ENOMEM;
  memcpy(moved + *count * size, entry, size);
  *list = moved;
  ++*count;
  return 0;
}

static int begin(const struct instance_entry *entry, struct instance **begun) {
  struct instance *instance = NULL;
  int error = instance_prepare(entry->id, &instance);

  if (error < 0)
    return error;
  *begun = instance;
  instance->visited = entry->visited;
  instance->pid = entry->pid;
  instance->host_pid = entry->host_pid;
  instance->area_start = entry->area_start;
  instance->area_end = entry->area_end;
  instance->syscall_address = entry->syscall_address;
  instance->filters = entry->filters;
  memcpy(instance->region_device, entry->region_device, sizeof(instance->region_device));
  instance->program_start = entry->program_start;
  instance->cut = entry->cut;
  instance->record_length = entry->record_length;
  instance->file_ranges = entry->file_ranges;
  instance->last_mark = entry->last_mark;
  instance->restored = entry->restored != 0;
  instance->kept_count = entry->kept_count < VAS_KEPT_MAX ? entry->kept_count : VAS_KEPT_MAX;
  instance->pidfd = entry->pidfd;
  instance->notifier = entry->notifier;
  instance->program = entry->program;
  instance->tracker = entry->tracker;
  instance->tracked_space = entry->tracked_space;
  memcpy(instance->kept, entry->kept, sizeof(instance->kept));
  return 0;
}

static void put_on_duty(struct instance **instance) {
  if (*instance != NULL)
    instance_begin(*instance);
  *instance = NULL;
}

/* Tries: reads all, and does nothing with it. */
static int take_state(struct state *state, struct keeper_entry *keeper, bool only_tries) {
  union {
    struct held_entry held;
    struct instance_entry instance;
    struct guarded guarded;
    struct continued_call call;
    struct wait wait;
  } entry;
  struct instance *instance = NULL;
  int error = 0;

  if (next(state, keeper, sizeof(*keeper)) != ENTRY_KEEPER)
    return -EBADMSG;
  if (!only_tries)
    set_connection(keeper->connection); /* the first instance that is on duty may have ended, and says so once */
  while (error >= 0) {
    int type = next(state, &entry, sizeof(entry));
    if (type < 0 || type == ENTRY_END) {
      put_on_duty(&instance);
      return type < 0 ? type : 0;
    }
    if (only_tries)
      continue;
    if (type == ENTRY_HELD)
      error = held_put(entry.held.id, entry.held.fd);
    else if (type == ENTRY_INSTANCE) {
      put_on_duty(&instance);
      error = begin(&entry.instance, &instance);
    } else if (instance == NULL)
      error = type == ENTRY_GUARDED || type == ENTRY_CALL || type == ENTRY_WAIT ? -EBADMSG : 0;
    else if (type == ENTRY_GUARDED)
      error = append((void **)&instance->guarded, &instance->guarded_count, &entry.guarded, sizeof(entry.guarded));
    else if (type == ENTRY_CALL)
      error = append((void **)&instance->calls, &instance->call_count, &entry.call, sizeof(entry.call));
    else if (type == ENTRY_WAIT)
      error = append((void **)&instance->waits, &instance->wait_count, &entry.wait, sizeof(entry.wait));
  }
  return error;
}

/* ---- descriptors that the other program is to have ---- */

static void set_inherited(int fd, bool inherited) {
  if (fd >= 0)
    fcntl(fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
}

static void inherit_held(void *inherited, uint64_t id, int fd) {
  (void)id;
  set_inherited(fd, inherited != NULL);
}

static void inherit_instance(void *inherited, const struct instance *instance) {
  const int fds[] = {instance->pidfd, instance->notifier, instance->program, instance->tracker, instance->tracked_space};

  for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
    set_inherited(fds[i], inherited != NULL);
  for (uint32_t i = 0; i < instance->kept_count; i++)
    set_inherited(instance->kept[i], inherited != NULL);
  for (size_t i = 0; i < instance->guarded_count; i++)
    set_inherited(instance->guarded[i].fd, inherited != NULL);
}

static void set_all_inherited(const struct keeper_entry *keeper, int state, bool inherited) {
  void *context = inherited ? &inherited : NULL;

  set_inherited(keeper->listener, inherited);
  set_inherited(keeper->connection, inherited);
  set_inherited(keeper->followed, inherited);
  set_inherited(state, inherited);
  held_each(inherit_held, context);
  instances_each(inherit_instance, context);
}

/* ---- the other program ---- */

static int execute(int program, const char *variable, int state, char *const *arguments) {
  extern char **environ;
  char number[16];

  snprintf(number, sizeof(number), "%d", state);
  if (setenv(variable, number, 1) < 0)
    return -errno;
  syscall(SYS_execveat, program, "", arguments, environ, AT_EMPTY_PATH);
  int error = -errno;
  unsetenv(variable);
  return error;
}

/* Whether it can be executed, and reads the file to its end. The wardens are parked: none has the allocator's lock. */
static int try(int program, int state, char *const *arguments) {
  pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  siginfo_t info = {0};

  if (pid < 0)
    return -errno;
  if (pid == 0) {
    set_inherited(state, true);
    _exit(execute(program, ONLY_TRIES, state, arguments) < 0 ? 127 : 0);
  }
  struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
  if (process.fd < 0 || poll(&process, 1, TRIAL_MILLIS) != 1)
    kill(pid, SIGKILL);
  close_fd(&process.fd);
  waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL);
  return info.si_code == CLD_EXITED && info.si_status == 0 ? 0 : -ENOEXEC;
}

int hand_over(const struct vas_message *request, int program, int listener, int connection, int followed,
              char *const *arguments) {
  struct keeper_entry keeper = {.request = *request,
                                .counts = *guard_counts,
                                .last_cut = last_cut,
                                .listener = listener,
                                .connection = connection,
                                .followed = followed};
  int state = -1;
  int error = wardens_park();

  aides_pids(keeper.aides);
  if (error >= 0)
    error = state = write_state(&keeper);
  if (error >= 0)
    error = try(program, state, arguments);
  if (error >= 0) {
    set_all_inherited(&keeper, state, true);
    error = execute(program, TAKES_OVER, state, arguments);
    set_all_inherited(&keeper, state, false);
  }
  close_fd(&state);
  wardens_release();
  return error;
}

bool only_tries(int *status) {
  const char *number = getenv(ONLY_TRIES);
  struct keeper_entry keeper;
  struct state state = {0};

  if (number == NULL)
    return false;
  *status = read_state(atoi(number), &state) < 0 || take_state(&state, &keeper, true) < 0;
  return true;
}

bool takes_over(void) { return getenv(TAKES_OVER) != NULL; }

int take_over(int *listener, int *connection, int *followed) {
  struct keeper_entry keeper;
  struct state state = {0};
  cleanup_close int fd = atoi(getenv(TAKES_OVER));

  unsetenv(TAKES_OVER);
  set_inherited(fd, false);
  int error = read_state(fd, &state);
  if (error >= 0)
    error = take_state(&state, &keeper, false);
  free(state.bytes);
  if (error < 0)
    return error;
  set_all_inherited(&keeper, fd, false);
  aides_end(keeper.aides);
  __atomic_fetch_add(&guard_counts->faults, keeper.counts.faults, __ATOMIC_RELAXED);
  __atomic_fetch_add(&guard_counts->zaps, keeper.counts.zaps, __ATOMIC_RELAXED);
  __atomic_fetch_add(&guard_counts->children, keeper.counts.children, __ATOMIC_RELAXED);
  last_cut = keeper.last_cut;
  *listener = keeper.listener;
  *connection = keeper.connection;
  *followed = keeper.followed;
  answer(&keeper.request, 0, 0, NULL, 0, -1);
  return 0;
}
