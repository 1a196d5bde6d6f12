/*
 * What the daemon and the keeper say to each other, and the layouts of what they share: messages (SOCK_SEQPACKET), the
 * plan of a freeze and the record of one.
 *
 * Java's twins are io.vas.core.keeper.KeeperProtocolDescriptor, PlanDescriptor and RecordDescriptor;
 * KeeperProtocolDescriptorTest compares both sides through `vas-keeper --layout`. Little endian, 8-byte aligned.
 */
#ifndef VAS_PROTOCOL_H
#define VAS_PROTOCOL_H

#include <stdint.h>

#define VAS_PROTOCOL_VERSION 7u
#define VAS_MESSAGE_MAX 65536
#define VAS_MESSAGE_FDS_MAX 240

/* ---- messages ---- */

enum vas_message_type {
  VAS_HELLO = 1,    /* body: vas_hello; answered with vas_hello */
  VAS_HOLD = 2,     /* keep the attached descriptor under header.subject */
  VAS_DROP = 3,     /* close what is held under header.subject */
  VAS_TAKE = 4,     /* answered with a copy of the descriptor held under header.subject */
  VAS_SPAWN = 5,    /* body: vas_spawn, vas_param[param_count]; descriptors: program, then those that params name */
  VAS_FREEZE = 6,   /* body: vas_freeze, vas_param[param_count]; descriptors: plan, record, regions[2], then params' */
  VAS_SIGNAL = 7,   /* body: vas_signal; to the first task of instance header.subject */
  VAS_LIST = 8,     /* answered with vas_listed[] */
  VAS_SHUTDOWN = 9, /* end all instances and exit */
  VAS_PAUSE = 10,   /* instance header.subject stands still until it is resumed; one that is held is let to its first instruction */
  VAS_RESUME = 11,  /* it goes on */
  VAS_YIELD = 12,   /* a paused one stands still as by SIGSTOP instead, so that another tracer can have it */
  VAS_RENAME = 13,  /* body: vas_rename; instance header.subject gets another id */
  VAS_DROP_ALL = 14, /* close all that is held under numbers whose highest byte is header.subject's */
  VAS_MEND = 15,    /* body: vas_mend; descriptors: table, the files that runs name, a root; a paused instance goes back */
  VAS_REPLACE = 16, /* descriptor: the program of another keeper, which takes over and answers. VAS_HELLO and this one never change */
  VAS_SUCCEED = 17, /* body: vas_rename; instance header.subject goes on when that one has ended and nobody is connected; 0: no */
  VAS_ROLLBACK = 18, /* body: vas_rollback, vas_param[freeze.param_count]; descriptors: as of VAS_FREEZE, then as of VAS_MEND */
  VAS_EXITED = 64,  /* event, not asked for; body: vas_exited */
};

struct vas_message {
  uint32_t type;
  uint32_t length;  /* of the whole message, bytes */
  uint64_t request; /* an answer repeats its request's number; 0 in events */
  uint64_t subject; /* an instance's id, or a held descriptor's */
  int32_t status;   /* of an answer: 0, or -errno */
  uint32_t stage;   /* of an answer that failed: enum vas_spawn_stage or vas_freeze_stage */
};

struct vas_hello {
  uint32_t version;
  int32_t pid; /* of the keeper, as the host sees it; 0 in the request */
};

enum vas_param_kind {
  VAS_PARAM_IMMEDIATE = 0,
  VAS_PARAM_HELD = 1,        /* the number of the descriptor held under value */
  VAS_PARAM_ATTACHED = 2,    /* the number of the value-th descriptor of this message */
  VAS_PARAM_CONTROL = 3,     /* the child's end of its socket to the keeper */
  VAS_PARAM_VDSO_START = 4,  /* where the keeper's [vvar]..[vdso] begins, which a child inherits */
  VAS_PARAM_VDSO_LENGTH = 5, /* bytes */
  VAS_PARAM_KEPT = 6,        /* the value-th descriptor that the instance (for a visitor: its host) sent when ready */
  VAS_PARAM_PIDFD = 7,       /* of the instance's first task (for a visitor: its host's) */
};

/* A result slot that has a value before the program starts. */
struct vas_param {
  uint32_t kind;
  uint32_t slot;
  uint64_t value;
};

