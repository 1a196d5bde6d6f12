/*
 * TCP connections. Those with both ends here go on, with what was on its way. One that was not accepted yet counts as one
 * to the outside: in a fork it is reset, here it goes on.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int listener, client, server, client6, server6, half_client, half_server, mapped_client, mapped_server, waiting,
    plain_listener;
static ino_t log_inode;
static bool reset_seen;
static char large[30000], found[30000];

static struct sockaddr_in address_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof(address);
  MUST(getsockname(fd, (struct sockaddr *)&address, &length));
  return address;
}

static void connect_to(int to, int *client_end, int *server_end) {
  struct sockaddr_in6 address;
  socklen_t length = sizeof(address);
  MUST(getsockname(to, (struct sockaddr *)&address, &length));
  MUST(*client_end = socket(address.sin6_family, SOCK_STREAM, 0));
  MUST(connect(*client_end, (struct sockaddr *)&address, length));
  if (server_end != NULL)
    MUST(*server_end = accept(to, NULL, NULL));
}

static void put(int fd, const char *text) {
  EXPECT(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text), "send: %s", strerror(errno));
}

static void expect_text(const char *what, int fd, const char *text) {
  char buffer[64] = "";
  ssize_t length = recv(fd, buffer, strlen(text), MSG_WAITALL | (strlen(text) ? 0 : MSG_DONTWAIT));
  EXPECT(length == (ssize_t)strlen(text) && memcmp(buffer, text, strlen(text)) == 0, "%s: \"%s\" (%zd, %s), not \"%s\"", what,
         buffer, length, length < 0 ? strerror(errno) : "", text);
}

static bool is_fork(void) {
  struct stat status;
  MUST(fstat(STDOUT_FILENO, &status));
  return status.st_ino != log_inode;
}

static void expect_reset(void) {
  char byte;
  struct pollfd poller = {.fd = waiting, .events = POLLIN};
  EXPECT(poll(&poller, 1, 0) == 1 && (poller.revents & POLLHUP) != 0, "the outside connection does not hang up: 0x%x",
         poller.revents);
  ssize_t length = recv(waiting, &byte, 1, MSG_DONTWAIT);
  if (!reset_seen)
    EXPECT(length < 0 && errno == ECONNRESET, "the outside connection is not reset: %zd, %s", length, strerror(errno));
  else
    EXPECT(length == 0, "the reset is told twice: %zd, %s", length, strerror(errno));
  reset_seen = true;
  EXPECT(send(waiting, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "a reset connection sends: %s", strerror(errno));
}

static void check(void) {
  struct sockaddr_in one, other;
  socklen_t length = sizeof(other);
  int queued = 0;

  expect_text("what the server had not read", server, "question");
  expect_text("what the client had not read", client, "answer");
  put(client, "question");
  put(server, "answer");
  one = address_of(client);
  MUST(getpeername(server, (struct sockaddr *)&other, &length));
  EXPECT(one.sin_port == other.sin_port, "ports are %d and %d", ntohs(one.sin_port), ntohs(other.sin_port));
  EXPECT_EQUAL("port of the accepted end", 5001, ntohs(address_of(server).sin_port));
  EXPECT((fcntl(client, F_GETFL) & O_NONBLOCK) != 0, "O_NONBLOCK is lost");

  MUST(ioctl(server6, FIONREAD, &queued));
  EXPECT_EQUAL("bytes that wait", sizeof(large), queued);
  EXPECT_EQUAL("bytes read", sizeof(large), recv(server6, found, sizeof(found), MSG_WAITALL));
  EXPECT_SAME_BYTES("what waited", large, found, sizeof(large));
  EXPECT_EQUAL("bytes sent again", sizeof(large), send(client6, large, sizeof(large), 0));
  put(server6, "back");
  expect_text("the way back", client6, "back");

  char byte;
  EXPECT_EQUAL("end of the half-closed connection", 0, recv(half_server, &byte, 1, MSG_DONTWAIT));
  put(half_server, "still");
  expect_text("what comes through a half-closed connection", half_client, "still");
  EXPECT(send(half_client, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "the closed half is open");

  expect_text("IPv4 to IPv6", mapped_server, "mapped");
  put(mapped_client, "mapped");

  if (is_fork()) {
    expect_reset();
  } else {
    int accepted;
    put(waiting, "alive");
    MUST(accepted = accept(plain_listener, NULL, NULL));
    expect_text("the connection that was not accepted", accepted, "alive");
    close(accepted);
    close(waiting);
    connect_to(plain_listener, &waiting, NULL);
  }
  /* The listeners are there, too. */
  int new_client, new_server;
  connect_to(listener, &new_client, &new_server);
  put(new_client, "new");
  expect_text("new connection", new_server, "new");
  close(new_server);
  close(new_client);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(5001), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(5002), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct stat status;
  int one = 1, listener6;

  MUST(fstat(STDOUT_FILENO, &status));
  log_inode = status.st_ino;
  for (size_t i = 0; i < sizeof(large); i++)
    large[i] = (char)(i * 31 + i / 1000);
  MUST(listener = socket(AF_INET, SOCK_STREAM, 0));
  MUST(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
  MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(listener, 5));
  connect_to(listener, &client, &server);
  MUST(fcntl(client, F_SETFL, O_NONBLOCK));
  put(client, "question");
  put(server, "answer");
  MUST(fcntl(client, F_SETFL, O_NONBLOCK));
  MUST(listener6 = socket(AF_INET6, SOCK_STREAM, 0));
  MUST(bind(listener6, (struct sockaddr *)&address6, sizeof(address6)));
  MUST(listen(listener6, 5));
  connect_to(listener6, &client6, &server6);
  MUST(close(listener6));
  MUST(send(client6, large, sizeof(large), 0));
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(5004)};
  int both;
  MUST(both = socket(AF_INET6, SOCK_STREAM, 0));
  MUST(bind(both, (struct sockaddr *)&any, sizeof(any)));
  MUST(listen(both, 5));
  address.sin_port = htons(5004);
  MUST(mapped_client = socket(AF_INET, SOCK_STREAM, 0));
  MUST(connect(mapped_client, (struct sockaddr *)&address, sizeof(address)));
  MUST(mapped_server = accept(both, NULL, NULL));
  put(mapped_client, "mapped");
  connect_to(listener, &half_client, &half_server);
  MUST(shutdown(half_client, SHUT_WR));
  MUST(plain_listener = socket(AF_INET, SOCK_STREAM, 0));
  address.sin_port = htons(5003);
  MUST(bind(plain_listener, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(plain_listener, 5));
  connect_to(plain_listener, &waiting, NULL);
  usleep(100000);
  victim_serve(check);
}
