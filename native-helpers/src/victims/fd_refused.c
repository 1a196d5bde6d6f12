/* Files that can not be snapshotted, by the name given: the victim must not notice that it was tried. */
#define _GNU_SOURCE
#include "victim.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <mqueue.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static const char *kind;
static int fd, other[2];

static void nothing(void) {
}

static void check_descriptor_in_flight(void) {
  char control[CMSG_SPACE(sizeof(int))], byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  EXPECT(recvmsg(other[1], &message, MSG_DONTWAIT | MSG_PEEK) == 1, "the message is gone: %s", strerror(errno));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  EXPECT(header != NULL && header->cmsg_type == SCM_RIGHTS, "the descriptor is gone");
  if (header != NULL)
    close(*(int *)CMSG_DATA(header));
}

static void send_descriptor(void) {
  char control[CMSG_SPACE(sizeof(int))], byte = 'x';
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  int null;
  MUST(null = open("/dev/null", O_RDONLY));
  memcpy(CMSG_DATA(header), &null, sizeof(int));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, other));
  MUST(sendmsg(other[0], &message, 0));
  close(null);
}

static void check_queue(void) {
  struct mq_attr queue = {0};
  EXPECT(mq_getattr(fd, &queue) == 0 && queue.mq_curmsgs == 1, "the queue has %ld messages", queue.mq_curmsgs);
}

static bool is(const char *name) {
  return strcmp(kind, name) == 0;
}

int main(int count, char **arguments) {
  void (*check)(void) = nothing;
  kind = count > 1 ? arguments[1] : "";
  if (is("terminal")) {
    MUST(fd = posix_openpt(O_RDWR | O_NOCTTY));
  } else if (is("pidfd")) {
    MUST(fd = (int)syscall(SYS_pidfd_open, getpid(), 0));
  } else if (is("io_uring")) {
    uint8_t parameters[256] = {0};
    MUST(fd = (int)syscall(SYS_io_uring_setup, 4, parameters));
  } else if (is("packet")) {
    MUST(fd = socket(AF_PACKET, SOCK_RAW, 0));
  } else if (is("raw")) {
    MUST(fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  } else if (is("filter")) {
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 65535);
    struct sock_fprog program = {1, &all};
    MUST(fd = socket(AF_INET, SOCK_DGRAM, 0));
    MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
  } else if (is("cork")) {
    int one = 1;
    MUST(fd = socket(AF_INET, SOCK_DGRAM, 0));
    MUST(setsockopt(fd, IPPROTO_UDP, UDP_CORK, &one, sizeof(one)));
  } else if (is("lease")) {
    MUST(fd = open("/tmp/leased", O_CREAT | O_RDWR, 0600));
    MUST(fcntl(fd, F_SETLEASE, F_WRLCK));
  } else if (is("signals")) {
    MUST(pipe(other));
    MUST(fcntl(other[0], F_SETOWN, getpid()));
    MUST(fcntl(other[0], F_SETFL, O_ASYNC));
  } else if (is("removed-directory")) {
    MUST(mkdir("/tmp/removed", 0700));
    MUST(fd = open("/tmp/removed", O_RDONLY));
    MUST(rmdir("/tmp/removed"));
  } else if (is("removed-name")) {
    MUST(fd = open("/tmp/first-name", O_CREAT | O_RDWR, 0600));
    MUST(link("/tmp/first-name", "/tmp/second-name"));
    MUST(unlink("/tmp/first-name"));
  } else if (is("in-flight")) {
    send_descriptor();
    check = check_descriptor_in_flight;
  } else if (is("relative")) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "relative"};
    MUST(chdir("/tmp"));
    MUST(fd = socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(bind(fd, (struct sockaddr *)&name, sizeof(name)));
  } else if (is("moved")) {
    struct epoll_event event = {.events = EPOLLIN};
    int counter, another;
    MUST(fd = epoll_create1(0));
    MUST(counter = eventfd(0, 0));
    MUST(epoll_ctl(fd, EPOLL_CTL_ADD, counter, &event));
    MUST(dup2(counter, 300));
    MUST(another = eventfd(0, 0));
    MUST(dup2(another, counter));
  } else if (is("queue")) {
    MUST(fd = mq_open("/removed", O_CREAT | O_RDWR, 0600, NULL));
    MUST(mq_send(fd, "kept", 4, 0));
    MUST(mq_unlink("/removed"));
    check = check_queue;
  } else if (is("huge")) {
    MUST(fd = (int)syscall(SYS_memfd_create, "huge", 4 /* MFD_HUGETLB */));
  } else {
    victim_say("FAILED: not set up: what is \"%s\"?", kind);
    return 2;
  }
  victim_serve(check);
}
