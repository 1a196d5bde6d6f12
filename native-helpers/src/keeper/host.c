/* Plans, and programs that the keeper interprets itself on descriptors of a frozen instance. */
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../executor/executor.h"

int plan_open(struct plan *plan, int fd) {
  struct stat status;

  memset(plan, 0, sizeof(*plan));
  if (fstat(fd, &status) < 0)
    return -errno;
  if ((size_t)status.st_size < sizeof(struct vas_plan))
    return -EBADMSG;
  plan->length = (size_t)status.st_size;
  plan->base = mmap(NULL, plan->length, PROT_READ, MAP_PRIVATE, fd, 0);
  if (plan->base == MAP_FAILED) {
    plan->base = NULL;
    return -errno;
  }
  plan->header = (const struct vas_plan *)plan->base;
  if (plan->header->magic != VAS_PLAN_MAGIC || plan->header->version != VAS_PROTOCOL_VERSION ||
      plan->header->length > plan->length)
    return -EBADMSG;
  return 0;
}

void plan_close(struct plan *plan) {
  if (plan->base != NULL)
    munmap((void *)(uintptr_t)plan->base, plan->length);
  plan->base = NULL;
}

const char *plan_string(const struct plan *plan, uint32_t offset) {
  return offset < plan->length ? (const char *)plan->base + offset : "";
}

const struct vas_program_header *plan_program(const struct plan *plan, uint32_t offset) {
  const struct vas_program_header *program = (const void *)(plan->base + offset);
  if (offset == 0 || offset + sizeof(*program) > plan->length)
    return NULL;
  if (program->magic != VAS_PROGRAM_MAGIC || program->version != VAS_PROGRAM_VERSION ||
      program->length > plan->length - offset)
    return NULL;
  return program;
}

int resolve_param(const struct vas_param *param, const struct param_source *source, int64_t *value) {
  extern uint64_t vdso_start, vdso_length;

  switch (param->kind) {
  case VAS_PARAM_IMMEDIATE:
    *value = (int64_t)param->value;
    return 0;
  case VAS_PARAM_VDSO_START:
    *value = (int64_t)vdso_start;
    return 0;
  case VAS_PARAM_VDSO_LENGTH:
    *value = (int64_t)vdso_length;
    return 0;
  case VAS_PARAM_HELD:
    *value = held_get(param->value);
    return *value < 0 ? (int)*value : 1;
  case VAS_PARAM_ATTACHED:
    if (param->value >= (uint64_t)source->attached_count)
      return -EINVAL;
    *value = source->attached[param->value];
    return 1;
  case VAS_PARAM_CONTROL:
    *value = source->control;
    return 1;
  case VAS_PARAM_KEPT:
    if (source->instance == NULL || param->value >= source->instance->kept_count)
      return -EINVAL;
    *value = source->instance->kept[param->value];
    return 1;
  case VAS_PARAM_PIDFD:
    if (source->instance == NULL)
      return -EINVAL;
    *value = source->instance->pidfd;
    return 1;
  default:
    return -EINVAL;
  }
}

static int resolve_params(const struct vas_param *params, uint32_t count, const struct param_source *source,
                          int64_t *results, uint32_t result_count) {
  for (uint32_t i = 0; i < count; i++) {
    if (params[i].slot >= result_count)
      return -EINVAL;
    int kind = resolve_param(&params[i], source, &results[params[i].slot]);
    if (kind < 0)
      return kind;
  }
  return 0;
}

struct hosting {
  struct record *record;
  pid_t pid;
  uint32_t index;
};

static long record_bytes(struct hosting *hosting, int fd, uint64_t most) {
  uint64_t total = 0;

  record_begin(hosting->record, VAS_ENTRY_BYTES, hosting->pid, 0, hosting->index);
  while (total < most) {
    size_t length = most - total < 65536 ? (size_t)(most - total) : 65536;
    void *room = record_room(hosting->record, length);
    if (room == NULL)
      break;
    ssize_t n = read(fd, room, length);
    if (n <= 0)
      break;
    record_commit(hosting->record, (size_t)n);
    total += (uint64_t)n;
  }
  record_end(hosting->record);
  return (long)total;
}

