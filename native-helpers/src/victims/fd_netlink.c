/* Netlink sockets: one that asks, one that listens to groups. */
#define _GNU_SOURCE
#include "victim.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static int asking, listening;

static void check(void) {
  struct {
    struct nlmsghdr header;
    struct rtgenmsg message;
  } request = {.header = {sizeof(request), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, .message = {AF_UNSPEC}};
  char answer[16384];
  struct sockaddr_nl name;
  socklen_t length = sizeof(name);

  EXPECT(send(asking, &request, sizeof(request), 0) == sizeof(request), "send: %s", strerror(errno));
  EXPECT(recv(asking, answer, sizeof(answer), 0) > 100, "it is not answered");
  while (recv(asking, answer, sizeof(answer), MSG_DONTWAIT) > 0)
    ;
  MUST(getsockname(asking, (struct sockaddr *)&name, &length));
  EXPECT_EQUAL("port", 4711, name.nl_pid);
  MUST(getsockname(listening, (struct sockaddr *)&name, &length));
  EXPECT_EQUAL("groups", RTMGRP_LINK | RTMGRP_IPV4_IFADDR, name.nl_groups);
}

int main(void) {
  struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_pid = 4711};
  MUST(asking = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  MUST(bind(asking, (struct sockaddr *)&name, sizeof(name)));
  MUST(listening = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  name = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
  MUST(bind(listening, (struct sockaddr *)&name, sizeof(name)));
  victim_serve(check);
}