enum vas_spawn_mode {
  VAS_SPAWN_EXEC = 1,    /* the program ends in execve, which closes the control socket */
  VAS_SPAWN_RELEASE = 2, /* the program waits for report.release and ends in rt_sigreturn */
  VAS_SPAWN_HOLD = 3,    /* the same, but it is released by VAS_PAUSE */
};

enum vas_spawn_stage {
  VAS_SPAWN_PREPARE = 1, /* before there was a child */
  VAS_SPAWN_CLONE = 2,
  VAS_SPAWN_PROGRAM = 3, /* failed_step and failed_result say where */
  VAS_SPAWN_DEADLINE = 4,
  VAS_SPAWN_GUARD = 5,
  VAS_SPAWN_DIED = 6, /* the child ended without a word; status is -ECHILD */
  VAS_SPAWN_BESIDE = 7, /* the program that ran beside it; failed_step and failed_result say where */
};

struct vas_spawn {
  uint64_t clone_flags;
  uint64_t deadline_micros; /* from now on */
  uint64_t visited;         /* 0, or the instance whose pid namespace the child is to live in */
  uint64_t beside;          /* 0, or under which number a program is held that the assistant runs while the child runs its own */
  uint64_t base;            /* where the executor's area begins: a multiple of the page size, free in keeper and program */
  uint32_t code_length;     /* bytes of executor code at the start of the program file; a multiple of the page size */
  uint32_t program_length;  /* bytes of program behind it; a multiple of the page size */
  uint32_t stack_length;    /* bytes; a multiple of the page size. The first task's stack is its upper end */
  uint32_t entry;           /* first operation */
  uint32_t mode;            /* enum vas_spawn_mode */
  int32_t pid;              /* the child's pid in its pid namespace, or 0 */
  uint32_t param_count;
  uint32_t file_ranges; /* where in the program a vas_file_ranges is; 0: nowhere */
};

/*
 * Ranges of the child's memory that map a region, but stand for private mappings of files: for what looks through to the
 * file they become such mappings again. In order of their addresses.
 */
struct vas_file_ranges {
  uint32_t count;
  uint32_t root; /* which kept descriptor is the directory that paths begin at */
};

struct vas_file_range {
  uint64_t start, end;
  uint64_t offset; /* in the file */
  uint64_t size;   /* of the file, which with the next two tells whether it still is the same */
  int64_t ctime_nanos;
  uint32_t inode; /* low bits: an overlay may have numbers of its own in the others */
  uint32_t path;  /* where, counted from the vas_file_ranges on; NUL-terminated */
};

/* The answer's body. Times are CLOCK_MONOTONIC, nanoseconds. */
struct vas_spawned {
  int32_t pid; /* as the host sees it */
  uint32_t failed_step;
  int64_t failed_result;
  uint64_t received_nanos;
  uint64_t cloned_nanos;
  uint64_t ready_nanos;
  uint64_t released_nanos;
  uint64_t stamps[64]; /* the report's, as the program left them */
};

/* What a child sends over its control socket, with descriptors, when all is done but execve or the release. */
#define VAS_KEPT_MAX 16
enum vas_kept_role {
  VAS_KEPT_PLAIN = 0,
  VAS_KEPT_USERFAULTFD = 1, /* the guard of the child's memory */
  VAS_KEPT_SECCOMP = 2,     /* the listener of the filter that goes with the guard */
};
struct vas_ready {
  uint32_t count;
  uint32_t role[VAS_KEPT_MAX];
};

struct vas_signal {
  int32_t signal;
  uint32_t reserved;
};

struct vas_exited {
  int32_t wait_status; /* as of wait4 */
  uint32_t reserved;
};

struct vas_rename {
  uint64_t id; /* that no other instance has */
};

#define VAS_LISTED_PAUSED 1u /* it stands still without end */
#define VAS_LISTED_BROKEN 2u /* a rollback has failed after its commit point */

struct vas_listed {
  uint64_t instance;
  uint64_t visited;
  int32_t pid;
  uint32_t flags;
};

/* ---- guard counts: what the keeper's guard has done since the keeper began ---- */

/* The keeper holds a memfd with a vas_guard_counts under this number from its start. The daemon can map it read-only. */
#define VAS_HELD_GUARD_COUNTS 0x4b00000000000001ULL /* 'K' */

struct vas_guard_counts {
  uint64_t faults;   /* page faults answered with zeros */
  uint64_t zaps;     /* zapped ranges (MADV_DONTNEED and the like) that were filled with zeros */
  uint64_t children; /* address spaces of forked children that are guarded, too */
  uint64_t calls;    /* mremap and madvise that waited for the keeper */
};

