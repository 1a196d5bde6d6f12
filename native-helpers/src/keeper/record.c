/* The record of a freeze: typed entries one after the other in a memfd that the daemon reads afterwards. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RECORD_MAX (4UL << 30)
#define RECORD_STEP (4UL << 20)
#define RECORD_WARM (512UL << 10)    /* for what may come of an instance that is not known yet */
#define RECORD_RESERVE (16UL << 10) /* beyond what there was the last time */

int record_open(struct record *record, int fd, size_t last) {
  memset(record, 0, sizeof(*record));
  record->fd = fd;
  /* Address space for the largest record; the file grows under it. */
  record->base = mmap(NULL, RECORD_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (record->base == MAP_FAILED)
    return -errno;
  madvise(record->base, RECORD_MAX, MADV_DONTFORK);
  if (ftruncate(fd, RECORD_STEP) < 0)
    return -errno;
  record->size = RECORD_STEP;
  size_t warm = last == 0 ? RECORD_WARM : ALIGN_UP(last + last / 8 + RECORD_RESERVE, PAGE);
  madvise(record->base, warm < RECORD_STEP ? warm : RECORD_STEP, MADV_POPULATE_WRITE);
  return 0;
}

void record_close(struct record *record) {
  if (record->base != NULL && record->base != MAP_FAILED)
    munmap(record->base, RECORD_MAX);
  record->base = NULL;
}

void *record_room(struct record *record, size_t length) {
  if (record->error)
    return NULL;
  size_t end = record->length + length + 8;
  if (end > record->size) {
    size_t size = ALIGN_UP(end, RECORD_STEP);
    if (size > RECORD_MAX)
      record->error = -EFBIG;
    else if (ftruncate(record->fd, (off_t)size) < 0)
      record->error = -errno;
    if (record->error)
      return NULL;
    record->size = size;
  }
  return record->base + record->length;
}

void record_commit(struct record *record, size_t length) { record->length += length; }

void record_append(struct record *record, const void *data, size_t length) {
  void *room = record_room(record, length);
  if (room == NULL || length == 0)
    return;
  memcpy(room, data, length);
  record_commit(record, length);
}

void record_begin(struct record *record, uint32_t type, pid_t pid, pid_t tid, uint32_t index) {
  struct vas_entry entry = {.type = type, .pid = pid, .tid = tid, .index = index};
  record->entry = record->length;
  record_append(record, &entry, sizeof(entry));
}

void record_end(struct record *record) {
  if (record->error)
    return;
  struct vas_entry *entry = (struct vas_entry *)(record->base + record->entry);
  entry->length = (uint32_t)(record->length - record->entry - sizeof(*entry));
  while (record->length & 7)
    record->base[record->length++] = 0;
}

void record_entry(struct record *record, uint32_t type, pid_t pid, pid_t tid, uint32_t index, const void *data,
                  size_t length) {
  record_begin(record, type, pid, tid, index);
  record_append(record, data, length);
  record_end(record);
}

/* A file that is not there leaves an entry without payload. */
void record_file(struct record *record, uint32_t type, pid_t pid, pid_t tid, uint32_t index, int directory,
                 const char *name) {
  cleanup_close int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

  record_begin(record, type, pid, tid, index);
  while (fd >= 0) {
    void *room = record_room(record, 65536);
    if (room == NULL)
      break;
    ssize_t n = TEMP_FAILURE_RETRY(read(fd, room, 65536));
    if (n <= 0)
      break;
    record_commit(record, (size_t)n);
  }
  record_end(record);
}
