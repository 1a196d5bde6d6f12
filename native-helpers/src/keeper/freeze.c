/*
 * One freeze: prepare while the instance runs, stop it, record raw facts and copy pages, let it go on.
 *
 * Whatever happens, thaw_tasks() is reached: an instance is never left frozen, and a freeze that failed is not noticed.
 */
#include "keeper.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* A task that does not stop by then waits for another that has: everything goes on, and is frozen again later. */
#define SEIZE_LIMIT 100000000u /* ns */
#define ATTEMPTS 20

struct freeze {
  struct instance *instance;
  const struct freeze_job *job;
  struct plan plan;
  struct record record;
  struct pages *pages;
  struct freezing freezing;
  struct vas_frozen result;
  uint32_t stage;
  uint64_t stage_start;
  bool stuck; /* a task could not be stopped */
  bool filled; /* an attempt may have written to the regions */
  uint64_t base; /* the cut that unchanged pages are told by, or 0 */
  struct address_range left; /* by the executor, when pages were prepared */
  struct area area;          /* that programs run in */
};

/* Takes over the descriptors. params: behind what the body begins with. */
static struct freeze_job *job_of(struct request *request, const struct vas_freeze *freeze, size_t params) {
  if (freeze->param_count > (request->body_length - params) / sizeof(struct vas_param) || request->fd_count < 4)
    return NULL;
  struct freeze_job *job = calloc(1, sizeof(*job));
  if (job == NULL)
    return NULL;
  size_t size = freeze->param_count * sizeof(struct vas_param);
  job->header = request->header;
  job->freeze = *freeze;
  job->params = malloc(size ? size : 1);
  if (job->params == NULL) {
    free(job);
    return NULL;
  }
  memcpy(job->params, request->body + params, size);
  memcpy(job->fds, request->fds, sizeof(job->fds));
  job->fd_count = request->fd_count;
  request->fd_count = 0;
  return job;
}

struct freeze_job *freeze_job_of(struct request *request) {
  const struct vas_freeze *freeze = (const void *)request->body;

  return request->body_length < sizeof(*freeze) ? NULL : job_of(request, freeze, sizeof(*freeze));
}

struct freeze_job *rollback_job_of(struct request *request) {
  const struct vas_rollback *rollback = (const void *)request->body;

  if (request->body_length < sizeof(*rollback) || rollback->table >= (uint32_t)request->fd_count)
    return NULL;
  struct freeze_job *job = job_of(request, &rollback->freeze, sizeof(*rollback));
  if (job != NULL) {
    job->mend = rollback->mend;
    job->table = rollback->table;
    job->first_known = rollback->first_known;
  }
  return job;
}

void freeze_job_free(struct freeze_job *job) {
  for (int i = 0; i < job->fd_count; i++)
    close_fd(&job->fds[i]);
  free(job->params);
  free(job);
}

/* Ends the time of the stage before and begins a new one; where a test asks for it, the fault happens here. */
static int enter(struct freeze *freeze, uint32_t stage) {
  uint64_t now = now_nanos();
  freeze->result.stage_nanos[freeze->stage] += now - freeze->stage_start;
  freeze->stage = stage;
  freeze->stage_start = now;
  if (freeze->job->freeze.fault != VAS_FAULT_NONE && freeze->job->freeze.fault_stage == stage) {
    switch (freeze->job->freeze.fault) {
    case VAS_FAULT_ERRNO:
      return -EIO;
    case VAS_FAULT_DEADLINE:
      return -ETIMEDOUT;
    case VAS_FAULT_KILL:
      kill(freeze->instance->pid, SIGKILL);
      break;
    }
  }
  if (freeze->freezing.deadline_nanos != 0 && stage != VAS_FREEZE_THAW && now > freeze->freezing.deadline_nanos)
    return -ETIMEDOUT;
  return 0;
}

/* ---- registers ---- */

/*
 * Within a restartable sequence the kernel would have gone to its abort handler, had the task been interrupted by anything
 * but us. Running something else in the task makes the kernel forget the sequence, so the jump is made here.
 */
