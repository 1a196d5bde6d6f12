/* UDP sockets: bound, connected, with datagrams of several senders, one of them empty. */
#define _GNU_SOURCE
#include "victim.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static int receiver, sender, connected, receiver6, unbound;

static struct sockaddr_in v4(uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(port ? INADDR_LOOPBACK : INADDR_ANY)};
  return address;
}

static void send_to(int fd, const char *text, uint16_t port) {
  struct sockaddr_in address = v4(port);
  EXPECT(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, sizeof(address)) == (ssize_t)strlen(text), "send: %s",
         strerror(errno));
}

static void expect_datagram(const char *what, int fd, const char *text, int port) {
  char buffer[64] = "";
  struct sockaddr_in6 from = {0};
  socklen_t length = sizeof(from);
  ssize_t received = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
  EXPECT(received == (ssize_t)strlen(text) && memcmp(buffer, text, strlen(text)) == 0, "%s: \"%s\" (%zd), not \"%s\"", what,
         buffer, received, text);
  EXPECT(port == 0 || ntohs(from.sin6_port) == port, "%s: from port %d, not %d", what, ntohs(from.sin6_port), port);
}

static void expect_none(const char *what, int fd) {
  char byte;
  EXPECT(recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "%s: there is one more", what);
}

/* As if from another machine. */
static void send_from_afar(const char *text, uint16_t port) {
  int stranger, one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(6010), .sin_addr.s_addr = htonl(0x0a010203)};
  MUST(stranger = socket(AF_INET, SOCK_DGRAM, 0));
  MUST(setsockopt(stranger, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)));
  MUST(bind(stranger, (struct sockaddr *)&address, sizeof(address)));
  send_to(stranger, text, port);
  close(stranger);
}

static void fill(void) {
  int stranger;
  struct sockaddr_in address = v4(6009);
  send_to(sender, "first", 6001);
  send_to(sender, "", 6001);
  MUST(stranger = socket(AF_INET, SOCK_DGRAM, 0));
  MUST(bind(stranger, (struct sockaddr *)&address, sizeof(address)));
  send_to(stranger, "of a stranger", 6001);
  close(stranger);
  send_to(connected, "", 6001);
  send_from_afar("from afar", 6001);
  send_to(sender, "mapped", 6003);
  send_to(receiver, "to the connected one", 6004);
}

static void check(void) {
  struct sockaddr_in6 name;
  struct sockaddr_in other;
  socklen_t length = sizeof(name);
  int value;

  expect_datagram("first datagram", receiver, "first", 6002);
  expect_datagram("empty datagram", receiver, "", 6002);
  expect_datagram("datagram of one that is gone", receiver, "of a stranger", 6009);
  expect_datagram("empty datagram of the connected one", receiver, "", 6004);
  expect_datagram("datagram from afar", receiver, "from afar", 6010);
  expect_none("receiver", receiver);
  expect_datagram("IPv6", receiver6, "mapped", 6002);
  expect_none("IPv6 receiver", receiver6);
  expect_datagram("connected", connected, "to the connected one", 6001);
  send_to(sender, "not from its peer", 6004);
  expect_none("connected", connected);
  length = sizeof(other);
  MUST(getpeername(connected, (struct sockaddr *)&other, &length));
  EXPECT_EQUAL("peer's port", 6001, ntohs(other.sin_port));
  length = sizeof(name);
  MUST(getsockname(unbound, (struct sockaddr *)&name, &length));
  EXPECT_EQUAL("port of the one that is not bound", 0, ntohs(name.sin6_port));
  length = sizeof(value);
  MUST(getsockopt(receiver, SOL_SOCKET, SO_BROADCAST, &value, &length));
  EXPECT_EQUAL("SO_BROADCAST", 1, value);
  MUST(getsockopt(receiver, IPPROTO_IP, IP_PKTINFO, &value, &length));
  EXPECT_EQUAL("IP_PKTINFO", 1, value);
  fill();
}

static int bound(int family, uint16_t port) {
  struct sockaddr_in address = v4(port);
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  int fd;
  MUST(fd = socket(family, SOCK_DGRAM, 0));
  if (family == AF_INET)
    MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
  else
    MUST(bind(fd, (struct sockaddr *)&address6, sizeof(address6)));
  return fd;
}

int main(void) {
  struct sockaddr_in address = v4(6001);
  int one = 1;
  receiver = bound(AF_INET, 6001);
  MUST(setsockopt(receiver, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)));
  MUST(setsockopt(receiver, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)));
  sender = bound(AF_INET, 6002);
  receiver6 = bound(AF_INET6, 6003);
  connected = bound(AF_INET, 6004);
  MUST(connect(connected, (struct sockaddr *)&address, sizeof(address)));
  MUST(unbound = socket(AF_INET6, SOCK_DGRAM, 0));
  fill();
  victim_serve(check);
}
