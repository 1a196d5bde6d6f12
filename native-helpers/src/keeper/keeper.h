/*
 * The keeper: parent, tracer and memory guard of all instances.
 *
 * It knows no kinds of resources and decides nothing. What a child does is in the program it is given; what a freeze
 * records is in the plan. One thread serves the daemon's socket and spawns; each instance has a warden, the one thread
 * that traces it, serves its guard and reaps it (ptrace belongs to a thread).
 *
 * Functions return 0 or a count, or -errno.
 */
#ifndef VAS_KEEPER_H
#define VAS_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "vas/program.h"
#include "vas/protocol.h"

/* ---- util.c ---- */

#define PAGE 4096UL
#define HUGE_PAGE (2UL << 20)
#define ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((a)-1))

static inline void close_fd(int *fd) {
  extern int close(int);
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}
#define cleanup_close __attribute__((cleanup(close_fd)))

uint64_t now_nanos(void);
/* Reads all of a file below a directory. *buffer grows as needed and stays the caller's. Returns the length. */
ssize_t read_file_at(int directory, const char *name, char **buffer, size_t *capacity);
/* Reads until so many bytes are there, or the file ends; what lies behind its end stays as it was. Returns how many they were. */
ssize_t read_at(int fd, void *bytes, size_t length, uint64_t offset);
int write_at(int fd, const void *bytes, size_t length, uint64_t offset);
/* The number behind `key` in a text of "key:\tvalue" lines, in the given base; -ENOENT if there is none. */
int text_number(const char *text, const char *key, int base, uint64_t *value);
/* Waiting in rounds: first spinning, because what is waited for takes microseconds, then sleeping a little. */
void pause_before_retry(unsigned round);
/* How many processors there are, 1 at least; the C library opens a file for it. */
size_t processors(size_t most);
int futex_wait_shared(uint32_t *word, uint32_t seen, uint64_t deadline_nanos);
void futex_wake_shared(uint32_t *word);

/* ---- held.c: descriptors kept for the daemon under numbers of its own ---- */

int held_put(uint64_t id, int fd); /* takes fd over */
int held_get(uint64_t id);         /* -ENOENT */
int held_drop(uint64_t id);
void held_drop_all(uint8_t highest_byte);
void held_each(void (*use)(void *context, uint64_t id, int fd), void *context);

/* ---- counts.c: what the guard has done ---- */

extern struct vas_guard_counts *guard_counts;
int guard_counts_make(void);
void guard_count(uint64_t *count); /* one more */

/* ---- message.c ---- */

struct request {
  struct vas_message header;
  uint8_t body[VAS_MESSAGE_MAX] __attribute__((aligned(8)));
  size_t body_length;
  int fds[VAS_MESSAGE_FDS_MAX];
  int fd_count;
};

int receive_request(int socket, struct request *request); /* 0 at the end of the connection, 1 otherwise */
void close_request_fds(struct request *request);
/* Answers may be sent by any thread; a connection that is gone swallows them. fd: -1 for none. */
void set_connection(int socket);
void answer(const struct vas_message *to, int status, uint32_t stage, const void *body, size_t length, int fd);
void send_event(uint32_t type, uint64_t subject, const void *body, size_t length);

/* ---- instance.c ---- */

struct guarded {
  int fd;    /* userfaultfd of the address space */
  pid_t pid; /* a process that lives in it; 0: not known until events are settled; -1: the place is free */
};

struct guard_event;
struct freeze_job;
struct ptrace_rseq_configuration;

/* continued.c: a call that a task was stopped in before */
struct continued_call {
  pid_t tid;
  uint64_t number, instruction, stack;
};

/* calls.c: a call that was made again, and that a timeout ends */
struct wait {
  pid_t tid;
  uint32_t mark;
  uint64_t deadline_nanos;
};

struct task {
  pid_t pid, tid;
  bool stopped, gone;
  bool group_stopped; /* found stopped by a signal: SIGSTOP and the like */
  bool dying; /* it ends, and has not been heard of since */
  bool visitor; /* stopped for the sake of the cut, not recorded */
  struct user_regs_struct registers; /* as the task will go on */
  bool registers_known, registers_changed;
  uint64_t mask;
  bool mask_changed;
};

