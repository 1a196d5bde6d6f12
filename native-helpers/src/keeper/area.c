/*
 * An area of a stopped task's memory in which programs run: the executor's code, and behind it programs, reports and stacks.
 *
 * The task is made to map it, and it is shared with us. A fork has one already, which the executor that restored it has left
 * there. That one is not shared, but written and read: a task need not be stopped four times more to map one and unmap it.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Multiples of this are where things are placed. */
#define PLACES 64

static uint64_t code_length(void) { return ALIGN_UP(executor_length, PAGE); }

static int copy(const struct area *area, bool to_task, uint64_t offset, void *bytes, size_t length) {
  struct iovec local = {bytes, length}, remote = {(void *)(uintptr_t)(area->address + offset), length};
  ssize_t n = to_task ? process_vm_writev(area->pid, &local, 1, &remote, 1, 0)
                      : process_vm_readv(area->pid, &local, 1, &remote, 1, 0);
  return n < 0 ? -errno : (size_t)n == length ? 0 : -EFAULT;
}

struct address_range left_area(const struct instance *instance) {
  return instance->executed ? (struct address_range){0, 0}
                            : (struct address_range){instance->area_start, instance->area_end};
}

int syscall_instruction(const struct instance *instance, uint64_t *address) {
  *address = instance->executed ? 0 : instance->syscall_address;
  return *address != 0 ? 0 : find_syscall_instruction(instance->pid, address);
}

void look_for_exec(struct instance *instance) {
  static const uint8_t instruction[2] = {0x0f, 0x05};
  uint8_t found[sizeof(instruction)] = {0};
  struct iovec local = {found, sizeof(found)}, remote = {(void *)(uintptr_t)instance->syscall_address, sizeof(found)};

  if (instance->syscall_address == 0 || instance->executed)
    return;
  ssize_t n = process_vm_readv(instance->pid, &local, 1, &remote, 1, 0);
  instance->executed = n < 0 ? errno == EFAULT : memcmp(found, instruction, sizeof(found)) != 0;
}

/* Whether the executor is still where it was left, is the one that we have, and nobody runs in it any more. */
static bool use_left(struct area *area, const struct instance *instance, const struct task *task, uint64_t length) {
  const struct address_range left = left_area(instance);

  *area = (struct area){.pid = task->pid, .address = left.start, .length = length, .is_left = true};
  if (left.start == 0 || !instance->restored || length > left.end - PAGE /* the report */ - left.start)
    return false;
  area->bytes = calloc(1, length);
  if (area->bytes == NULL)
    return false;
  if (copy(area, false, 0, area->bytes, executor_length) == 0 && memcmp(area->bytes, executor_code, executor_length) == 0)
    return true;
  free(area->bytes);
  return false;
}

static int map(struct area *area, struct task *task, uint64_t instruction, uint64_t at, uint64_t length) {
  uint64_t flags = MAP_SHARED | MAP_ANONYMOUS | (at != 0 ? MAP_FIXED_NOREPLACE : 0);
  uint64_t args[6] = {at, length, PROT_READ | PROT_WRITE | PROT_EXEC, flags, (uint64_t)-1, 0};
  long address;
  char name[80];
  int error = task_syscall(task, instruction, SYS_mmap, args, &address);

  *area = (struct area){.pid = task->pid, .length = length};
  if (error >= 0 && address == -EACCES) {
    /* PR_SET_MDWE: nothing may be writable and executable, but what is executable may become writable instead. */
    args[2] = PROT_READ | PROT_EXEC;
    error = task_syscall(task, instruction, SYS_mmap, args, &address);
    if (error >= 0 && !(address < 0 && address >= -4095)) {
      const uint64_t rest[6] = {(uint64_t)address + code_length(), length - code_length(), PROT_READ | PROT_WRITE};
      long result;
      area->address = (uint64_t)address;
      error = task_syscall(task, instruction, SYS_mprotect, rest, &result);
      if (error >= 0 && result < 0)
        return (int)result;
    }
  }
  if (error < 0)
    return error;
  if (address < 0 && address >= -4095)
    return (int)address;
  area->address = (uint64_t)address;
  uint64_t end = area->address + (args[2] & PROT_WRITE ? length : code_length());
  snprintf(name, sizeof(name), "%d/map_files/%lx-%lx", task->pid, area->address, end);
  cleanup_close int fd = openat(proc_directory, name, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  area->bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (area->bytes == MAP_FAILED) {
    area->bytes = NULL;
    return -errno;
  }
  madvise(area->bytes, length, MADV_DONTFORK);
  memcpy(area->bytes, executor_code, executor_length);
  return 0;
}

int area_open(struct area *area, const struct instance *instance, struct task *task, uint64_t instruction, uint64_t at,
              uint64_t room) {
  uint64_t length = ALIGN_UP(code_length() + room, PAGE);
  int error = at == 0 && use_left(area, instance, task, length) ? 0 : map(area, task, instruction, at, length);

  area->used = (uint32_t)code_length();
  return error;
}

uint64_t area_room(size_t length) { return ALIGN_UP(length, PLACES); }

uint32_t area_place(struct area *area, const void *what, size_t length) {
  uint32_t at = area->used;

  if (what != NULL)
    memcpy(area->bytes + at, what, length);
  area->used += (uint32_t)area_room(length);
  return at;
}

int area_write(const struct area *area) {
  return area->is_left ? copy(area, true, code_length(), area->bytes + code_length(), area->used - code_length()) : 0;
}

int area_read(const struct area *area) {
  return area->is_left ? copy(area, false, code_length(), area->bytes + code_length(), area->used - code_length()) : 0;
}

uint32_t area_load(const struct area *area, uint32_t offset) {
  uint32_t value = 0;

  if (!area->is_left)
    return __atomic_load_n((const uint32_t *)(const void *)(area->bytes + offset), __ATOMIC_ACQUIRE);
  copy(area, false, offset, &value, sizeof(value)); /* of a task that has gone: 0 */
  return value;
}

void area_close(struct area *area, struct task *task, uint64_t instruction) {
  if (area->is_left) {
    free(area->bytes);
  } else {
    if (area->bytes != NULL)
      munmap(area->bytes, area->length);
    if (area->address != 0 && !task->gone) {
      const uint64_t args[6] = {area->address, area->length};
      long result;
      if (!task->stopped)
        interrupt_task(task, now_nanos() + 1000000000u);
      if (task_syscall(task, instruction, SYS_munmap, args, &result) >= 0)
        task->stopped = true;
    }
  }
  *area = (struct area){0};
}
