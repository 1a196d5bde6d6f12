/*
 * A rollback in place: a paused instance's tasks, as they are, get back what a snapshot says.
 *
 * What has to be done was found out before, and is in a table: the tasks that are not to be there, which end first; the files
 * that have changed; a program of system calls that mends mappings, descriptors and the like, run in the first thread; what every
 * page of every private mapping is to be; each thread's registers. Here the pages that differ are found and written.
 *
 * Which differ: the table says where each page's bytes lie (file and offset). A page that a mapping takes from there itself is
 * right as long as it is not the process's own. All others are compared, or written.
 */
#include "keeper.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX (VAS_MESSAGE_FDS_MAX - 1)
#define IOVS 64 /* written by one call */
#define WRITE_MAX (64UL << 10)
#define GATHERED_MAX 16384
#define GATHERED_FIRST 256
#define WRITERS_MAX 16
#define WRITER_PAGES 1024 /* as many take a thread longer than it takes to start one */
#define CHUNK (256UL << 10) /* compared at once, in the second-level cache */
#define HALF_CHUNK (CHUNK / 2)
#define END_LIMIT 2000000000u /* ns; a killed process that does not end by then is stuck in the kernel */

struct file {
  int fd;
  uint64_t device, inode;
  const uint8_t *map;
  uint64_t size;
};

struct mend {
  struct instance *instance;
  struct freezing freezing;
  const struct mend_order *order;
  const struct vas_mend *request;
  const uint8_t *table;
  size_t table_length;
  const struct vas_mend_run *runs;
  const struct vas_mend_end *ends;
  struct file files[FILES_MAX];
  struct vas_mended result;
  uint32_t stage;
  uint64_t stage_start;
  struct task *leader;
  uint64_t instruction; /* a system call instruction of the process */
  int root, wanted_root; /* directories: the instance's, and the one that the snapshot's forks begin with */
  int pagemap, memory;
  uint8_t *buffer; /* CHUNK bytes */
  /* Writes that are gathered until they are worth a call, or a thread: GATHERED_MAX at most. */
  struct iovec *local, *remote;
  size_t count, capacity;
};

static int enter(struct mend *mend, uint32_t stage) {
  uint64_t now = now_nanos();
  mend->result.stage_nanos[mend->stage] += now - mend->stage_start;
  mend->stage = stage;
  mend->stage_start = now;
  return mend->request->fault_stage == stage ? -EIO : 0;
}

/* ---- before the commit point ---- */

static int open_roots(struct mend *mend, const struct mend_order *order) {
  const struct vas_mend *request = mend->request;
  const struct instance *instance = mend->instance;

  if (request->first_change + (uint64_t)request->change_count * sizeof(struct vas_change) > mend->table_length ||
      request->root >= instance->kept_count)
    return -EBADMSG;
  const struct vas_change *changes = (const void *)(mend->table + request->first_change);
  for (uint32_t i = 0; i < request->change_count; i++)
    if (changes[i].path >= mend->table_length ||
        memchr(mend->table + changes[i].path, 0, mend->table_length - changes[i].path) == NULL)
      return -EBADMSG;
  mend->root = instance->kept[request->root];
  mend->wanted_root = order->fds[1 + request->file_count];
  return 0;
}