struct freezing {
  struct instance *instance;
  struct task *tasks;
  size_t count, capacity;
  uint64_t deadline_nanos;
  bool alone; /* only the tasks of the processes named, not of their children */
};

enum instance_step { INSTANCE_PREPARED = 0, INSTANCE_BEGUN = 1, INSTANCE_ABANDONED = 2 };

struct instance {
  uint64_t id;
  uint64_t visited;
  pid_t pid; /* in the keeper's pid namespace */
  pid_t host_pid;
  int pidfd;
  uint64_t area_start; /* of the executor that stays in the address space after a fork; 0 if none: see left_area() */
  uint64_t area_end;
  bool executed; /* the first process has another address space since, by execve */
  uint64_t syscall_address; /* of a system call instruction in that area; 0 if none */
  int kept[VAS_KEPT_MAX];
  uint32_t kept_count;
  struct guarded *guarded; /* address spaces that are guarded: the instance's own, and those of its forked children */
  size_t guarded_count;
  int notifier;               /* of the seccomp filter that goes with the guard, or -1 */
  struct wait *waits;         /* calls of its tasks that were made again, and that a timeout ends */
  size_t wait_count;
  uint32_t last_mark;
  uint64_t filters;           /* seccomp filters that every task has from us */
  uint64_t region_device[2];  /* st_dev of the regions that it maps */
  int program;                /* the file of the program that made it, where it has file ranges; or -1 */
  uint64_t program_start;     /* where in that file the program begins */
  uint32_t file_ranges;       /* as of vas_spawn */
  struct guard_event *events; /* read and not yet settled */
  size_t event_count;
  struct continued_call *calls; /* of tasks that were stopped before */
  size_t call_count;
  int tracker;       /* userfaultfd that tells what the first task's address space has written, or -1 */
  int tracked_space; /* /proc/PID/pagemap of that address space */
  uint64_t cut;      /* since when pages are armed: what is not, has been written since; 0: some were armed at other times */
  int wake;        /* eventfd: there is a job */
  uint32_t begun;  /* enum instance_step; a futex */
  struct vas_report *report; /* of a program that is held at its release; NULL otherwise */
  bool restored;             /* no task is in the program any more that made the instance */
  bool paused, broken; /* broken: by a rollback that has failed after its commit point */
  bool yielded;         /* paused, but by SIGSTOP, and traced by nobody or somebody else */
  struct freezing held; /* the tasks of one that is paused and was not yielded */
  uint64_t held_since, held_until; /* CLOCK_MONOTONIC, ns; 0: without end */
  uint64_t succeeds; /* paused until that instance has ended, if nobody is connected by then; 0: none */
  struct freezing late; /* tasks that were to go on, but could not be let go, for they had not stopped yet */
  size_t record_length; /* of the latest freeze */
  struct freeze_job *jobs;
  pthread_t warden;
  void *stack;
  struct instance *next;
};

/*
 * In two steps, so that the first runs beside the child's program. instance_prepare() makes the instance and its warden,
 * who waits; the caller fills in the rest. instance_begin() makes it known and puts the warden on duty;
 * instance_abandon() undoes the first step. Whoever began it owns nothing of it any more.
 */
