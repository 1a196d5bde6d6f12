/* TCP sockets that listen, are bound, or are just there: IPv4 and IPv6, with their options. */
#define _GNU_SOURCE
#include "victim.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

static int listener, listener6, loopback, bound, plain, second_bound, twin;

static int option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof(value);
  EXPECT(getsockopt(fd, level, name, &value, &length) == 0, "option %d/%d: %s", level, name, strerror(errno));
  return value;
}

static void set(int fd, int level, int name, int value) {
  MUST(setsockopt(fd, level, name, &value, sizeof(value)));
}

static struct sockaddr_in v4(uint32_t host, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
  return address;
}

static void expect_serves(const char *what, int server, const void *address, socklen_t length) {
  char byte = 0;
  int family = ((const struct sockaddr *)address)->sa_family;
  int client = socket(family, SOCK_STREAM, 0);
  EXPECT(connect(client, address, length) == 0, "%s: connect: %s", what, strerror(errno));
  int accepted = accept(server, NULL, NULL);
  EXPECT(accepted >= 0, "%s: accept: %s", what, strerror(errno));
  EXPECT(write(client, "x", 1) == 1 && read(accepted, &byte, 1) == 1 && byte == 'x', "%s: %s", what, strerror(errno));
  close(accepted);
  close(client);
}

static void check(void) {
  struct sockaddr_in address = v4(INADDR_LOOPBACK, 4001);
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(4002), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct timeval time;
  struct linger linger;
  socklen_t length = sizeof(time);
  struct sockaddr_in6 name;
  int error;

  expect_serves("listener", listener, &address, sizeof(address));
  EXPECT_EQUAL("SO_REUSEADDR", 1, option(listener, SOL_SOCKET, SO_REUSEADDR));
  EXPECT_EQUAL("SO_KEEPALIVE", 1, option(listener, SOL_SOCKET, SO_KEEPALIVE));
  EXPECT_EQUAL("TCP_KEEPIDLE", 17, option(listener, IPPROTO_TCP, TCP_KEEPIDLE));
  EXPECT_EQUAL("TCP_KEEPINTVL", 18, option(listener, IPPROTO_TCP, TCP_KEEPINTVL));
  EXPECT_EQUAL("TCP_KEEPCNT", 19, option(listener, IPPROTO_TCP, TCP_KEEPCNT));
  EXPECT_EQUAL("TCP_NODELAY", 1, option(listener, IPPROTO_TCP, TCP_NODELAY));
  EXPECT((fcntl(listener, F_GETFL) & O_NONBLOCK) == 0, "it does not block any more");
  struct tcp_info info;
  length = sizeof(info);
  MUST(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length));
  EXPECT_EQUAL("backlog", 37, info.tcpi_sacked);

  expect_serves("IPv6 listener", listener6, &address6, sizeof(address6));
  EXPECT_EQUAL("IPV6_V6ONLY", 1, option(listener6, IPPROTO_IPV6, IPV6_V6ONLY));
  EXPECT_EQUAL("SO_REUSEADDR of the IPv6 listener", 0, option(listener6, SOL_SOCKET, SO_REUSEADDR));
  EXPECT(accept(listener6, NULL, NULL) < 0 && errno == EAGAIN, "the IPv6 listener blocks");
  EXPECT_EQUAL("SO_RCVBUF", 2 * 77777, option(listener6, SOL_SOCKET, SO_RCVBUF));
  address.sin_port = htons(4003);
  EXPECT_EQUAL("SO_REUSEPORT of the twin", 1, option(twin, SOL_SOCKET, SO_REUSEPORT));
  EXPECT_EQUAL("SO_ACCEPTCONN of the twin", 1, option(twin, SOL_SOCKET, SO_ACCEPTCONN));
  EXPECT_EQUAL("SO_REUSEPORT", 1, option(loopback, SOL_SOCKET, SO_REUSEPORT));
  EXPECT(option(loopback, IPPROTO_TCP, TCP_DEFER_ACCEPT) == 0, "TCP_DEFER_ACCEPT is set");

  length = sizeof(name);
  MUST(getsockname(bound, (struct sockaddr *)&name, &length));
  EXPECT_EQUAL("port", 4004, ntohs(name.sin6_port));
  EXPECT(bind(bound, (struct sockaddr *)&name, length) < 0 && errno == EINVAL, "it is not bound");
  MUST(getsockname(second_bound, (struct sockaddr *)&name, &length));
  EXPECT_EQUAL("port of the second", 4001, ntohs(name.sin6_port));
  length = sizeof(time);
  MUST(getsockopt(bound, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
  EXPECT(time.tv_sec == 12 && time.tv_usec == 340000, "SO_RCVTIMEO is %ld.%06ld", (long)time.tv_sec, (long)time.tv_usec);
  length = sizeof(linger);
  MUST(getsockopt(bound, SOL_SOCKET, SO_LINGER, &linger, &length));
  EXPECT(linger.l_onoff == 1 && linger.l_linger == 21, "SO_LINGER is %d, %d", linger.l_onoff, linger.l_linger);
  EXPECT_EQUAL("TCP_DEFER_ACCEPT", 7, option(bound, IPPROTO_TCP, TCP_DEFER_ACCEPT));

  EXPECT_EQUAL("IP_TOS", 0x10, option(plain, IPPROTO_IP, IP_TOS));
  EXPECT_EQUAL("IP_TTL", 33, option(plain, IPPROTO_IP, IP_TTL));
  EXPECT_EQUAL("SO_PRIORITY", 5, option(plain, SOL_SOCKET, SO_PRIORITY));
  EXPECT_EQUAL("TCP_USER_TIMEOUT", 12345, option(plain, IPPROTO_TCP, TCP_USER_TIMEOUT));
  EXPECT_EQUAL("SO_ERROR", 0, option(plain, SOL_SOCKET, SO_ERROR));
  error = connect(plain, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)},
                  sizeof(struct sockaddr_in));
  EXPECT(error < 0 && errno == ECONNREFUSED, "a socket that is not connected: %s", strerror(errno));
}