static int open_table(struct mend *mend, const struct mend_order *order) {
  const struct vas_mend *request = mend->request;
  struct stat status;

  if (order->fd_count < 1 || request->file_count > FILES_MAX ||
      (int)request->file_count + (request->change_count > 0) != order->fd_count - 1 || fstat(order->fds[0], &status) < 0)
    return -EBADMSG;
  mend->table_length = (size_t)status.st_size;
  mend->table = mmap(NULL, mend->table_length, PROT_READ, MAP_PRIVATE, order->fds[0], 0);
  if (mend->table == MAP_FAILED) {
    mend->table = NULL;
    return -errno;
  }
  uint64_t ends_end = request->first_end + (uint64_t)request->end_count * sizeof(struct vas_mend_end);
  uint64_t runs_end = request->first_run + (uint64_t)request->run_count * sizeof(struct vas_mend_run);
  if (runs_end > mend->table_length || ends_end > mend->table_length || request->first_task > mend->table_length ||
      request->program_offset + sizeof(struct vas_program_header) > mend->table_length)
    return -EBADMSG;
  if (request->change_count > 0) {
    int error = open_roots(mend, order);
    if (error < 0)
      return error;
  }
  mend->runs = (const void *)(mend->table + request->first_run);
  mend->ends = (const void *)(mend->table + request->first_end);
  for (uint32_t i = 0; i < request->file_count; i++) {
    struct file *file = &mend->files[i];
    file->fd = order->fds[1 + i];
    if (fstat(file->fd, &status) < 0)
      return -errno;
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->size = (uint64_t)status.st_size;
  }
  return 0;
}

static const struct vas_mend_task *next_task(const struct vas_mend_task *task) {
  return (const void *)((const uint8_t *)(task + 1) + task->xstate_length);
}

static struct task *find(struct mend *mend, pid_t tid) {
  for (size_t i = 0; i < mend->freezing.count; i++)
    if (mend->freezing.tasks[i].tid == tid && !mend->freezing.tasks[i].gone)
      return &mend->freezing.tasks[i];
  return NULL;
}

/* Whether a task is not to be there, and how it ends. */
static bool is_to_end(const struct mend *mend, const struct task *task, uint32_t kind) {
  for (uint32_t i = 0; i < mend->request->end_count; i++)
    if (mend->ends[i].kind == kind && mend->ends[i].tid == (kind == VAS_MEND_KILL ? task->pid : task->tid))
      return !task->gone && !task->visitor;
  return false;
}

/* The tasks of the table are those that there are, but for those that are to end. */
static int check_tasks(struct mend *mend) {
  const struct vas_mend_task *wanted = (const void *)(mend->table + mend->request->first_task);
  uint32_t there = 0;

  for (uint32_t i = 0; i < mend->request->task_count; i++, wanted = next_task(wanted)) {
    const uint8_t *end = (const uint8_t *)(wanted + 1);
    if (end > mend->table + mend->table_length || wanted->xstate_length > mend->table_length - (size_t)(end - mend->table))
      return -EBADMSG;
    if (find(mend, wanted->tid) == NULL)
      return -ESTALE;
  }
  for (size_t i = 0; i < mend->freezing.count; i++) {
    const struct task *task = &mend->freezing.tasks[i];
    there += !task->gone && !task->visitor && !is_to_end(mend, task, VAS_MEND_EXIT) && !is_to_end(mend, task, VAS_MEND_KILL);
  }
  return there == mend->request->task_count ? 0 : -ESTALE;
}

static int check(struct mend *mend, const struct mend_order *order) {
  struct instance *instance = mend->instance;
  char name[32];
  int error;

  if (!instance->paused || instance->yielded)
    return -EALREADY;
  /* Nobody takes it away any more, not even a deadline: this does not wait for anybody. */
  error = freeze_instance(instance, &mend->freezing);
  mend->freezing.deadline_nanos = now_nanos() + 60000000000u;
  if (error < 0 || (error = open_table(mend, order)) < 0 || (error = check_tasks(mend)) < 0)
    return error;
  mend->leader = find(mend, instance->pid);
  if (mend->leader == NULL)
    return -ESRCH;
  if ((error = syscall_instruction(instance, &mend->instruction)) < 0)
    return error;
  snprintf(name, sizeof(name), "%d/pagemap", instance->pid);
  mend->pagemap = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/mem", instance->pid);
  mend->memory = openat(proc_directory, name, O_RDWR | O_CLOEXEC);
  mend->buffer = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mend->pagemap < 0 || mend->memory < 0 || mend->buffer == MAP_FAILED) {
    mend->buffer = mend->buffer == MAP_FAILED ? NULL : mend->buffer;
    return -errno;
  }
  madvise(mend->buffer, CHUNK, MADV_DONTFORK);
  for (size_t i = 0; i < mend->freezing.count; i++) {
    struct task *task = &mend->freezing.tasks[i];
    /* Whoever is to be killed may have been by somebody else. */
    if (!task->gone && !is_to_end(mend, task, VAS_MEND_KILL) && (error = fetch_registers(task)) < 0)
      return error;
  }
  return 0;
}

