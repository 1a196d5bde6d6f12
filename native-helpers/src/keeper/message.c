#include "keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t connection_lock = PTHREAD_MUTEX_INITIALIZER;
static int connection = -1;

int receive_request(int socket, struct request *request) {
  union {
    char bytes[CMSG_SPACE(sizeof(int) * VAS_MESSAGE_FDS_MAX)];
    struct cmsghdr align;
  } control;
  struct iovec parts[2] = {{&request->header, sizeof(request->header)}, {request->body, sizeof(request->body)}};
  struct msghdr message = {
      .msg_iov = parts, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};

  request->fd_count = 0;
  ssize_t n = TEMP_FAILURE_RETRY(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
  if (n < 0)
    return -errno;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    int count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(request->fds, CMSG_DATA(c), (size_t)count * sizeof(int));
    request->fd_count = count;
  }
  if (n == 0)
    return 0;
  if ((size_t)n < sizeof(request->header) || request->header.length != (size_t)n ||
      (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
    close_request_fds(request);
    return -EBADMSG;
  }
  request->body_length = (size_t)n - sizeof(request->header);
  return 1;
}

void close_request_fds(struct request *request) {
  for (int i = 0; i < request->fd_count; i++)
    close_fd(&request->fds[i]);
  request->fd_count = 0;
}

void set_connection(int socket) {
  pthread_mutex_lock(&connection_lock);
  connection = socket;
  pthread_mutex_unlock(&connection_lock);
}

static void send_message(const struct vas_message *header, const void *body, size_t length, int fd) {
  struct iovec parts[2] = {{(void *)(uintptr_t)header, sizeof(*header)}, {(void *)(uintptr_t)body, length}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = length ? 2 : 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;

  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
  }
  pthread_mutex_lock(&connection_lock);
  if (connection >= 0)
    TEMP_FAILURE_RETRY(sendmsg(connection, &message, MSG_NOSIGNAL));
  pthread_mutex_unlock(&connection_lock);
}

void answer(const struct vas_message *to, int status, uint32_t stage, const void *body, size_t length, int fd) {
  struct vas_message header = *to;
  header.length = (uint32_t)(sizeof(header) + length);
  header.status = status;
  header.stage = stage;
  send_message(&header, body, length, fd);
}

void send_event(uint32_t type, uint64_t subject, const void *body, size_t length) {
  struct vas_message header = {.type = type, .length = (uint32_t)(sizeof(header) + length), .subject = subject};
  send_message(&header, body, length, -1);
}
