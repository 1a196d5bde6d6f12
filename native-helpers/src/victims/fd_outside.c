/*
 * A server whose clients are outside of the instance: it accepts two on the first question, one by TCP and one by a unix
 * socket. Where they are gone, as in a fork, each connection is reset, and epoll tells.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int tcp_listener, unix_listener, clients[2] = {-1, -1}, set;
static bool reset_seen[2];
static ino_t log_inode;

static bool is_fork(void) {
  struct stat status;
  MUST(fstat(STDOUT_FILENO, &status));
  return status.st_ino != log_inode;
}

static void accept_client(int index, int listener) {
  EXPECT((clients[index] = accept(listener, NULL, NULL)) >= 0, "accept: %s", strerror(errno));
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = (uint32_t)index};
  EXPECT(epoll_ctl(set, EPOLL_CTL_ADD, clients[index], &event) == 0, "epoll_ctl: %s", strerror(errno));
}

static void expect_reset(int index) {
  char byte;
  ssize_t length = recv(clients[index], &byte, 1, MSG_DONTWAIT);
  if (!reset_seen[index])
    EXPECT(length < 0 && errno == ECONNRESET, "client %d is not reset: %zd, %s", index, length, strerror(errno));
  else
    EXPECT(length == 0, "client %d: the reset is told twice: %zd, %s", index, length, strerror(errno));
  reset_seen[index] = true;
  EXPECT(send(clients[index], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "client %d: %s", index, strerror(errno));
}

static void check(void) {
  if (clients[0] < 0) {
    accept_client(0, tcp_listener);
    accept_client(1, unix_listener);
    return;
  }
  struct epoll_event found[4];
  if (is_fork()) {
    EXPECT_EQUAL("clients that hang up", 2, epoll_wait(set, found, 4, 0));
    EXPECT((found[0].events & EPOLLHUP) != 0 && (found[1].events & EPOLLHUP) != 0, "EPOLLHUP is not told");
    expect_reset(0);
    expect_reset(1);
  } else {
    EXPECT_EQUAL("clients that are heard", 2, epoll_wait(set, found, 4, 0));
    for (int i = 0; i < 2; i++) {
      char byte = 0;
      EXPECT(recv(clients[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1 && byte == 'q', "client %d: '%c', %s", i, byte,
             strerror(errno));
      EXPECT(send(clients[i], "a", 1, MSG_NOSIGNAL) == 1, "client %d: %s", i, strerror(errno));
    }
  }
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/outside"};
  struct stat status;
  MUST(fstat(STDOUT_FILENO, &status));
  log_inode = status.st_ino;
  MUST(set = epoll_create1(0));
  MUST(tcp_listener = socket(AF_INET, SOCK_STREAM, 0));
  MUST(bind(tcp_listener, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(tcp_listener, 5));
  MUST(unix_listener = socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(bind(unix_listener, (struct sockaddr *)&name, sizeof(name)));
  MUST(listen(unix_listener, 5));
  victim_serve(check);
}