/* ---- pages ---- */

static const uint8_t zeros[PAGE];

/* One private mapping, and what of it has been looked at. */
struct range {
  struct mend *mend;
  const struct vma *vma;
  bool backed;   /* it maps a region */
  int backing;   /* descriptor of that, or -1 as long as nobody needed it */
  uint32_t file; /* the table's file that it maps, or ~0 */
  uint32_t run;  /* the table's run that the next page is in */
  uint64_t at;
};

/* What several threads write, some of it after the other. */
struct writing {
  const struct mend *mend;
  size_t next; /* the first that nobody has taken yet */
  int error;   /* the first one */
};

/* Pages that are not writable for the process itself. */
static int write_by_force(const struct mend *mend, size_t from, size_t to) {
  int error = 0;

  for (size_t i = from; i < to && error >= 0; i++)
    error = write_at(mend->memory, mend->local[i].iov_base, mend->local[i].iov_len, (uintptr_t)mend->remote[i].iov_base);
  return error;
}

static int write_some(const struct mend *mend, size_t from, size_t to) {
  uint64_t bytes = 0;

  for (size_t i = from; i < to; i++)
    bytes += mend->local[i].iov_len;
  ssize_t n = process_vm_writev(mend->instance->pid, mend->local + from, to - from, mend->remote + from, to - from, 0);
  if (n >= 0 && (uint64_t)n == bytes)
    return 0;
  return n < 0 && errno != EFAULT ? -errno : write_by_force(mend, from, to);
}