int instance_prepare(uint64_t id, struct instance **prepared);
void instance_begin(struct instance *instance);
void instance_abandon(struct instance *instance);
/* For its warden, in the midst of something long: serves what waits of its guard's. Tasks may be stopped for a moment. */
void instance_serve(struct instance *instance);
/* Under the registry's lock, calls use() on the instance with this id. -ESRCH if there is none. */
int instance_use(uint64_t id, int (*use)(struct instance *instance, void *context), void *context);
int instance_rename(uint64_t id, uint64_t new_id); /* -ESRCH, -EEXIST */
int instance_post(uint64_t id, struct freeze_job *job);
size_t instance_list(struct vas_listed *list, size_t capacity);
/* A paused instance takes the place of another one, also if the daemon dies in the midst of that. 0: not any more. -ESRCH */
int instance_succeed(uint64_t id, uint64_t predecessor);
/* For its warden: whether it is to go on now, for its predecessor has ended and nobody is connected who would see to it. */
bool instance_is_heir(const struct instance *instance);
/* It goes on. */
void instance_has_succeeded(struct instance *instance);
/* The daemon has gone: after its last job, every instance that waits for the next one is let go. */
void instances_left_alone(void);
/* One is there. */
void instances_accompanied(void);
/* First tasks of the visitors of an instance. */
size_t instance_visitors(uint64_t id, pid_t *pids, size_t capacity);
void instances_each(void (*use)(void *context, const struct instance *instance), void *context);
/*
 * Lets every warden finish what it does, and when all have, do nothing until wardens_release(), which is to follow in any case.
 * -EBUSY if an instance stands still, or does not come to rest soon.
 */
int wardens_park(void);
void wardens_release(void);
/* The part of one warden, which has nothing else to do. */
void instance_park(struct instance *instance);

/* ---- spawn.c ---- */

void spawn(struct request *request);
struct param_source {
  const int *attached;
  int attached_count;
  int control;
  const struct instance *instance; /* or NULL */
};
/* The value of a parameter. Returns 1 if it is the number of a descriptor of this process, 0 if it is not. */
int resolve_param(const struct vas_param *param, const struct param_source *source, int64_t *value);

/* ---- launcher.c: who clones children, and who makes things for them meanwhile ---- */

struct aide {
  const char *name;
  pid_t pid;
  int socket;
  unsigned pending; /* questions without an answer */
};

struct aide_reply {
  int32_t status; /* of a clone: the child's pid, or -errno */
  uint32_t failed_step;
  int64_t failed_result;
};

#define SPAWN_VALUES_MAX 1024

/* What a result slot of a program is before it starts. */
struct spawn_value {
  uint32_t slot;
  int32_t descriptor; /* -1, or a descriptor of this process, whose number there becomes the value */
  int64_t value;
};

#define AIDES 2

int aides_start(void);
void aides_pids(pid_t pids[AIDES]);
/* Of another program that ran in this process before. */
void aides_end(const pid_t pids[AIDES]);
/* Cloning, in two steps, so that the caller can do something in between. */
int launcher_ask(const struct vas_spawn *spawn, int program, int report, int control, int visited_pidfd,
                 const struct spawn_value *values, uint32_t value_count);
pid_t launcher_hear(void);
/* A program that runs beside the child. One at a time: heard of or given up before the next. */
int assistant_ask(int program, const struct spawn_value *values, uint32_t value_count);
int assistant_socket(void); /* readable when there is an answer; -1 if none is due */
int assistant_hear(struct aide_reply *reply);
void assistant_give_up(void);

/* ---- trace.c: stopping tasks and running things in them ---- */

/* Stops every task of the given processes' trees at one cut. While it waits it calls idle(), which may let tasks go on. */
int freeze_tasks(struct freezing *freezing, const pid_t *roots, size_t root_count, size_t visitor_roots_from,
                 int (*idle)(void *context, struct freezing *freezing), void *context);
/*
 * Puts registers and masks back and lets everything go on. Never fails: a task that is gone is gone. What has not stopped yet
 * can't be let go: the parent of a vfork() stops when its child, which goes on now, lets it. It is kept for thaw_late().
 */