/* ---- freeze ---- */

enum vas_freeze_stage {
  VAS_FREEZE_PREPARE = 1, /* live: layout of the pages, space made */
  VAS_FREEZE_SEIZE = 2,
  VAS_FREEZE_REGISTERS = 3,
  VAS_FREEZE_PROGRAMS = 4,
  VAS_FREEZE_FILES = 5,
  VAS_FREEZE_DESCRIPTORS = 6,
  VAS_FREEZE_SCAN = 7,
  VAS_FREEZE_COPY = 8,
  VAS_FREEZE_OBJECTS = 9,
  VAS_FREEZE_INSTANCE = 10,
  VAS_FREEZE_THAW = 11,
  VAS_FREEZE_TRACK = 12, /* live mode only: the tracker is made, for which the instance stops for a moment */
  VAS_FREEZE_LIVE = 13,  /* live mode only: pages are copied while the instance runs */
};

enum vas_freeze_mode {
  VAS_FREEZE_MODE_STOP = 0, /* all pages are copied while the instance is frozen */
  VAS_FREEZE_MODE_LIVE = 1, /* most of them before, where its writes can be tracked */
};

/* For tests: make the given stage fail. */
enum vas_fault {
  VAS_FAULT_NONE = 0,
  VAS_FAULT_ERRNO = 1,    /* as if a call had returned EIO */
  VAS_FAULT_DEADLINE = 2, /* as if the deadline had passed */
  VAS_FAULT_KILL = 3,     /* the instance is killed */
};

struct vas_freeze {
  uint64_t deadline_micros; /* for the frozen time */
  uint64_t base;            /* a cut: what has not changed since need not be copied; 0: everything is */
  uint32_t param_count;     /* for the plan's instance program */
  uint32_t fault_stage;
  uint32_t fault;
  uint32_t threads; /* that copy pages; 0: one a processor */
  uint32_t flags;   /* VAS_FREEZE_RECORD_ONLY | VAS_FREEZE_KEEP */
  uint32_t mode;    /* enum vas_freeze_mode */
};

#define VAS_FREEZE_RECORD_ONLY 1u /* no pages are copied, nor contents of files; the regions may be any descriptors */
#define VAS_FREEZE_KEEP 2u        /* it stays paused, until the deadline at most; the frozen time is told later */

#define VAS_FREEZE_ROUNDS_MAX 16

struct vas_frozen {
  uint64_t record_length; /* bytes */
  uint64_t frozen_nanos;  /* from the first task's stop to the last one's release */
  uint64_t total_nanos;
  uint64_t pages; /* stored */
  uint64_t stage_nanos[16]; /* by enum vas_freeze_stage */
  int32_t failed_tid;       /* of the task that a failure is about, as the instance sees it; 0: of none */
  uint32_t tracked;         /* 1: the instance's memory is registered with the keeper's userfaultfd */
  uint64_t frozen_pages;    /* of those, copied while the instance was frozen */
  uint64_t object_pages;    /* of those, of objects: their writes can not be tracked */
  uint64_t other_nanos;     /* that it stood still before: to make the tracker, and when it could not be frozen at once */
  uint32_t attempts;        /* to freeze it */
  uint32_t rounds;          /* of copying while it ran; 0: its writes were not tracked */
  uint64_t round_pages[VAS_FREEZE_ROUNDS_MAX]; /* copied in each */
  uint64_t cut;  /* by which a later freeze may ask for what has changed since; 0: it will not be known */
  uint64_t base; /* the request's, if what has not changed since was not copied; otherwise 0 */
  uint64_t area_start; /* of what a fork's executor has left in the first process's memory; 0: nothing */
  uint64_t area_end;
};

/* ---- mend: what a paused instance is to be ---- */

enum vas_mend_stage {
  VAS_MEND_CHECK = 1, /* nothing has been changed */
  VAS_MEND_PROGRAM = 2, /* from here on it is neither what it was nor what it is to be, until all is done */
  VAS_MEND_PAGES = 3,
  VAS_MEND_TASKS = 4,
  VAS_MEND_FILES = 5, /* behind VAS_MEND_PROGRAM, when the tasks have ended that are to end */
};