static void *write_on(void *argument) {
  struct writing *writing = argument;
  size_t count = writing->mend->count, from;
  int none = 0;

  while ((from = __atomic_fetch_add(&writing->next, IOVS, __ATOMIC_RELAXED)) < count) {
    int error = write_some(writing->mend, from, from + IOVS < count ? from + IOVS : count);
    if (error < 0)
      __atomic_compare_exchange_n(&writing->error, &none, error, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  }
  return NULL;
}

static int flush(struct mend *mend) {
  struct writing writing = {.mend = mend};
  pthread_t writers[WRITERS_MAX];
  uint64_t pages = 0;
  size_t started = 0;

  for (size_t i = 0; i < mend->count; i++)
    pages += mend->local[i].iov_len / PAGE;
  size_t wanted = pages < 2 * WRITER_PAGES ? 0 : processors(pages / WRITER_PAGES) - 1;
  while (started < wanted && started < WRITERS_MAX && pthread_create(&writers[started], NULL, write_on, &writing) == 0)
    started++;
  write_on(&writing);
  for (size_t i = 0; i < started; i++)
    pthread_join(writers[i], NULL);
  mend->result.pages += pages;
  mend->count = 0;
  return writing.error;
}

/* Room for another write. */
static int make_room(struct mend *mend) {
  if (mend->count == GATHERED_MAX)
    return flush(mend);
  if (mend->count < mend->capacity)
    return 0;
  size_t capacity = mend->capacity == 0 ? GATHERED_FIRST : mend->capacity * 4;
  struct iovec *local = realloc(mend->local, capacity * sizeof(*local));
  mend->local = local != NULL ? local : mend->local;
  struct iovec *remote = realloc(mend->remote, capacity * sizeof(*remote));
  mend->remote = remote != NULL ? remote : mend->remote;
  if (local == NULL || remote == NULL)
    return -ENOMEM;
  mend->capacity = capacity;
  return 0;
}

/* Bytes of a file or zeros, as one page after the other. The bytes must stay until they are written. */
static int write_pages(struct mend *mend, uint64_t start, const uint8_t *bytes, uint64_t length) {
  for (uint64_t done = 0; done < length;) {
    uint64_t most = bytes == NULL ? PAGE : WRITE_MAX, piece = length - done < most ? length - done : most;
    int error = make_room(mend);
    if (error < 0)
      return error;
    mend->local[mend->count] = (struct iovec){(void *)(uintptr_t)(bytes == NULL ? zeros : bytes + done), piece};
    mend->remote[mend->count++] = (struct iovec){(void *)(uintptr_t)(start + done), piece};
    done += piece;
  }
  return 0;
}

/* Compares what is in the buffer with what is wanted, and writes the pages that differ. */
static int write_different(struct mend *mend, uint64_t start, const uint8_t *bytes, uint64_t length) {
  for (uint64_t done = 0; done < length; done += PAGE) {
    const uint8_t *wanted = bytes == NULL ? zeros : bytes + done;
    if (memcmp(mend->buffer + done, wanted, PAGE) != 0) {
      int error = write_pages(mend, start + done, wanted, PAGE);
      if (error < 0)
        return error;
    }
  }
  return 0;
}

static int compare_own(struct range *range, uint64_t start, const uint8_t *bytes, uint64_t length) {
  struct mend *mend = range->mend;

  for (uint64_t done = 0; done < length; done += CHUNK) {
    uint64_t piece = length - done < CHUNK ? length - done : CHUNK;
    struct iovec local = {mend->buffer, piece}, remote = {(void *)(uintptr_t)(start + done), piece};
    ssize_t n = range->vma->readable ? process_vm_readv(mend->instance->pid, &local, 1, &remote, 1, 0)
                                     : pread(mend->memory, mend->buffer, piece, (off_t)(start + done));
    if (n < 0 || (uint64_t)n != piece)
      return n < 0 ? -errno : -EIO;
    int error = write_different(mend, start + done, bytes == NULL ? NULL : bytes + done, piece);
    if (error < 0)
      return error;
  }
  return 0;
}

static int open_backing(struct range *range) {
  char name[80];

  if (range->backing < 0) {
    snprintf(name, sizeof(name), "%d/map_files/%lx-%lx", range->mend->instance->pid, range->vma->start, range->vma->end);
    range->backing = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  }
  return range->backing < 0 ? -errno : 0;
}

/* Pages that show another region's bytes. Holes of it are held by the guard: they are given zeros before they are written. */
static int compare_backed(struct range *range, uint64_t start, const uint8_t *bytes, uint64_t length) {
  struct mend *mend = range->mend;
  int flushed = flush(mend);

  if (flushed < 0 || (flushed = open_backing(range)) < 0)
    return flushed;
  /* Fewer pages than are written at once: none of them is written before its hole is known. */
  for (uint64_t done = 0; done < length; done += HALF_CHUNK) {
    uint64_t piece = length - done < HALF_CHUNK ? length - done : HALF_CHUNK;
    uint64_t offset = range->vma->offset + (start + done - range->vma->start);
    ssize_t n = pread(range->backing, mend->buffer, piece, (off_t)offset);
    if (n < 0)
      return -errno;
    memset(mend->buffer + n, 0, piece - (uint64_t)n);
    int error = write_different(mend, start + done, bytes == NULL ? NULL : bytes + done, piece);
    if (error < 0)
      return error;
    for (size_t i = 0; i < mend->count; i++) {
      uint64_t at = (uintptr_t)mend->remote[i].iov_base;
      uint64_t from = range->vma->offset + (at - range->vma->start);
      off_t data = lseek(range->backing, (off_t)from, SEEK_DATA);
      if ((data < 0 || (uint64_t)data >= from + PAGE) &&
          (error = guard_fill(mend->instance, mend->instance->pid, at, at + PAGE)) < 0)
        return error;
    }
    if ((error = flush(mend)) < 0)
      return error;
  }
  return 0;
}

/* The bytes of a file, which is mapped when the first are asked for: a chain of snapshots has many, of which few are. */
static int file_bytes(struct file *file, uint64_t offset, const uint8_t **bytes) {
  if (file->map == NULL) {
    void *map = mmap(NULL, file->size, PROT_READ, MAP_SHARED | MAP_NORESERVE, file->fd, 0);
    if (map == MAP_FAILED)
      return -errno;
    file->map = map;
    madvise(map, file->size, MADV_DONTFORK);
  }
  *bytes = file->map + offset;
  return 0;
}

/* A page that the process has of its own where the mapping's file is to show. */
static int zap(struct mend *mend, uint64_t start, uint64_t end) {
  const uint64_t args[6] = {start, end - start, MADV_DONTNEED};
  long result;
  int error = flush(mend);

  if (error >= 0)
    error = task_syscall(mend->leader, mend->instruction, SYS_madvise, args, &result);
  if (error >= 0)
    mend->result.pages += (end - start) / PAGE;
  return error < 0 ? error : (int)result;
}

/* From one address to another the pages are of one kind, in the process and in the table. */
static int mend_piece(struct range *range, const struct vas_mend_run *run, uint64_t start, uint64_t end, bool own,
                      enum page_kind kind) {
  struct mend *mend = range->mend;
  uint64_t offset = run->offset + (start - run->start);
  /* A run without a file and a mapping of a file that is not in the table have no number in common. */
  bool in_place = run->file < mend->request->file_count && range->file == run->file &&
                  range->vma->offset + (start - range->vma->start) == offset;
  const uint8_t *bytes = NULL;
  int error;

  if ((own && kind == PAGE_GUARD) != (run->kind == VAS_MEND_GUARD))
    return -ESTALE;
  switch (run->kind) {
  case VAS_MEND_GUARD:
    return 0;
  case VAS_MEND_MAPPED:
    if (range->backed)
      return -ESTALE;
    return own ? zap(mend, start, end) : 0;
  case VAS_MEND_STORED:
    if (run->file >= mend->request->file_count || offset + (end - start) > mend->files[run->file].size)
      return -EBADMSG;
    break;
  default:
    if (own && kind == PAGE_ZERO)
      return 0;
    break;
  }
  if (!own && in_place)
    return 0;
  if (run->kind == VAS_MEND_STORED && (error = file_bytes(&mend->files[run->file], offset, &bytes)) < 0)
    return error;
  if (!own) {
    if (range->backed)
      return compare_backed(range, start, bytes, end - start);
    return bytes == NULL && range->vma->inode == 0 ? 0 : write_pages(mend, start, bytes, end - start);
  }
  return in_place && bytes != NULL ? write_pages(mend, start, bytes, end - start)
                                   : compare_own(range, start, bytes, end - start);
}

static int mend_until(struct range *range, uint64_t end, bool own, enum page_kind kind) {
  struct mend *mend = range->mend;

  while (range->at < end) {
    while (range->run < mend->request->run_count &&
           mend->runs[range->run].start + mend->runs[range->run].length <= range->at)
      range->run++;
    if (range->run == mend->request->run_count || mend->runs[range->run].start > range->at)
      return -ESTALE; /* the mapping is not the snapshot's */
    const struct vas_mend_run *run = &mend->runs[range->run];
    uint64_t until = run->start + run->length < end ? run->start + run->length : end;
    int error = mend_piece(range, run, range->at, until, own, kind);
    if (error < 0)
      return error;
    range->at = until;
  }
  return 0;
}

static int mend_own(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  struct range *range = context;
  int error = mend_until(range, start, false, PAGE_DATA);
  return error < 0 ? error : mend_until(range, end, true, kind);
}

static int mend_vma(struct mend *mend, const struct vma *vma, uint32_t *run) {
  struct range range = {.mend = mend, .vma = vma, .backing = -1, .file = ~0u, .run = *run, .at = vma->start};
  const uint64_t *regions = mend->instance->region_device;

  range.backed = vma->inode != 0 && (vma->device == regions[0] || vma->device == regions[1]);
  if (range.backed)
    for (uint32_t i = 0; i < mend->request->file_count; i++)
      if (mend->files[i].inode == vma->inode && mend->files[i].device == vma->device)
        range.file = i;
  int error = scan_pages(mend->pagemap, vma, vma->start, vma->end, mend_own, &range);
  if (error >= 0)
    error = mend_until(&range, vma->end, false, PAGE_DATA);
  *run = range.run;
  close_fd(&range.backing);
  return error;
}

static int mend_vmas(struct mend *mend, const struct vma *vmas, size_t count) {
  const struct address_range left = left_area(mend->instance);
  uint32_t run = 0;
  int error = 0;

  for (size_t i = 0; i < count && error >= 0; i++) {
    bool executors = vmas[i].start < left.end && vmas[i].end > left.start;
    if (!vmas[i].special && !vmas[i].shared && !executors)
      error = mend_vma(mend, &vmas[i], &run);
  }
  if (error >= 0)
    error = flush(mend);
  mend->count = 0;
  return error;
}

static int mend_pages(struct mend *mend) {
  struct vma *vmas = NULL;

  if (mend->order->vmas != NULL && mend->request->program_offset == 0 && mend->request->end_count == 0)
    return mend_vmas(mend, mend->order->vmas, mend->order->vma_count);
  ssize_t count = read_vmas(mend->instance->pid, &vmas);
  int error = count < 0 ? (int)count : mend_vmas(mend, vmas, (size_t)count);
  free(vmas);
  return error;
}

/* ---- tasks ---- */

static int mend_tasks(struct mend *mend) {
  const struct vas_mend_task *wanted = (const void *)(mend->table + mend->request->first_task);

  for (uint32_t i = 0; i < mend->request->task_count; i++, wanted = next_task(wanted)) {
    struct task *task = find(mend, wanted->tid);
    struct iovec xstate = {(void *)(uintptr_t)(wanted + 1), wanted->xstate_length};
    if (task == NULL)
      return -ESRCH;
    if (syscall(SYS_ptrace, PTRACE_SETREGSET, task->tid, NT_X86_XSTATE, &xstate) < 0)
      return -errno;
    memcpy(&task->registers, wanted->registers, sizeof(task->registers));
    task->registers.orig_rax = (unsigned long)-1; /* it is in no system call */
    task->mask = wanted->mask;
    task->registers_known = task->registers_changed = task->mask_changed = true;
  }
  return 0;
}

/*
 * A thread that ends would write to memory, by its robust list and clear_child_tid, and might wait at a page for the guard,
 * which is served by nobody while we wait. So the kernel is to forget both: it writes nothing, and wakes nobody.
 */
static int end_thread(struct mend *mend, struct task *task) {
  static const struct {
    long number;
    uint64_t args[6];
  } calls[] = {{SYS_set_robust_list, {0, 24 /* struct robust_list_head */}}, {SYS_set_tid_address, {0}}, {SYS_exit, {0}}};

  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
    long result = 0;
    int error = task_syscall(task, mend->instruction, calls[i].number, calls[i].args, &result);
    if (error < 0 || result < 0)
      return task->gone && calls[i].number == SYS_exit ? 0 : error < 0 ? error : (int)result;
  }
  return -EPROTO;
}