void thaw_tasks(struct freezing *freezing);
/* Lets those go on that have stopped since. The next freeze of the instance takes those that have not. */
void thaw_late(struct instance *instance);
/* The first half of that: everything is as it was before the freeze, and still stopped. */
void settle_tasks(struct freezing *freezing);
/* Kills a process whose tasks are stopped. To be followed by hear_of_ends(), when all are killed: one may wait for another. */
int kill_stopped(struct freezing *freezing, pid_t pid);
int hear_of_ends(struct freezing *freezing, uint64_t deadline_nanos);
/* Lets a restored task run its program to the end, which is rt_sigreturn, and stops it there. */
int finish_restore(struct task *task);
int fetch_registers(struct task *task);
/* Whether seccomp may answer, or kill the task for, a call that we let it make: strict mode, filters of its own. */
int has_own_filter(const struct instance *instance, const struct task *task);
/* The task's id as it knows it itself; 0 if it is gone. */
pid_t inner_tid(const struct task *task);
/* While we trace it, no filter looks at the task's calls. -EPERM where the keeper itself is confined. */
int suspend_filters(struct task *task);
/* A task that runs a program of ours may be stopped by a signal that cannot be blocked: lets it go on, the signal kept. */
void resume_stopped(struct task *task);
/* /proc/PID/task/TID/status; the text is the caller's. */
int read_status(const struct task *task, char **text);
/* Fetches the registers and makes them such that the task can run something else before it goes on. */
int prepare_task(struct instance *instance, struct task *task, struct ptrace_rseq_configuration *rseq);
int task_syscall(struct task *task, uint64_t instruction, long number, const uint64_t args[6], long *result);
int wait_stopped(struct task *task, uint64_t deadline_nanos);
int interrupt_task(struct task *task, uint64_t deadline_nanos);
int start_in_task(struct task *task, uint64_t rip, uint64_t rsp, uint64_t rdi, uint64_t rsi, uint64_t rdx);
/* Address of a system call instruction in the process's vdso. */
int find_syscall_instruction(pid_t pid, uint64_t *address);
/* Whether the tracer need not hear of the task's end any more. */
bool task_has_ended(const struct task *task);
/* As in /proc/PID/stat: 'D', 'Z', ...; 0 if it is gone. */
char task_state(pid_t pid, pid_t tid);
/* Whether a task has ended, heard of or not. */
bool is_over(const struct task *task);
/* Looking into /proc costs as much as many rounds of waiting. */
#define ROUNDS_UNTIL_LOOK 200
size_t read_tasks(pid_t pid, pid_t *tids, size_t capacity);

/* ---- area.c ---- */

struct address_range {
  uint64_t start, end;
};
/* What the executor has left in the first process's memory; empty if it has not, or another program was executed since. */
struct address_range left_area(const struct instance *instance);
/* A system call instruction in the first process's memory. */
int syscall_instruction(const struct instance *instance, uint64_t *address);
/* Looks whether the first process has executed another program. */
void look_for_exec(struct instance *instance);

struct area {
  pid_t pid;
  uint64_t address; /* in the task; 0: there is none */
  uint64_t length;
  uint8_t *bytes; /* the same here: shared with the task, or a copy */
  bool is_left;   /* it is the one that a fork's executor has left, of which bytes is a copy */
  uint32_t used;
};
/*
 * Somewhere in the task, or at an address where nothing is, with `room` bytes for what is placed. area_close() is to follow in
 * any case, when no task runs in it any more.
 */
int area_open(struct area *area, const struct instance *instance, struct task *task, uint64_t instruction, uint64_t at,
              uint64_t room);
/* What something of this length takes. */
uint64_t area_room(size_t length);
/* Returns the offset. what: NULL for zeros. */
uint32_t area_place(struct area *area, const void *what, size_t length);
int area_write(const struct area *area); /* the task has what was placed */
int area_read(const struct area *area);  /* bytes are what the task has left there */
/* A word of it, while the task runs. */
uint32_t area_load(const struct area *area, uint32_t offset);
void area_close(struct area *area, struct task *task, uint64_t instruction);

/* ---- calls.c ---- */

/* Makes the system call again that a bare stop ended with EINTR, or ends it where its time is up. */
int hide_interruption(struct instance *instance, struct task *task);

/* ---- continued.c ---- */

/* The number of the call that a stopped task is in, or -1; of one that has been stopped in it before, too. */
uint64_t call_of(const struct instance *instance, const struct task *task);
/* To be called before tasks go on, when their registers are known. */
void remember_calls(struct instance *instance, const struct freezing *freezing);