/* Offsets count from the table's start. */
struct vas_mend {
  uint32_t first_task;
  uint32_t task_count;
  uint32_t first_run; /* in the order of their addresses */
  uint32_t run_count;
  uint32_t program_offset; /* 0: none; run in the first thread */
  uint32_t fault_stage;    /* for tests: fails there with EIO */
  uint64_t area;           /* where that program may lie: free before and after it */
  uint32_t stays;          /* 1: it is paused afterwards */
  uint32_t file_count;
  uint32_t first_end; /* before all else is mended */
  uint32_t end_count;
  uint32_t first_change; /* in the order in which they are made */
  uint32_t change_count; /* more than 0: the last descriptor is the root directory that the snapshot's forks see */
  uint32_t root;         /* which kept descriptor of the instance is its own root directory */
  uint32_t reserved;
};

/* What a thread goes on with. Behind it: xstate_length bytes of the standard XSAVE format. */
struct vas_mend_task {
  int32_t tid; /* as the keeper's /proc sees it */
  uint32_t xstate_length; /* a multiple of 8 */
  uint64_t mask;
  uint64_t registers[27]; /* struct user_regs_struct */
};

enum vas_mend_end_kind {
  VAS_MEND_EXIT = 0, /* a thread of the first process */
  VAS_MEND_KILL = 1, /* another process */
};

/* A task that is not to be there. */
struct vas_mend_end {
  int32_t tid; /* as the keeper's /proc sees it */
  uint32_t kind; /* enum vas_mend_end_kind */
};

enum vas_change_kind {
  VAS_CHANGE_MAKE = 1,       /* it is not there, nor what is below it */
  VAS_CHANGE_REMOVE = 2,     /* it is not to be there, nor what is below it */
  VAS_CHANGE_REPLACE = 3,    /* it is something else: to be removed, and made */
  VAS_CHANGE_CONTENTS = 4,   /* of a regular file, which stays the same file; and its attributes */
  VAS_CHANGE_ATTRIBUTES = 5, /* mode, owner, extended attributes, times */
};

/* A file of the instance that is to be what it is below the snapshot's root. */
struct vas_change {
  uint32_t kind; /* enum vas_change_kind */
  uint32_t path; /* where in the table; NUL-terminated, counted from the root, which is an empty path */
};

enum vas_mend_kind {
  VAS_MEND_STORED = 0, /* the bytes at offset of the file */
  VAS_MEND_ZERO = 1,   /* zeros, as is what the file has there */
  VAS_MEND_MAPPED = 2, /* what the mapping's own file shows */
  VAS_MEND_GUARD = 3,  /* guard pages */
};

/* Pages of private mappings. Every page of every one is in some run. */
struct vas_mend_run {
  uint64_t start;
  uint64_t length; /* bytes */
  uint64_t offset;
  uint32_t file; /* the how manieth */
  uint32_t kind; /* enum vas_mend_kind */
};

/* The answer's body. When it failed, the stage says whether something was changed: then it is still paused. */
struct vas_mended {
  uint64_t pages;        /* written */
  uint64_t frozen_nanos; /* from the freeze that kept it, or its pause, until now */
  uint64_t stage_nanos[8];
  int64_t failed_result; /* of the program's operation that failed */
  uint32_t failed_step;
  uint32_t reserved;
};

/* ---- rollback: a freeze that goes on to a mend if the instance is found as it was known ---- */

struct vas_rollback {
  struct vas_freeze freeze; /* VAS_FREEZE_RECORD_ONLY | VAS_FREEZE_KEEP */
  struct vas_mend mend;
  uint32_t table;       /* which descriptor is the mend's table; its files follow */
  uint32_t first_known; /* where in the table the vas_known is */
};

/* The answer's body. */
struct vas_rolled_back {
  struct vas_frozen frozen;
  struct vas_mended mended;
  uint32_t was_known; /* 1: status and stage are the mend's; 0: they are the freeze's, which has kept it paused if it was done */
  uint32_t reserved;
};

/*
 * What is known of an instance: what its record says as long as nothing changes, entry by entry, and what is looked up besides.
 * Behind it entry_count times a vas_known_entry with its pieces, then fact_count times a vas_known_fact.
 */
struct vas_known {
  uint32_t length; /* of all, bytes */
  uint32_t entry_count;
  uint32_t fact_count;
  uint32_t reserved;
};

/* The next entry of the record has these, and a payload that its pieces match from begin to end. */
struct vas_known_entry {
  uint32_t type;
  int32_t pid;
  int32_t tid;
  uint32_t index;
  uint32_t piece_count;
  uint32_t reserved;
};