/* Processes first: some may share the memory, or be waited for in the kernel. When this returns, all have been heard of. */
static int end_tasks(struct mend *mend) {
  struct freezing *freezing = &mend->freezing;
  int error = 0;

  for (size_t i = 0; i < freezing->count && error >= 0; i++)
    if (is_to_end(mend, &freezing->tasks[i], VAS_MEND_KILL))
      error = kill_stopped(freezing, freezing->tasks[i].pid);
  if (error >= 0)
    error = hear_of_ends(freezing, now_nanos() + END_LIMIT);
  for (size_t i = 0; i < freezing->count && error >= 0; i++)
    if (is_to_end(mend, &freezing->tasks[i], VAS_MEND_EXIT))
      error = end_thread(mend, &freezing->tasks[i]);
  return error;
}

/* ---- the whole ---- */

static int mend_files(struct mend *mend) {
  const char *failed = "";
  int error = mend_tree(mend->root, mend->wanted_root, mend->table, mend->request->first_change, mend->request->change_count,
                        &failed);

  if (error < 0)
    dprintf(STDERR_FILENO, "instance %lu: /%s could not be put back: %s\n", mend->instance->id, failed, strerror(-error));
  return error;
}

static int apply(struct mend *mend) {
  int error;

  /*
   * The commit point of a rollback in place. Before it nothing has been changed, and the instance goes on as it was. From here
   * on a failure leaves it neither what it was nor what it is to be: it stays paused, and the daemon rolls it forward, by
   * putting a fork of the snapshot in its place.
   */
  if ((error = enter(mend, VAS_MEND_PROGRAM)) < 0 || (error = end_tasks(mend)) < 0)
    return error;
  /* Those that have ended use no file any more; the program opens files again. */
  if (mend->request->change_count > 0 && ((error = enter(mend, VAS_MEND_FILES)) < 0 || (error = mend_files(mend)) < 0 ||
                                          (error = enter(mend, VAS_MEND_PROGRAM)) < 0))
    return error;
  if (mend->request->program_offset != 0) {
    struct vas_report report = {0};
    error = run_in_task(mend->instance, &mend->freezing, mend->leader,
                        (const void *)(mend->table + mend->request->program_offset), mend->request->area, &report);
    mend->result.failed_step = report.failed_step;
    mend->result.failed_result = report.failed_result;
    if (error < 0)
      return error;
  }
  if ((error = enter(mend, VAS_MEND_PAGES)) < 0 || (error = mend_pages(mend)) < 0)
    return error;
  if ((error = enter(mend, VAS_MEND_TASKS)) < 0 || (error = mend_tasks(mend)) < 0)
    return error;
  return 0;
}

