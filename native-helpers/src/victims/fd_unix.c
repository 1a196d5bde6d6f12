/*
 * Unix sockets: pairs of all types with what is queued, named connections, listeners by path and abstract name, connections
 * not accepted yet, datagrams with their senders, one end closed.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int stream[2], packets[2], datagrams[2], listener, hidden, client, server, waiting, closed, receiver, sender, linked,
    shut[2], removed, credentials[2],
    broken, finished, widow, orphan = -1, bound_client, bound_server;
static bool reset_seen, rest_seen;

static struct sockaddr_un address(const char *path) {
  struct sockaddr_un result = {.sun_family = AF_UNIX};
  memcpy(result.sun_path, path, strlen(path + 1) + 1);
  return result;
}

static socklen_t length_of(const char *path) {
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(path + 1) + (path[0] != 0));
}

static int named(int type, const char *path) {
  struct sockaddr_un name = address(path);
  int fd;
  MUST(fd = socket(AF_UNIX, type, 0));
  MUST(bind(fd, (struct sockaddr *)&name, length_of(path)));
  return fd;
}

static int connected(int type, const char *path) {
  struct sockaddr_un name = address(path);
  int fd;
  MUST(fd = socket(AF_UNIX, type, 0));
  EXPECT(connect(fd, (struct sockaddr *)&name, length_of(path)) == 0, "connect to %s: %s", path + (path[0] == 0),
         strerror(errno));
  return fd;
}

static void put(int fd, const char *text) {
  EXPECT(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text), "send: %s", strerror(errno));
}

static void expect_text(const char *what, int fd, const char *text) {
  char buffer[64] = "";
  ssize_t length = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);
  EXPECT(length == (ssize_t)strlen(text) && memcmp(buffer, text, strlen(text)) == 0, "%s: \"%s\" (%zd, %s), not \"%s\"", what,
         buffer, length, length < 0 ? strerror(errno) : "", text);
}

static void expect_name(const char *what, int fd, int (*ask)(int, struct sockaddr *, socklen_t *), const char *path) {
  struct sockaddr_un name = {0};
  socklen_t length = sizeof(name);
  EXPECT(ask(fd, (struct sockaddr *)&name, &length) == 0, "%s: %s", what, strerror(errno));
  if (path == NULL)
    EXPECT_EQUAL(what, sizeof(sa_family_t), length);
  else
    EXPECT(memcmp(name.sun_path, path, strlen(path + 1) + 1) == 0, "%s: %s, not %s", what, name.sun_path, path);
}

static void send_to(int fd, const char *path, const char *text) {
  struct sockaddr_un name = address(path);
  EXPECT(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&name, length_of(path)) == (ssize_t)strlen(text), "send: %s",
         strerror(errno));
}

static void expect_from(const char *text, const char *path) {
  char buffer[64] = "";
  struct sockaddr_un from = {0};
  socklen_t length = sizeof(from);
  ssize_t received = recvfrom(receiver, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
  EXPECT(received == (ssize_t)strlen(text) && memcmp(buffer, text, strlen(text)) == 0, "\"%s\" (%zd), not \"%s\"", buffer,
         received, text);
  EXPECT(path == NULL ? length <= sizeof(sa_family_t) : strcmp(from.sun_path, path) == 0, "sender is %s", from.sun_path);
}

/* Connected to one that is closed; the first message tells, and then it is connected no more. */
static void make_orphan(void) {
  int gone = named(SOCK_DGRAM, "/tmp/gone");
  if (orphan >= 0)
    close(orphan);
  orphan = connected(SOCK_DGRAM, "/tmp/gone");
  close(gone);
  MUST(unlink("/tmp/gone"));
}

static void fill(void) {
  int stranger;
  put(stream[0], "hello ");
  put(stream[0], "world");
  put(stream[1], "back");
  put(packets[0], "one");
  put(packets[0], "two and a half");
  put(packets[0], "");
  put(packets[0], "after nothing");
  put(datagrams[1], "");
  put(datagrams[1], "x");
  put(datagrams[1], "yz");
  put(client, "request");
  put(server, "reply");
  send_to(sender, "/tmp/receiver", "from the sender");
  stranger = named(SOCK_DGRAM, "/tmp/stranger");
  send_to(stranger, "/tmp/receiver", "from a stranger");
  close(stranger);
  MUST(unlink("/tmp/stranger"));
  put(linked, "from the linked one");
  put(credentials[0], "who");
}