int main(void) {
  struct sockaddr_in address = v4(INADDR_ANY, 4001);
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(4002)};
  struct timeval time = {12, 340000};
  struct linger linger = {1, 21};

  MUST(listener = socket(AF_INET, SOCK_STREAM, 0));
  set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  set(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(listener, IPPROTO_TCP, TCP_KEEPIDLE, 17);
  set(listener, IPPROTO_TCP, TCP_KEEPINTVL, 18);
  set(listener, IPPROTO_TCP, TCP_KEEPCNT, 19);
  set(listener, IPPROTO_TCP, TCP_NODELAY, 1);
  MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
  MUST(second_bound = socket(AF_INET, SOCK_STREAM, 0));
  set(second_bound, SOL_SOCKET, SO_REUSEADDR, 1);
  MUST(bind(second_bound, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(listener, 37));
  MUST(listener6 = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  set(listener6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  set(listener6, SOL_SOCKET, SO_RCVBUF, 77777);
  MUST(bind(listener6, (struct sockaddr *)&address6, sizeof(address6)));
  MUST(listen(listener6, 5));
  MUST(loopback = socket(AF_INET, SOCK_STREAM, 0));
  set(loopback, SOL_SOCKET, SO_REUSEPORT, 1);
  address = v4(INADDR_LOOPBACK, 4003);
  MUST(bind(loopback, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(loopback, 5));
  MUST(twin = socket(AF_INET, SOCK_STREAM, 0));
  set(twin, SOL_SOCKET, SO_REUSEPORT, 1);
  MUST(bind(twin, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(twin, 5));
  MUST(bound = socket(AF_INET6, SOCK_STREAM, 0));
  address6.sin6_port = htons(4004);
  MUST(bind(bound, (struct sockaddr *)&address6, sizeof(address6)));
  MUST(setsockopt(bound, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
  MUST(setsockopt(bound, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
  set(bound, IPPROTO_TCP, TCP_DEFER_ACCEPT, 7);
  MUST(plain = socket(AF_INET, SOCK_STREAM, 0));
  set(plain, IPPROTO_IP, IP_TOS, 0x10);
  set(plain, IPPROTO_IP, IP_TTL, 33);
  set(plain, SOL_SOCKET, SO_PRIORITY, 5);
  set(plain, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
  victim_serve(check);
}