/* ---- maps.c ---- */

struct vma {
  uint64_t start, end, offset, device, inode;
  bool readable, writable, executable, shared;
  bool special;   /* [vvar], [vdso], [vsyscall] */
  bool anonymous; /* private, and none of its pages can be a file's or the kernel's */
};
/* Parses /proc/PID/maps. *list is malloc'ed. */
ssize_t read_vmas(pid_t pid, struct vma **list);
/* The VMA that an address lies in, but for `special`, which is not told. -ENOENT if there is none. */
int find_vma(pid_t pid, uint64_t address, struct vma *vma);

/* ---- record.c ---- */

struct record {
  int fd;
  uint8_t *base;
  size_t length, size;
  size_t entry; /* where the entry being written begins */
  int error;    /* the first one; later writes are ignored */
};
/* last: how long the record of the same instance was the last time; 0: not known. That much memory is taken at once. */
int record_open(struct record *record, int fd, size_t last);
void record_close(struct record *record);
void record_begin(struct record *record, uint32_t type, pid_t pid, pid_t tid, uint32_t index);
void record_append(struct record *record, const void *data, size_t length);
/* Room at the end for a read() to fill; record_commit() takes what was filled. */
void *record_room(struct record *record, size_t length);
void record_commit(struct record *record, size_t length);
void record_end(struct record *record);
void record_entry(struct record *record, uint32_t type, pid_t pid, pid_t tid, uint32_t index, const void *data,
                  size_t length);
void record_file(struct record *record, uint32_t type, pid_t pid, pid_t tid, uint32_t index, int directory,
                 const char *name);

/* ---- scan.c: PAGEMAP_SCAN ---- */

/* linux/fs.h, Linux 6.7 */
struct page_region {
  uint64_t start, end, categories;
};
#define PAGE_IS_WPALLOWED (1 << 0) /* the VMA is registered with a userfaultfd that has WP_ASYNC */
#define PAGE_IS_WRITTEN (1 << 1)   /* not armed: written since it was, or zapped, or never armed */
#define PAGE_IS_FILE (1 << 2)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define PAGE_IS_PFNZERO (1 << 5)
#define PAGE_IS_GUARD (1 << 8) /* Linux 6.15: put there by MADV_GUARD_INSTALL */

struct scan {
  uint64_t without;  /* categories that a page must not have */
  uint64_t with;     /* that it must have */
  uint64_t any;      /* of which it must have at least one; 0: does not matter */
  uint64_t returned; /* that are told, and tell runs apart */
  uint64_t limit;    /* ends after so many pages; 0: does not */
  bool arm;          /* write-protects what is found; -EPERM if some of the range is not tracked */
};
/* Calls use() for each run of pages found. A negative result of it ends the scan. */
int pagemap_scan(int pagemap, const struct scan *scan, uint64_t start, uint64_t end,
                 int (*use)(void *context, const struct page_region *found), void *context);
/* PAGE_IS_GUARD, or 0 if this kernel does not know it. */
uint64_t guard_category(void);

/* ---- tracking.c: what an address space has written ---- */

/* Whether the kernel tells of written and of zapped pages. */
bool tracking_works(void);
/* Whether an instance has a tracker for the address space that it has now. */
bool has_tracker(const struct instance *instance);
/*
 * Makes the tracker of an instance, unless it has one, and registers all of its anonymous memory that is not registered yet.
 * For that the instance stands still for a moment. -EBUSY: it uses userfaultfd itself.
 */
int tracking_begin(struct instance *instance, uint64_t deadline_nanos);
void tracking_end(struct instance *instance);
/*
 * From now on writes to a VMA, of which they were not, are told; to be told, pages must be armed. Whatever was before, none is.
 * To be called when all stands still. The guard's
 * userfaultfd has been told of missing pages and goes on to be.
 */