static void check(void) {
  struct stat status;
  char byte;
  int accepted;

  expect_text("stream", stream[1], "hello world");
  expect_text("stream, the other way", stream[0], "back");
  expect_text("first packet", packets[1], "one");
  expect_text("second packet", packets[1], "two and a half");
  expect_text("empty packet", packets[1], "");
  expect_text("third packet", packets[1], "after nothing");
  expect_text("empty datagram", datagrams[0], "");
  expect_text("first datagram", datagrams[0], "x");
  expect_text("second datagram", datagrams[0], "yz");
  expect_name("name of a pair's end", stream[0], getsockname, NULL);

  expect_text("request", server, "request");
  expect_text("reply", client, "reply");
  expect_name("name of the accepted end", server, getsockname, "/tmp/listener");
  expect_name("name of its other end", server, getpeername, NULL);
  expect_name("name of what the client is connected to", client, getpeername, "/tmp/listener");

  MUST(stat("/tmp/listener", &status));
  EXPECT(S_ISSOCK(status.st_mode) && (status.st_mode & 0777) == 0620 && status.st_uid == 12 && status.st_gid == 34,
         "mode of the listener is 0%o, owner %d:%d", status.st_mode, status.st_uid, status.st_gid);
  MUST(accepted = accept(listener, NULL, NULL));
  put(waiting, "waited");
  expect_text("connection that was not accepted yet", accepted, "waited");
  close(accepted);
  close(waiting);
  waiting = connected(SOCK_STREAM, "/tmp/listener");
  int other = connected(SOCK_SEQPACKET, "\0hidden");
  MUST(accepted = accept(hidden, NULL, NULL));
  put(other, "abstract");
  expect_text("abstract name", accepted, "abstract");
  close(accepted);
  close(other);

  EXPECT_EQUAL("end of a closed connection", 0, recv(closed, &byte, 1, MSG_DONTWAIT));
  EXPECT(send(closed, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "a closed connection sends");

  expect_from("from the sender", "/tmp/sender");
  expect_from("from a stranger", "/tmp/stranger");
  expect_from("from the linked one", NULL);
  EXPECT(recv(receiver, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "there is one more datagram");
  expect_name("what the linked one is connected to", linked, getpeername, "/tmp/receiver");

  EXPECT_EQUAL("end of the shut half", 0, recv(shut[1], &byte, 1, MSG_DONTWAIT));
  put(shut[1], "open half");
  expect_text("the half that is open", shut[0], "open half");
  EXPECT(access("/tmp/removed", F_OK) < 0, "a socket's name that was removed is there again");
  expect_name("name that was removed", removed, getsockname, "/tmp/removed");
  EXPECT((fcntl(stream[0], F_GETFL) & O_NONBLOCK) != 0 && (fcntl(stream[1], F_GETFL) & O_NONBLOCK) == 0, "O_NONBLOCK");

  if (!reset_seen) {
    EXPECT(recv(broken, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET, "the broken connection: %s", strerror(errno));
    reset_seen = true;
  }
  EXPECT_EQUAL("end of the broken connection", 0, recv(broken, &byte, 1, MSG_DONTWAIT));
  if (!rest_seen) {
    expect_text("what the closed end had sent", finished, "the rest");
    expect_text("what the closed end of datagrams had sent", widow, "left");
    rest_seen = true;
  }
  EXPECT_EQUAL("end of the closed connection", 0, recv(finished, &byte, 1, MSG_DONTWAIT));
  EXPECT(recv(widow, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "datagrams of the closed end");
  EXPECT(send(widow, "x", 1, MSG_NOSIGNAL) < 0 && (errno == ECONNREFUSED || errno == ENOTCONN), "to a closed end: %s",
         strerror(errno));
  expect_name("whom the orphan was connected to", orphan, getpeername, "/tmp/gone");
  EXPECT(send(orphan, "x", 1, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED, "to one that is gone: %s", strerror(errno));
  make_orphan();
  expect_name("client with a name", bound_server, getpeername, "/tmp/bound-client");
  expect_name("its server", bound_client, getpeername, "\0abstract-server");
  put(bound_client, "named");
  expect_text("from the client with a name", bound_server, "named");

  char control[64];
  struct iovec part = {&(char[8]){0}, 8};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  EXPECT_EQUAL("message with credentials", 3, recvmsg(credentials[1], &message, MSG_DONTWAIT));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  EXPECT(header != NULL && header->cmsg_type == SCM_CREDENTIALS, "SO_PASSCRED is lost");
  if (header != NULL)
    EXPECT_EQUAL("pid of the sender", getpid(), ((struct ucred *)CMSG_DATA(header))->pid);
  fill();
}

int main(void) {
  int one = 1;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
  MUST(fcntl(stream[0], F_SETFL, O_NONBLOCK));
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
  listener = named(SOCK_STREAM, "/tmp/listener");
  MUST(chmod("/tmp/listener", 0620));
  MUST(chown("/tmp/listener", 12, 34));
  MUST(listen(listener, 9));
  client = connected(SOCK_STREAM, "/tmp/listener");
  MUST(server = accept(listener, NULL, NULL));
  waiting = connected(SOCK_STREAM, "/tmp/listener");
  hidden = named(SOCK_SEQPACKET, "\0hidden");
  MUST(listen(hidden, 3));
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  closed = pair[0];
  MUST(close(pair[1]));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  broken = pair[0];
  put(pair[0], "nobody reads this");
  MUST(close(pair[1]));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  finished = pair[0];
  put(pair[1], "the rest");
  MUST(close(pair[1]));
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  widow = pair[0];
  put(pair[1], "left");
  MUST(close(pair[1]));
  make_orphan();
  int server_listener = named(SOCK_STREAM, "\0abstract-server");
  MUST(listen(server_listener, 1));
  bound_client = named(SOCK_STREAM, "/tmp/bound-client");
  struct sockaddr_un to = address("\0abstract-server");
  MUST(connect(bound_client, (struct sockaddr *)&to, length_of("\0abstract-server")));
  MUST(bound_server = accept(server_listener, NULL, NULL));
  MUST(close(server_listener));
  receiver = named(SOCK_DGRAM, "/tmp/receiver");
  sender = named(SOCK_DGRAM, "/tmp/sender");
  linked = connected(SOCK_DGRAM, "/tmp/receiver");
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, shut));
  MUST(shutdown(shut[0], SHUT_WR));
  removed = named(SOCK_STREAM, "/tmp/removed");
  MUST(listen(removed, 1));
  MUST(unlink("/tmp/removed"));
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, credentials));
  MUST(setsockopt(credentials[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
  fill();
  victim_serve(check);
}