/* Whether a receive of nothing means that nothing will come. Otherwise it was a message without data. */
static bool is_at_end(int fd) {
  int type = 0;
  socklen_t length = sizeof(type);
  struct pollfd state = {.fd = fd, .events = POLLRDHUP};

  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
  return type == SOCK_STREAM || (poll(&state, 1, 0) == 1 && (state.revents & POLLRDHUP) != 0);
}

/* Messages are peeked at one by one with what SO_PEEK_OFF says, or taken where flags do not say MSG_PEEK. */
static long record_messages(struct hosting *hosting, int fd, int flags, uint64_t most) {
  enum { DATA_MAX = 1 << 20 };
  uint8_t name[256], control[4096];
  uint64_t count = 0;

  for (; count < most; count++) {
    record_begin(hosting->record, VAS_ENTRY_MESSAGE, hosting->pid, 0, hosting->index);
    size_t start = hosting->record->entry;
    struct vas_recorded_message head = {0};
    uint8_t *room = record_room(hosting->record, sizeof(head) + sizeof(name) + DATA_MAX);
    if (room == NULL)
      return -ENOMEM;
    struct iovec part = {room + sizeof(head) + sizeof(name), DATA_MAX};
    struct msghdr message = {.msg_name = name,
                             .msg_namelen = sizeof(name),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 || (n == 0 && is_at_end(fd))) {
      hosting->record->length = start; /* nothing: take the entry back */
      break;
    }
    head.data_length = (uint32_t)n;
    head.name_length = message.msg_namelen < sizeof(name) ? message.msg_namelen : sizeof(name);
    head.flags = (uint32_t)message.msg_flags;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
      head.control_length += (uint32_t)c->cmsg_len;
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        /* Peeking duplicated the descriptors in flight into this process. */
        size_t fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < fds; i++) {
          int passed;
          memcpy(&passed, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
          close(passed);
        }
      }
    }
    memcpy(room, &head, sizeof(head));
    memcpy(room + sizeof(head), name, head.name_length);
    memmove(room + sizeof(head) + head.name_length, part.iov_base, (size_t)n);
    record_commit(hosting->record, sizeof(head) + head.name_length + (size_t)n);
    record_end(hosting->record);
  }
  return (long)count;
}

static long hosted_operation(void *context, const struct vas_op *op, const uint64_t *args) {
  struct hosting *hosting = context;

  switch (op->code) {
  case VAS_OP_RECORD_BYTES:
    return record_bytes(hosting, (int)args[0], args[1]);
  case VAS_OP_RECORD_MESSAGES:
    return record_messages(hosting, (int)args[0], (int)args[1], args[2]);
  case VAS_OP_COPY_TREE:
    return copy_tree((int)args[0], (int)args[1]);
  case VAS_OP_COMPARE_TREES:
    return compare_trees((int)args[0], (int)args[1]);
  case VAS_OP_COMPARE_ROOTS:
    return compare_roots(hosting->record, hosting->pid, (int)args[0], (int)args[1], (int)args[2], (int)args[3]);
  default:
    return -ENOSYS;
  }
}

int run_hosted(const struct vas_program_header *program, const struct vas_param *params, uint32_t param_count,
               const struct param_source *source, int descriptor, struct record *record, uint32_t type, pid_t pid,
               uint32_t index) {
  struct hosting hosting = {.record = record, .pid = pid, .index = index};
  struct vas_executor_host host = {.operation = hosted_operation, .context = &hosting};
  struct vas_report report = {0};
  struct vas_program_header *copy = malloc(program->length);

  if (copy == NULL)
    return -ENOMEM;
  memcpy(copy, program, program->length);
  int64_t *results = (int64_t *)((uint8_t *)copy + copy->results_offset);
  if (descriptor >= 0 && copy->result_count > 0)
    results[0] = descriptor;
  int error = resolve_params(params, param_count, source, results, copy->result_count);
  if (error >= 0) {
    if (vas_execute(copy, &report, 0, &host) < 0)
      error = (int)(report.failed_result < 0 ? report.failed_result : -EIO);
    record_entry(record, type, pid, 0, index, (uint8_t *)copy + copy->results_offset,
                 copy->length - copy->results_offset);
  }
  free(copy);
  return error;
}