int tracking_register(int pagemap, int tracker, uint64_t start, uint64_t end, bool is_guard);
/* Whether the VMA that begins there is tracked: 0, 1. */
int is_tracked(int pagemap, uint64_t start);
/* Whether the process has executed another program since its pagemap was opened. */
bool space_is_gone(int pagemap);

/* ---- pages.c ---- */

struct pages;
struct pages_config {
  pid_t pid;
  int tracker; /* userfaultfd for anonymous memory, or -1: writes are not told */
  int guard;   /* the one of memory that maps a region, or -1: there is none */
  struct instance *instance;
  int regions[2];
  uint64_t shm_device;
  uint64_t region_device[2];
  uint64_t skip_start, skip_end; /* the executor's own area */
  bool record_only;              /* no pages are copied */
  bool changes;                  /* all that is armed was so at the base: it is told as the same, and not copied */
  uint32_t threads;
};
int pages_open(struct pages **pages, const struct pages_config *config);
int pages_prepare(struct pages *pages);       /* while it runs: lay out, make space */
/* While it runs, with a tracker: one round. Arms and copies what is not known. Returns how many pages it copied. */
int64_t pages_round(struct pages *pages, uint64_t deadline_nanos);
int pages_start(struct pages *pages, uint64_t deadline_nanos); /* frozen: lay out what is new, let the copiers begin */
int pages_finish(struct pages *pages);        /* help copying, wait for all of it */
void pages_abandon(struct pages *pages, int error); /* let copying end early */
int pages_object(struct pages *pages, int fd, struct record *record, const struct vas_file_status *status);
int pages_record(struct pages *pages, struct record *record); /* after the thaw */
uint64_t pages_count(const struct pages *pages);  /* stored */
bool pages_are_tracked(const struct pages *pages);
/* In the last look: pages that could be tracked, if they were registered. */
uint64_t pages_untracked(const struct pages *pages);
uint64_t pages_objects(const struct pages *pages, uint64_t *nanos);
uint64_t pages_copied(const struct pages *pages); /* since pages_start() */
bool pages_are_gone(const struct pages *pages);   /* another program was executed since pages_open() */
/* Whether a VMA is of the executor's own area, which is no part of a snapshot. */
bool pages_skips(const struct pages *pages, const struct vma *vma);
/* Whether a VMA is a private mapping of a region. */
bool maps_region(const struct vma *vma, const uint64_t region_device[2]);
const struct vma *pages_vmas(const struct pages *pages, size_t *count);
void pages_close(struct pages *pages);
enum page_kind { PAGE_DATA, PAGE_ZERO, PAGE_GUARD };
/* Calls use() for each run of pages of a part of a VMA that are the process's own. */
int scan_pages(int pagemap, const struct vma *vma, uint64_t start, uint64_t end,
               int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind), void *context);

/* ---- descriptors.c, host.c ---- */

struct plan {
  const uint8_t *base;
  size_t length;
  const struct vas_plan *header;
};
int plan_open(struct plan *plan, int fd);
void plan_close(struct plan *plan);
const char *plan_string(const struct plan *plan, uint32_t offset);
const struct vas_program_header *plan_program(const struct plan *plan, uint32_t offset);

/* Runs a program in the keeper itself and records what it left. params may preset results. */
int run_hosted(const struct vas_program_header *program, const struct vas_param *params, uint32_t param_count,
               const struct param_source *source, int descriptor, struct record *record, uint32_t type, pid_t pid,
               uint32_t index);
void file_status(int fd, struct vas_file_status *status);
int record_descriptors(const struct plan *plan, struct pages *pages, struct record *record, pid_t pid, int pidfd,
                       uint64_t deadline_nanos);
int record_mapped_files(const struct plan *plan, struct pages *pages, struct record *record, pid_t pid);

/* ---- freeze.c ---- */

/* Types of no message, whose jobs nobody waits for. */
#define JOB_LEFT_ALONE 0x10000u /* of instances_left_alone() */
#define JOB_PARK 0x10001u       /* of wardens_park() */