static void leave_restartable_sequence(struct task *task, const struct ptrace_rseq_configuration *rseq) {
  struct {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs;
  } area;
  struct {
    uint32_t version, flags;
    uint64_t start_ip, post_commit_offset, abort_ip;
  } sequence;
  struct iovec local = {&area, sizeof(area)}, remote = {(void *)(uintptr_t)rseq->rseq_abi_pointer, sizeof(area)};

  if (rseq->rseq_abi_pointer == 0 || process_vm_readv(task->pid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(area) ||
      area.rseq_cs == 0)
    return;
  local = (struct iovec){&sequence, sizeof(sequence)};
  remote = (struct iovec){(void *)(uintptr_t)area.rseq_cs, sizeof(sequence)};
  if (process_vm_readv(task->pid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(sequence))
    return;
  if (task->registers.rip - sequence.start_ip < sequence.post_commit_offset) {
    task->registers.rip = sequence.abort_ip;
    task->registers_changed = true;
  }
}

static void record_pending(struct record *record, const struct task *task, uint32_t when) {
  for (int shared = 0; shared < 2; shared++) {
    if (shared && task->tid != task->pid)
      continue;
    record_begin(record, shared ? VAS_ENTRY_PENDING_SHARED : VAS_ENTRY_PENDING_TASK, task->pid, task->tid, when);
    struct ptrace_peeksiginfo_args args = {.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0, .nr = 32};
    for (;;) {
      siginfo_t infos[32];
      long n = syscall(SYS_ptrace, PTRACE_PEEKSIGINFO, task->tid, &args, infos);
      if (n <= 0)
        break;
      record_append(record, infos, (size_t)n * sizeof(*infos));
      args.off += (uint64_t)n;
    }
    record_end(record);
  }
}

int prepare_task(struct instance *instance, struct task *task, struct ptrace_rseq_configuration *rseq) {
  int error = fetch_registers(task);

  if (error < 0)
    return error;
  if (syscall(SYS_ptrace, PTRACE_GET_RSEQ_CONFIGURATION, task->tid, sizeof(*rseq), rseq) < 0)
    memset(rseq, 0, sizeof(*rseq));
  leave_restartable_sequence(task, rseq);
  return hide_interruption(instance, task);
}

static int record_task(struct freeze *freeze, struct task *task) {
  struct record *record = &freeze->record;
  uint8_t xstate[16384];
  struct iovec iov = {xstate, sizeof(xstate)};
  struct ptrace_rseq_configuration rseq;
  int error = prepare_task(freeze->instance, task, &rseq);

  if (error < 0)
    return error;
  if (task->visitor)
    return 0;
  struct user_regs_struct registers = task->registers;
  registers.orig_rax = call_of(freeze->instance, task);
  record_entry(record, VAS_ENTRY_REGISTERS, task->pid, task->tid, 0, &registers, sizeof(registers));
  if (syscall(SYS_ptrace, PTRACE_GETREGSET, task->tid, NT_X86_XSTATE, &iov) < 0)
    return -errno;
  record_entry(record, VAS_ENTRY_XSTATE, task->pid, task->tid, 0, xstate, iov.iov_len);
  record_entry(record, VAS_ENTRY_SIGNAL_MASK, task->pid, task->tid, 0, &task->mask, sizeof(task->mask));
  record_entry(record, VAS_ENTRY_RSEQ, task->pid, task->tid, 0, &rseq, sizeof(rseq));
  record_pending(record, task, VAS_PENDING_AT_CUT);
  return 0;
}

/* ---- files ---- */

static void record_named(struct freeze *freeze, uint32_t type, pid_t pid, pid_t tid, uint32_t offset, uint32_t count) {
  char path[32];
  const char *name = plan_string(&freeze->plan, offset);

  if (type == VAS_ENTRY_TASK_FILE)
    snprintf(path, sizeof(path), "%d/task/%d", pid, tid);
  else
    snprintf(path, sizeof(path), "%d", pid);
  cleanup_close int directory = openat(proc_directory, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (uint32_t i = 0; i < count; i++, name += strlen(name) + 1) {
    if (type != VAS_ENTRY_PROCESS_LINK) {
      record_file(&freeze->record, type, pid, tid, i, directory, name);
      continue;
    }
    struct vas_file_status status = {0};
    char link[4096];
    ssize_t length = readlinkat(directory, name, link, sizeof(link));
    cleanup_close int target = openat(directory, name, O_PATH | O_CLOEXEC);
    if (target >= 0)
      file_status(target, &status);
    record_begin(&freeze->record, type, pid, 0, i);
    if (length >= 0) {
      record_append(&freeze->record, &status, sizeof(status));
      record_append(&freeze->record, link, (size_t)length);
    }
    record_end(&freeze->record);
  }
}

static void record_files(struct freeze *freeze) {
  const struct vas_plan *plan = freeze->plan.header;

  for (size_t i = 0; i < freeze->freezing.count; i++) {
    struct task *task = &freeze->freezing.tasks[i];
    if (task->visitor || task->gone)
      continue;
    if (task->tid == task->pid) {
      record_named(freeze, VAS_ENTRY_PROCESS_FILE, task->pid, task->tid, plan->process_files_offset,
                   plan->process_files_count);
      record_named(freeze, VAS_ENTRY_PROCESS_LINK, task->pid, task->tid, plan->process_links_offset,
                   plan->process_links_count);
    }
    record_named(freeze, VAS_ENTRY_TASK_FILE, task->pid, task->tid, plan->task_files_offset, plan->task_files_count);
  }
}

/* ---- programs in the tasks ---- */

/* Where in the area a thread's programs, report and stack are. */
struct slot {
  struct task *task;
  uint32_t programs[2]; /* offsets: the task's, then in the first thread the process's */
  uint32_t report, stack_top;
};

#define TASK_STACK 8192u

static struct vas_report *report_of(const struct freeze *freeze, const struct slot *slot) {
  return (struct vas_report *)(freeze->area.bytes + slot->report);
}

/* Programs of a plan expect each step's failure and record it: this one is not expected, and what is recorded is not all. */
static int slot_failure(struct freeze *freeze, const struct slot *slot) {
  const struct vas_report *report = report_of(freeze, slot);
  if (report->state != VAS_REPORT_FAILED)
    return 0;
  freeze->result.failed_tid = inner_tid(slot->task);
  return report->failed_result < 0 && report->failed_result >= -4095 ? (int)report->failed_result : -EIO;
}

/* Spins first: to be put to sleep and woken takes longer than the programs run. */
static int wait_done(struct freeze *freeze, const struct slot *slot) {
  uint32_t state = slot->report + offsetof(struct vas_report, state);

  for (unsigned round = 0; area_load(&freeze->area, state) == VAS_REPORT_RUNNING; round++) {
    if (now_nanos() > freeze->freezing.deadline_nanos)
      return -ETIMEDOUT;
    if (round >= ROUNDS_UNTIL_LOOK) { /* it takes too long: what could have stopped or ended it? */
      if (is_over(slot->task))
        return -ESRCH;
      resume_stopped(slot->task);
    }
    if (slot->task->gone)
      return -ESRCH;
    pause_before_retry(round);
  }
  return 0;
}

/*
 * Strict seccomp or a filter would answer or kill a task for our calls. Filters can be one thread's own, so each is looked at;
 * nothing may have run in any before.
 */
static int refuse_filters(struct freeze *freeze, pid_t pid) {
  for (size_t i = 0; i < freeze->freezing.count; i++) {
    const struct task *task = &freeze->freezing.tasks[i];
    if (task->pid != pid || task->gone)
      continue;
    int filtered = has_own_filter(freeze->instance, task);
    if (filtered == 0 || filtered == -ENOENT || filtered == -ESRCH)
      continue;
    freeze->result.failed_tid = inner_tid(task);
    return filtered < 0 ? filtered : -EOPNOTSUPP;
  }
  return 0;
}

/* A fork of a stopped instance would have to come back stopped. */
static int refuse_stopped(struct freeze *freeze) {
  for (size_t i = 0; i < freeze->freezing.count; i++) {
    const struct task *task = &freeze->freezing.tasks[i];
    if (task->group_stopped && !task->gone && !task->visitor) {
      freeze->result.failed_tid = inner_tid(task);
      return -EOPNOTSUPP;
    }
  }
  return 0;
}

static void record_slot(struct freeze *freeze, const struct slot *slot, uint32_t type, uint32_t program_offset) {
  const uint8_t *bytes = freeze->area.bytes + program_offset;
  const struct vas_program_header *program = (const void *)bytes;
  record_entry(&freeze->record, type, slot->task->pid, slot->task->tid, 0, bytes + program->results_offset,
               program->length - program->results_offset);
}

static int start_slot(const struct freeze *freeze, const struct slot *slot) {
  uint64_t area = freeze->area.address;
  return start_in_task(slot->task, area, area + slot->stack_top - 8, area + slot->programs[0], area + slot->report, 0);
}

/* Starts every thread on its programs, waits for all, stops them again. */
static int run_slots(struct freeze *freeze, struct slot *slots, size_t count) {
  int error = area_write(&freeze->area);

  for (size_t i = 0; i < count && error >= 0; i++)
    error = start_slot(freeze, &slots[i]);
  for (size_t i = 0; i < count && error >= 0; i++) {
    error = wait_done(freeze, &slots[i]);
    if (error >= 0)
      error = interrupt_task(slots[i].task, freeze->freezing.deadline_nanos);
  }
  /* On the way out of a failure some may still be in their programs: all must stop before these are unmapped. */
  for (size_t i = 0; i < count; i++)
    if (!slots[i].task->gone && !slots[i].task->stopped)
      interrupt_task(slots[i].task, now_nanos() + 1000000000u);
  return error < 0 ? error : area_read(&freeze->area);
}

static int record_slots(struct freeze *freeze, const struct slot *slots, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int error = slot_failure(freeze, &slots[i]);
    if (error < 0)
      return error;
    record_slot(freeze, &slots[i], VAS_ENTRY_TASK_PROGRAM, slots[i].programs[0]);
    if (slots[i].programs[1] != 0)
      record_slot(freeze, &slots[i], VAS_ENTRY_PROCESS_PROGRAM, slots[i].programs[1]);
  }
  return 0;
}

/* Runs the task program in every thread, and the process's in the first, all at once. */
static int run_programs(struct freeze *freeze, pid_t pid) {
  const struct vas_program_header *process_program = plan_program(&freeze->plan, freeze->plan.header->process_program);
  const struct vas_program_header *task_program = plan_program(&freeze->plan, freeze->plan.header->task_program);
  struct freezing *freezing = &freeze->freezing;
  struct task *leader = NULL;
  size_t threads = 0;

  if (process_program == NULL || task_program == NULL)
    return 0;
  int refused = refuse_filters(freeze, pid);
  if (refused < 0)
    return refused;
  struct slot *slots = calloc(freezing->count ? freezing->count : 1, sizeof(*slots));
  if (slots == NULL)
    return -ENOMEM;
  for (size_t i = 0; i < freezing->count; i++) {
    struct task *task = &freezing->tasks[i];
    if (task->pid != pid || task->gone)
      continue;
    slots[threads++].task = task;
    if (task->tid == pid)
      leader = task;
  }
  uint64_t instruction;
  int error = leader == NULL ? -ESRCH : syscall_instruction(freeze->instance, &instruction);
  if (error >= 0) {
    size_t room = area_room(task_program->length) + area_room(sizeof(struct vas_report)) + area_room(TASK_STACK);
    error = area_open(&freeze->area, freeze->instance, leader, instruction, 0,
                      area_room(process_program->length) + threads * room);
    if (error >= 0) {
      for (size_t i = 0; i < threads; i++) {
        slots[i].programs[0] = area_place(&freeze->area, task_program, task_program->length);
        slots[i].report = area_place(&freeze->area, NULL, sizeof(struct vas_report));
        slots[i].stack_top = area_place(&freeze->area, NULL, TASK_STACK) + TASK_STACK;
        if (slots[i].task == leader) {
          slots[i].programs[1] = area_place(&freeze->area, process_program, process_program->length);
          report_of(freeze, &slots[i])->next = freeze->area.address + slots[i].programs[1];
        }
      }
      error = run_slots(freeze, slots, threads);
      if (error >= 0)
        error = record_slots(freeze, slots, threads);
    }
    area_close(&freeze->area, leader, instruction);
  }
  free(slots);
  return error;
}

int run_in_task(struct instance *instance, const struct freezing *freezing, struct task *task,
                const struct vas_program_header *program, uint64_t at, struct vas_report *report) {
  struct freeze freeze = {.instance = instance, .freezing = *freezing};
  uint64_t instruction;
  struct slot slot = {.task = task};
  int error = syscall_instruction(instance, &instruction);

  if (error >= 0)
    error = area_open(&freeze.area, instance, task, instruction, at,
                      area_room(program->length) + area_room(sizeof(*report)) + area_room(TASK_STACK));
  if (error >= 0) {
    slot.programs[0] = area_place(&freeze.area, program, program->length);
    slot.report = area_place(&freeze.area, NULL, sizeof(*report));
    slot.stack_top = area_place(&freeze.area, NULL, TASK_STACK) + TASK_STACK;
    error = run_slots(&freeze, &slot, 1);
    memcpy(report, report_of(&freeze, &slot), sizeof(*report));
    if (error >= 0 && report->state != VAS_REPORT_DONE)
      error = report->failed_result < 0 ? (int)report->failed_result : -EPROTO;
  }
  area_close(&freeze.area, task, instruction);
  return error;
}

/* ---- the whole ---- */

static int record_frozen(struct freeze *freeze) {
  struct instance *instance = freeze->instance;
  struct freezing *freezing = &freeze->freezing;
  int error;

  unsigned doublings = freeze->result.attempts < 7 ? freeze->result.attempts - 1 : 6;
  uint64_t deadline = freezing->deadline_nanos, limit = now_nanos() + (SEIZE_LIMIT << doublings);
  freezing->deadline_nanos = limit < deadline ? limit : deadline;
  if ((error = freeze_instance(instance, freezing)) < 0) {
    freeze->stuck = error == -ETIMEDOUT;
    return error;
  }
  freezing->deadline_nanos = deadline;
  if ((error = refuse_stopped(freeze)) < 0 || (error = enter(freeze, VAS_FREEZE_REGISTERS)) < 0)
    return error;
  if (pages_are_gone(freeze->pages) || left_area(instance).start != freeze->left.start)
    return -ESTALE;
  for (size_t i = 0; i < freezing->count; i++)
    if (!freezing->tasks[i].gone && (error = record_task(freeze, &freezing->tasks[i])) < 0)
      return error;
  /* Before the copiers keep the processors busy: programs are a matter of quick turns between two tasks. */
  if ((error = enter(freeze, VAS_FREEZE_PROGRAMS)) < 0 || (error = run_programs(freeze, instance->pid)) < 0)
    return error;
  for (size_t i = 0; i < freezing->count; i++)
    if (!freezing->tasks[i].gone && !freezing->tasks[i].visitor)
      record_pending(&freeze->record, &freezing->tasks[i], VAS_PENDING_AFTER_PROGRAMS);
  if ((error = enter(freeze, VAS_FREEZE_SCAN)) < 0 || (error = pages_start(freeze->pages, freezing->deadline_nanos)) < 0)
    return error;
  if ((error = enter(freeze, VAS_FREEZE_FILES)) < 0)
    return error;
  record_files(freeze);
  if ((error = record_mapped_files(&freeze->plan, freeze->pages, &freeze->record, instance->pid)) < 0)
    return error;
  if ((error = enter(freeze, VAS_FREEZE_DESCRIPTORS)) < 0 ||
      (error = record_descriptors(&freeze->plan, freeze->pages, &freeze->record, instance->pid, instance->pidfd,
                                  freezing->deadline_nanos)) < 0)
    return error;
  if ((error = enter(freeze, VAS_FREEZE_INSTANCE)) < 0)
    return error;
  const struct vas_program_header *program = plan_program(&freeze->plan, freeze->plan.header->instance_program);
  if (program != NULL) {
    struct param_source source = {
        .attached = freeze->job->fds, .attached_count = freeze->job->fd_count, .control = -1, .instance = instance};
    if ((error = run_hosted(program, freeze->job->params, freeze->job->freeze.param_count, &source, -1, &freeze->record,
                            VAS_ENTRY_INSTANCE_PROGRAM, instance->pid, ~0u)) < 0)
      return error;
  }
  return enter(freeze, VAS_FREEZE_COPY);
}

static void record_running_files(struct freeze *freeze, uint32_t type) {
  const struct vas_plan *plan = freeze->plan.header;
  record_named(freeze, type, freeze->instance->pid, freeze->instance->pid, plan->running_files_offset,
               plan->running_files_count);
}

/* Fewer pages than these take less time than freezing does: another round would not make the freeze shorter. */
#define FEW_PAGES 32

/* So many would make the freeze longer than another stop, to have them tracked, takes. */
#define MANY_UNTRACKED 512

static int begin_tracking(struct freeze *freeze, uint64_t deadline_nanos) {
  uint64_t start = now_nanos();
  int error = tracking_begin(freeze->instance, start + SEIZE_LIMIT < deadline_nanos ? start + SEIZE_LIMIT : deadline_nanos);

  freeze->result.other_nanos += now_nanos() - start;
  return error;
}

/* Rounds of copying while the instance runs, until little is left or it gets no less. */
static int copy_live(struct freeze *freeze, uint64_t deadline_nanos) {
  struct vas_frozen *result = &freeze->result;
  uint64_t last = ~0UL;
  int error = enter(freeze, VAS_FREEZE_LIVE);

  for (bool go_on = true; error >= 0 && go_on && result->rounds < VAS_FREEZE_ROUNDS_MAX;) {
    /* If it fails there is no tracker any more: all begins anew. */
    if (result->rounds > 0 && pages_untracked(freeze->pages) > MANY_UNTRACKED && begin_tracking(freeze, deadline_nanos) < 0)
      return -ESTALE;
    int64_t copied = pages_round(freeze->pages, deadline_nanos);
    if (copied < 0)
      return (int)copied;
    result->round_pages[result->rounds++] = (uint64_t)copied;
    if (last == ~0UL) /* while there are rounds to come for what is written meanwhile */
      record_running_files(freeze, VAS_ENTRY_FILE_BEFORE);
    go_on = last == ~0UL || ((uint64_t)copied > FEW_PAGES && (uint64_t)copied < last - last / 4);
    last = (uint64_t)copied;
  }
  return error;
}

/* Whether files are open for reading past the page cache; pipes have the same flag for something else. */
static bool reads_directly(pid_t pid) {
  char name[32], link[8];
  bool found = false;

  snprintf(name, sizeof(name), "%d/fd", pid);
  cleanup_close int links = openat(proc_directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/fdinfo", pid);
  int list = openat(proc_directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = list < 0 ? NULL : fdopendir(list);
  if (directory == NULL) {
    close_fd(&list);
    return true;
  }
  char *text = NULL;
  size_t capacity = 0;
  uint64_t flags;
  for (struct dirent *entry; !found && (entry = readdir(directory)) != NULL;)
    found = entry->d_name[0] != '.' && read_file_at(dirfd(directory), entry->d_name, &text, &capacity) > 0 &&
            text_number(text, "flags", 8, &flags) == 0 && (flags & O_DIRECT) != 0 &&
            (readlinkat(links, entry->d_name, link, sizeof(link)) < 5 || memcmp(link, "pipe:", 5) != 0);
  free(text);
  closedir(directory);
  return found;
}

/* Everything up to the freeze. */
static int prepare_freeze(struct freeze *freeze, const struct pages_config *config, uint64_t deadline_nanos) {
  struct instance *instance = freeze->instance;
  struct pages_config own = *config;
  int error = enter(freeze, VAS_FREEZE_PREPARE);

  look_for_exec(instance);
  freeze->left = left_area(instance);
  own.skip_start = freeze->left.start;
  own.skip_end = freeze->left.end;

  /* A paused instance writes nothing, so rounds are of no use. */
  bool live = freeze->job->freeze.mode == VAS_FREEZE_MODE_LIVE && !own.record_only &&
              (!instance->paused || has_tracker(instance)) && tracking_works() && !reads_directly(instance->pid);
  if (error >= 0 && live && (error = enter(freeze, VAS_FREEZE_TRACK)) >= 0) {
    error = has_tracker(instance) ? 0 : begin_tracking(freeze, deadline_nanos);
    live = error >= 0;
    if (error != -ESRCH)
      error = 0; /* where it can't be tracked it is copied as a whole */
  }
  own.tracker = live ? instance->tracker : -1;
  own.guard = live ? guard_of(instance, instance->pid) : -1;
  freeze->base = live && instance->cut != 0 && instance->cut == freeze->job->freeze.base ? instance->cut : 0;
  own.changes = freeze->base != 0;
  if (live)
    instance->cut = 0; /* from here on pages are armed that a freeze which fails has not told */
  pages_close(freeze->pages);
  freeze->pages = NULL;
  freeze->result.rounds = 0;
  /* What an attempt before has left. The first one gets files that read as zero, and may have memory already. */
  for (int i = 0; i < 2 && error >= 0 && freeze->filled && !own.record_only; i++)
    error = ftruncate(own.regions[i], 0) < 0 ? -errno : 0;
  freeze->filled = true;
  if (error < 0 || (error = pages_open(&freeze->pages, &own)) < 0)
    return error;
  if (live && !instance->paused)
    return copy_live(freeze, deadline_nanos);
  if ((error = pages_prepare(freeze->pages)) >= 0)
    record_running_files(freeze, VAS_ENTRY_FILE_BEFORE);
  return error;
}

/* From the stop to the release. */
static int freeze_once(struct freeze *freeze, uint64_t deadline_nanos) {
  uint64_t stopped = now_nanos();
  bool was_paused = freeze->instance->paused;
  int error;

  freeze->freezing.deadline_nanos = deadline_nanos;
  freeze->stuck = false;
  freeze->result.attempts++;
  error = enter(freeze, VAS_FREEZE_SEIZE);
  if (error >= 0)
    error = record_frozen(freeze);
  /* The copiers read the address space: they must be done before it runs again, also after a failure. */
  if (error < 0)
    pages_abandon(freeze->pages, error);
  int copied = pages_finish(freeze->pages);
  if (error >= 0)
    error = copied;
  uint32_t failed_stage = freeze->stage;
  int fault = enter(freeze, VAS_FREEZE_THAW);
  if (error >= 0 && fault < 0)
    error = fault;
  else if (error < 0)
    freeze->stage = failed_stage;
  if (error >= 0 && !was_paused && (freeze->job->freeze.flags & VAS_FREEZE_KEEP)) {
    keep_paused(freeze->instance, deadline_nanos);
    freeze->instance->held_since = stopped;
  }
  thaw_instance(freeze->instance, &freeze->freezing);
  uint64_t frozen = now_nanos() - stopped;
  if (error < 0)
    freeze->result.other_nanos += frozen;
  else
    freeze->result.frozen_nanos = frozen;
  freeze->freezing.deadline_nanos = 0;
  return error;
}

/*
 * Another attempt is worth while when a task could not be stopped at once, since the parent of a vfork() waits for its child,
 * which was stopped with it; when another program was executed meanwhile, so that what was copied is of no use; and when a
 * task has ended that was to be looked at, but the instance has not.
 */
static int attempt(struct freeze *freeze, const struct pages_config *config, uint64_t deadline_nanos) {
  const struct task first = {.pid = freeze->instance->pid, .tid = freeze->instance->pid};

  for (unsigned round = 0;; round++) {
    freeze->record.length = 0;
    int error = prepare_freeze(freeze, config, deadline_nanos);
    if (error >= 0)
      error = freeze_once(freeze, deadline_nanos);
    bool again = freeze->stuck || error == -ESTALE ||
                 (error < 0 && freeze->pages != NULL && pages_are_gone(freeze->pages) &&
                  task_state(freeze->instance->pid, freeze->instance->pid) != 0) ||
                 (error == -ESRCH && !is_over(&first));
    if (error >= 0 || !again || now_nanos() > deadline_nanos || round >= ATTEMPTS)
      return error;
    dprintf(STDERR_FILENO, "instance %lu: a freeze is tried again: stage %u, %s\n", freeze->instance->id, freeze->stage,
            strerror(-error));
    pause_before_retry(round + 100);
  }
}

uint64_t last_cut;

static uint64_t new_cut(void) { return __atomic_add_fetch(&last_cut, 1, __ATOMIC_RELAXED); }

int freeze_do(struct instance *instance, const struct freeze_job *job, struct frozen *frozen) {
  struct freeze freeze = {.instance = instance, .job = job, .stage = VAS_FREEZE_PREPARE, .stage_start = now_nanos()};
  uint64_t start = freeze.stage_start;
  struct pages_config config = {.pid = instance->pid,
                                .instance = instance,
                                .regions = {job->fds[2], job->fds[3]},
                                .threads = job->freeze.threads,
                                .record_only = (job->freeze.flags & VAS_FREEZE_RECORD_ONLY) != 0};
  int error = plan_open(&freeze.plan, job->fds[0]);

  if (error >= 0)
    error = record_open(&freeze.record, job->fds[1], instance->record_length);
  if (error >= 0) {
    config.shm_device = freeze.plan.header->shm_device;
    memcpy(config.region_device, freeze.plan.header->region_device, sizeof(config.region_device));
    error = attempt(&freeze, &config, start + job->freeze.deadline_micros * 1000);
  }
  if (error >= 0) {
    record_running_files(&freeze, VAS_ENTRY_FILE_AFTER);
    freeze.result.frozen_pages = pages_copied(freeze.pages);
    error = pages_record(freeze.pages, &freeze.record);
    freeze.result.pages = pages_count(freeze.pages);
    freeze.result.object_pages = pages_objects(freeze.pages, &freeze.result.stage_nanos[VAS_FREEZE_OBJECTS]);
  }
  freeze.result.tracked = instance->tracker >= 0;
  freeze.result.area_start = freeze.left.start;
  freeze.result.area_end = freeze.left.end;
  if (error >= 0 && pages_are_tracked(freeze.pages)) {
    instance->cut = freeze.result.cut = new_cut();
    freeze.result.base = freeze.base;
  }
  freeze.result.record_length = instance->record_length = freeze.record.length;
  freeze.result.total_nanos = now_nanos() - start;
  *frozen = (struct frozen){.result = freeze.result,
                            .stage = freeze.stage,
                            .record = freeze.record,
                            .plan = freeze.plan,
                            .pages = freeze.pages};
  return error < 0 ? error : 0;
}

void frozen_close(struct frozen *frozen) {
  pages_close(frozen->pages);
  record_close(&frozen->record);
  plan_close(&frozen->plan);
}

void freeze_run(struct instance *instance, struct freeze_job *job) {
  struct frozen frozen;
  int error = freeze_do(instance, job, &frozen);

  answer(&job->header, error, frozen.stage, &frozen.result, sizeof(frozen.result), -1);
  frozen_close(&frozen);
  freeze_job_free(job);
}