void mend_do(struct instance *instance, const struct mend_order *order,
             void (*tell)(void *context, int error, uint32_t stage, const struct vas_mended *result), void *context) {
  struct mend mend = {.instance = instance,
                      .order = order,
                      .request = order->request,
                      .stage_start = now_nanos(),
                      .pagemap = -1,
                      .memory = -1};
  bool goes_on = false;
  int fault = enter(&mend, VAS_MEND_CHECK);
  int error = check(&mend, order);

  if (error >= 0)
    error = fault;
  if (error >= 0)
    error = apply(&mend);
  uint32_t stage = mend.stage;
  enter(&mend, 0);
  if (mend.freezing.tasks != NULL) {
    thaw_instance(instance, &mend.freezing); /* it is paused: this only puts registers */
    goes_on = !order->request->stays && (error >= 0 || stage == VAS_MEND_CHECK);
    instance->broken = error < 0 && stage != VAS_MEND_CHECK;
  }
  mend.result.frozen_nanos = now_nanos() - instance->held_since;
  if (goes_on)
    resume_instance(instance);
  else if (mend.freezing.tasks != NULL)
    keep_paused(instance, 0);
  tell(context, error < 0 ? error : 0, error < 0 ? stage : 0, &mend.result);
  for (uint32_t i = 0; i < mend.request->file_count && i < FILES_MAX; i++)
    if (mend.files[i].map != NULL)
      munmap((void *)(uintptr_t)mend.files[i].map, mend.files[i].size);
  if (mend.table != NULL)
    munmap((void *)(uintptr_t)mend.table, mend.table_length);
  if (mend.buffer != NULL)
    munmap(mend.buffer, CHUNK);
  free(mend.local);
  free(mend.remote);
  close_fd(&mend.pagemap);
  close_fd(&mend.memory);
}

static void tell_mended(void *context, int error, uint32_t stage, const struct vas_mended *result) {
  const struct freeze_job *job = context;

  answer(&job->header, error, stage, result, sizeof(*result), -1);
}

void mend_run(struct instance *instance, struct freeze_job *job) {
  const struct mend_order order = {.request = &job->mend, .fds = job->fds, .fd_count = job->fd_count};

  mend_do(instance, &order, tell_mended, job);
  freeze_job_free(job);
}