struct freeze_job {
  struct vas_message header;
  struct vas_freeze freeze;
  struct vas_mend mend; /* of VAS_MEND and VAS_ROLLBACK */
  uint32_t table, first_known; /* of VAS_ROLLBACK */
  struct vas_param *params;
  int fds[VAS_MESSAGE_FDS_MAX];
  int fd_count;
  struct freeze_job *next;
};
struct freeze_job *freeze_job_of(struct request *request);
void freeze_job_free(struct freeze_job *job);
void freeze_run(struct instance *instance, struct freeze_job *job);
/* What a freeze has found. */
struct frozen {
  struct vas_frozen result;
  uint32_t stage; /* the last one, or that which failed */
  struct record record;
  struct plan plan;
  struct pages *pages;
};
/* Does what a job says. frozen_close() is to follow in any case. */
int freeze_do(struct instance *instance, const struct freeze_job *job, struct frozen *frozen);
void frozen_close(struct frozen *frozen);
extern uint64_t last_cut; /* cuts of all instances are told apart */
/* Runs a program in a stopped task, in an area at the given address. *report is what it left, also after a failure. */
int run_in_task(struct instance *instance, const struct freezing *freezing, struct task *task,
                const struct vas_program_header *program, uint64_t area, struct vas_report *report);

/* ---- pause.c ---- */

/* A job of another kind than VAS_FREEZE. */
struct freeze_job *pause_job_of(struct request *request);
void pause_run(struct instance *instance, struct freeze_job *job);
/* Stops an instance with its visitors at one cut, its guard's events settled. One that is paused stands still already. */
int freeze_instance(struct instance *instance, struct freezing *freezing);
/* To follow in any case. One that is paused stays so. */
void thaw_instance(struct instance *instance, struct freezing *freezing);
/* Lets it stay so from now on: until the given time, or 0 for ever. */
void keep_paused(struct instance *instance, uint64_t deadline_nanos);
int resume_instance(struct instance *instance);
/* Whether it was paused, and not kept for the next request of the daemon that began with this one. For other threads, too. */
bool is_paused_for_good(const struct instance *instance);
/* How long the warden may sleep: the end of tasks that it traces is told to nobody else. */
int pause_poll_millis(const struct instance *instance);
/* Lets a paused instance go of which a task has been killed. */
void pause_look(struct instance *instance);

/* ---- guard.c ---- */

/* Gives zeros to an absent range of a guarded address space, so that it can be written to. */
int guard_fill(struct instance *instance, pid_t pid, uint64_t start, uint64_t end);
/* The userfaultfd that guards a process's memory, or -1. */
int guard_of(const struct instance *instance, pid_t pid);
/* Serves what a userfaultfd has to say. */
void guard_serve(struct instance *instance, size_t index);
/* Stops all tasks of one guarded process, with its events settled. To be followed by thaw_tasks() in any case. */
int guard_hold(struct instance *instance, pid_t pid, struct freezing *freezing);
/* Closes what guarded the address spaces of children that have ended. */
void guard_forget_deserted(struct instance *instance);
/* Kills an instance whose memory cannot be guarded. */
void guard_give_up(struct instance *instance, int error);
/* While freezing: reads pending events so that their tasks can be stopped, and remembers them. */
int guard_drain(void *instance, struct freezing *freezing);
/* When all tasks are stopped: does what the drained events ask for. */
int guard_settle(struct instance *instance, struct freezing *freezing);
/* The same after a stop that failed. */
int guard_settle_rest(struct instance *instance, struct freezing *freezing);

/* ---- notify.c ---- */

/* Serves a call that waits for memory to become anonymous. */
void notify_serve(struct instance *instance);

/* ---- files.c: ranges that map a region, but stand for private mappings of files ---- */