enum vas_known_kind {
  VAS_KNOWN_BYTES = 0, /* these: length bytes behind the piece, padded to a multiple of 8 */
  VAS_KNOWN_ANY = 1,   /* length bytes, whatever they are */
  VAS_KNOWN_WORD = 2,  /* all up to the next blank, end of line or the payload's end; length is 0 */
  VAS_KNOWN_LINES = 3, /* all up to the end of the length-th line from here */
  VAS_KNOWN_CLEAR = 4, /* a u64 that has none of the bits of the u64 behind the piece; length is 8 */
};

struct vas_known_piece {
  uint32_t kind; /* enum vas_known_kind */
  uint32_t length;
};

enum vas_known_fact_kind {
  VAS_KNOWN_FILE = 0, /* what lstat() says: device, inode, size and time of the last change */
  VAS_KNOWN_LINK = 1, /* what readlink() says */
};

/* Behind it the path, and of a link that is there its text; each of them NUL-terminated, both padded to a multiple of 8. */
struct vas_known_fact {
  uint32_t kind;   /* enum vas_known_fact_kind */
  uint32_t length; /* of what is behind it, bytes */
  uint32_t is_there;
  uint32_t ctime_nanos;
  uint64_t device; /* st_dev */
  uint64_t inode;
  uint64_t size;
  int64_t ctime_seconds;
};

/* ---- the plan: what to record ---- */

#define VAS_PLAN_MAGIC 0x314e414c50534156ULL /* "VASPLAN1" */

/* Offsets count from the plan's start. A list of names is NUL-terminated strings one after the other. */
struct vas_plan {
  uint64_t magic;
  uint32_t version;
  uint32_t length;
  uint32_t process_files_offset; /* below /proc/PID/ */
  uint32_t process_files_count;
  uint32_t task_files_offset; /* below /proc/PID/task/TID/ */
  uint32_t task_files_count;
  uint32_t process_links_offset; /* below /proc/PID/: exe, cwd, root, ns/... */
  uint32_t process_links_count;
  uint32_t process_program; /* offset, or 0: run in the first thread */
  uint32_t task_program;    /* run in every thread */
  uint32_t instance_program; /* run in the keeper, with the freeze's params */
  uint32_t descriptor_rules_offset;
  uint32_t descriptor_rules_count;
  uint32_t running_files_offset; /* below /proc/PID/: read before the freeze and after it */
  uint32_t running_files_count;
  uint32_t reserved;
  uint64_t shm_device;       /* st_dev of memfds and shared anonymous memory: their contents are copied */
  uint64_t region_device[2]; /* st_dev of the region mounts, huge and small */
};

/* For a descriptor whose link begins with the prefix, run the program in the keeper with slot 0 = a duplicate. */
struct vas_descriptor_rule {
  uint32_t prefix_offset;
  uint32_t program; /* offset */
};

/* ---- the record: what was found ---- */

enum vas_entry_type {
  VAS_ENTRY_PROCESS_FILE = 1, /* index: which name of the plan; payload: contents */
  VAS_ENTRY_TASK_FILE = 2,
  VAS_ENTRY_PROCESS_LINK = 3, /* payload: vas_file_status, target */
  VAS_ENTRY_REGISTERS = 4,    /* struct user_regs_struct */
  VAS_ENTRY_XSTATE = 5,
  VAS_ENTRY_SIGNAL_MASK = 6,    /* u64 */
  VAS_ENTRY_PENDING_TASK = 7,   /* siginfo_t[]; index: enum vas_pending */
  VAS_ENTRY_PENDING_SHARED = 8, /* siginfo_t[]; index: enum vas_pending */
  VAS_ENTRY_RSEQ = 9,           /* struct ptrace_rseq_configuration */
  VAS_ENTRY_PROCESS_PROGRAM = 10, /* the program as it is after it ran, from its results on */
  VAS_ENTRY_TASK_PROGRAM = 11,
  VAS_ENTRY_INSTANCE_PROGRAM = 12,
  VAS_ENTRY_DESCRIPTOR = 13,      /* index: number; payload: vas_descriptor, link */
  VAS_ENTRY_DESCRIPTOR_INFO = 14, /* index: number; payload: fdinfo */
  VAS_ENTRY_DESCRIPTOR_PROGRAM = 15,
  VAS_ENTRY_BYTES = 16,   /* of VAS_OP_RECORD_BYTES; index: number of the descriptor, or ~0 of the instance program */
  VAS_ENTRY_MESSAGE = 17, /* of VAS_OP_RECORD_MESSAGES; payload: vas_recorded_message, name, data */
  VAS_ENTRY_MAPPED_FILE = 18, /* payload: u64 start of a VMA that maps it, vas_file_status, path */
  VAS_ENTRY_PAGES = 19,       /* payload: vas_stored_pages, vas_run[] */
  VAS_ENTRY_OBJECT = 20,      /* contents of a file that lives with the instance; payload: vas_object, vas_run[] */
  VAS_ENTRY_FILE_BEFORE = 21, /* a running file; index: which name of the plan; payload: contents before the freeze */
  VAS_ENTRY_FILE_AFTER = 22,  /* and after it */
  VAS_ENTRY_CHANGE = 23,      /* of VAS_OP_COMPARE_ROOTS, in the order to make them; index: enum vas_change_kind; payload: path */
};

