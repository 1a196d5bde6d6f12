#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t now_nanos(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

ssize_t read_file_at(int directory, const char *name, char **buffer, size_t *capacity) {
  cleanup_close int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
  size_t length = 0;

  if (fd < 0)
    return -errno;
  for (;;) {
    if (*capacity - length < 4096) {
      size_t grown = *capacity ? *capacity * 2 : 65536;
      char *moved = realloc(*buffer, grown);
      if (moved == NULL)
        return -ENOMEM;
      *buffer = moved;
      *capacity = grown;
    }
    ssize_t n = TEMP_FAILURE_RETRY(read(fd, *buffer + length, *capacity - length - 1));
    if (n < 0)
      return -errno;
    if (n == 0)
      break;
    length += (size_t)n;
  }
  (*buffer)[length] = 0;
  return (ssize_t)length;
}

ssize_t read_at(int fd, void *bytes, size_t length, uint64_t offset) {
  size_t done = 0;

  while (done < length) {
    ssize_t n = pread(fd, (uint8_t *)bytes + done, length - done, (off_t)(offset + done));
    if (n < 0)
      return -errno;
    if (n == 0)
      break;
    done += (size_t)n;
  }
  return (ssize_t)done;
}

int write_at(int fd, const void *bytes, size_t length, uint64_t offset) {
  for (size_t done = 0; done < length;) {
    ssize_t n = pwrite(fd, (const uint8_t *)bytes + done, length - done, (off_t)(offset + done));
    if (n <= 0)
      return n < 0 ? -errno : -EIO;
    done += (size_t)n;
  }
  return 0;
}

int text_number(const char *text, const char *key, int base, uint64_t *value) {
  size_t length = strlen(key);
  for (const char *line = text; line != NULL && *line; line = strchr(line, '\n')) {
    if (*line == '\n')
      line++;
    if (strncmp(line, key, length) == 0 && line[length] == ':') {
      *value = strtoull(line + length + 1, NULL, base);
      return 0;
    }
  }
  return -ENOENT;
}

int futex_wait_shared(uint32_t *word, uint32_t seen, uint64_t deadline_nanos) {
  struct timespec until = {.tv_sec = (time_t)(deadline_nanos / 1000000000u), .tv_nsec = (long)(deadline_nanos % 1000000000u)};
  /* FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time. */
  long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, &until, NULL, FUTEX_BITSET_MATCH_ANY);
  return result < 0 ? -errno : 0;
}

void futex_wake_shared(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0); }

void pause_before_retry(unsigned round) {
  if (round < 100) {
    sched_yield();
    return;
  }
  struct timespec pause = {.tv_nsec = round < 150 ? 20000 : 200000};
  nanosleep(&pause, NULL);
}

size_t processors(size_t most) {
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online < 1 ? 1 : (size_t)online < most ? (size_t)online : most;
}