struct file_ranges {
  uint32_t count;
  int root;
  struct vas_file_range *list;
};
int file_ranges_read(const struct instance *instance, struct file_ranges *ranges);
void file_ranges_free(struct file_ranges *ranges);
/* The range at an address, or NULL. *end is lowered to where that answer ceases to hold. */
const struct vas_file_range *file_range_at(const struct file_ranges *ranges, uint64_t address, uint64_t *end);
/* Whether a VMA has anything of such a range. */
bool is_file_range(const struct file_ranges *ranges, const struct vma *vma);
/* Opens the file of a range, for a process that has it. */
int file_range_open(const struct instance *instance, const struct file_ranges *ranges, const struct vas_file_range *range,
                    pid_t pid);
/* Gives a stopped task a descriptor of ours. Returns its number there. */
int give_descriptor(const struct instance *instance, struct task *task, int fd);

/* ---- tree.c ---- */

/* Copies a directory tree with owners, modes, times, extended attributes, hard links and special files. */
int copy_tree(int from, int to);

/* Whether two trees are the same in all that copy_tree() copies but access times; `to` is negative for an empty one. 0, 1. */
int compare_trees(int from, int to);

/* Copies an entry of a directory, with all below it. */
int copy_entry_of(int from, int to, const char *name);
/* Of regular files that are open for reading. 0, 1. */
int same_contents(int a, int b);
/* Extended attributes, of regular files and directories that may be open as O_PATH. 0, 1. */
int same_attributes(int a, int b);
/* Makes those of one file the other's. */
int copy_attributes(int from, int to);
int remove_other_attributes(int from, int to);
/* Names of a directory's entries, in order and each once. */
struct names {
  char **list;
  size_t count;
};
/* To be called with what there is already, {0} at first; that is sorted in. */
int names_add(struct names *names, int directory);
void names_free(struct names *names);

/* ---- roots.c ---- */

/*
 * Compares what two roots show, where the one lies upon a layer `upper`, the other one upon `layer` (negative: none), and both
 * upon the same. Returns an enum vas_roots; the changes that would make `now` like `wanted` are recorded.
 */
int compare_roots(struct record *record, pid_t pid, int upper, int layer, int now, int wanted);
/* Opens a path below a root, without following symbolic links, nor into what is mounted there: that is -EXDEV. */
int open_below(int root, const char *path, int flags);

/* ---- tree_mend.c ---- */

/* Makes the changes that compare_roots() has recorded. *failed is the path at which that has failed. */
int mend_tree(int now, int wanted, const uint8_t *table, uint32_t first, uint32_t count, const char **failed);

/* ---- mend.c ---- */

struct mend_order {
  const struct vas_mend *request;
  const int *fds; /* the table, and the files that its runs name */
  int fd_count;
  const struct vma *vmas; /* of its first process as it stands still; NULL: not known */
  size_t vma_count;
};
/* Puts a paused instance back to what a table says. tell() is called once, when all is done. */
void mend_do(struct instance *instance, const struct mend_order *order,
             void (*tell)(void *context, int error, uint32_t stage, const struct vas_mended *result), void *context);
void mend_run(struct instance *instance, struct freeze_job *job);

/* ---- known.c, rollback.c ---- */

/* known: a vas_known. */
bool is_as_known(const void *known, size_t known_length, const void *record, size_t record_length);
struct freeze_job *rollback_job_of(struct request *request);
/* Freezes an instance, and puts it back at once if it is found as it was known. Otherwise it stays paused. */
void rollback_run(struct instance *instance, struct freeze_job *job);

/* ---- takeover.c ---- */

/* Lets another keeper's program take over. Returns only if it does not. request: what that one answers. */
int hand_over(const struct vas_message *request, int program, int listener, int connection, int followed,
              char *const *arguments);
/* Whether this is a program that only says, by its exit status, whether it could take over. */
bool only_tries(int *status);
/* Whether this is a program that has been handed over to, and must take over. */
bool takes_over(void);
int take_over(int *listener, int *connection, int *followed);

/* ---- layout.c ---- */

int vas_print_layout(void);

/* ---- main.c ---- */

extern int proc_directory;      /* of a procfs of the keeper's pid namespace */
extern int host_proc_directory; /* of the host's */
extern const uint8_t *executor_code; /* the executor, as it is run in tasks */
extern size_t executor_length;

#endif