/* The result of VAS_OP_COMPARE_ROOTS. */
enum vas_roots {
  VAS_ROOTS_SAME = 0,
  VAS_ROOTS_DIFFER = 1, /* in the changes that are recorded */
  /* In something that no changes are told of. */
  VAS_ROOTS_LINKS = 2,  /* one file has several names */
  VAS_ROOTS_MOUNT = 3,  /* something is mounted there */
  VAS_ROOTS_SOCKET = 4, /* a socket's file is to be made, which would lead to no socket */
  VAS_ROOTS_FLAGS = 5,  /* a file may not be changed: chattr +i, +a */
  VAS_ROOTS_MUCH = 6,   /* more than is worth it */
};

/* Timers go on while the instance is frozen: what has come after the programs read them is told apart. */
enum vas_pending { VAS_PENDING_AT_CUT = 0, VAS_PENDING_AFTER_PROGRAMS = 1 };

struct vas_entry {
  uint32_t type;
  uint32_t length; /* of the payload; the next entry begins at the next multiple of 8 */
  int32_t pid;     /* as the keeper's /proc sees it; status has NSpid */
  int32_t tid;
  uint32_t index;
  uint32_t reserved;
};

struct vas_file_status {
  uint64_t device; /* st_dev as the C library encodes it */
  uint64_t inode;
  uint64_t size;
  int64_t ctime_seconds;
  uint32_t ctime_nanos;
  uint32_t mode;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint32_t reserved;
  uint64_t special_device; /* st_rdev */
};

struct vas_descriptor {
  struct vas_file_status status;
  uint32_t file;  /* descriptors of the same open file description have the same number */
  uint32_t flags; /* F_GETFL */
  uint32_t descriptor_flags; /* F_GETFD: FD_CLOEXEC; from fdinfo */
  uint32_t reserved;
  int64_t position; /* lseek(0, SEEK_CUR), or -errno */
};

struct vas_recorded_message {
  uint32_t name_length;
  uint32_t data_length;
  uint32_t flags;          /* msg_flags */
  uint32_t control_length; /* bytes of ancillary data, which is not recorded */
};

enum vas_region { VAS_REGION_HUGE = 0, VAS_REGION_SMALL = 1 };

/* Flags of stored pages. */
#define VAS_PAGES_REGION_BACKED 1u /* the VMA maps an older region: pages not listed are that region's */

/* Stored pages of one VMA: page at address a lies at offset + (a - start) of the region. */
struct vas_stored_pages {
  uint64_t start;
  uint64_t end;
  uint64_t offset;
  uint32_t region; /* enum vas_region */
  uint32_t flags;
  uint64_t backing_inode;  /* of a region-backed VMA: the region file's */
  uint64_t backing_offset; /* and where in it the VMA begins */
  uint32_t backing_region;
  uint32_t run_count;
};

/* In the low bits of a run's length: what the pages are instead of stored. */
#define VAS_RUN_ZERO 1u  /* zero now though the file underneath holds others */
#define VAS_RUN_GUARD 2u /* guard pages: MADV_GUARD_INSTALL */
#define VAS_RUN_SAME 4u  /* as they were at the base */

struct vas_run {
  uint64_t start;  /* address (pages) or offset in the object */
  uint64_t length; /* bytes; of pages also VAS_RUN_ bits */
};

struct vas_object {
  struct vas_file_status status;
  uint64_t offset; /* in the region: byte b of the object lies at offset + b */
  uint32_t region;
  uint32_t run_count;
};

#endif
