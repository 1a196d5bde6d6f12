/* Watches: of the host's files and of new ones, with numbers that are not in sequence, one that fires once. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static int watcher, directory, file, host, copied;

static void expect_event(const char *what, int watch, uint32_t mask, const char *name) {
  char buffer[4096] __attribute__((aligned(8)));
  const struct inotify_event *event = (const void *)buffer;
  ssize_t length = read(watcher, buffer, sizeof(struct inotify_event) + (name ? 16 : 0));
  EXPECT(length > 0, "%s: %s", what, strerror(errno));
  if (length > 0) {
    EXPECT_EQUAL(what, watch, event->wd);
    EXPECT(event->mask == mask, "%s: mask 0x%x, not 0x%x", what, event->mask, mask);
    EXPECT(name == NULL || strcmp(event->name, name) == 0, "%s: name %s", what, event->name);
  }
}

static void touch(const char *path) {
  int fd;
  MUST(fd = open(path, O_CREAT | O_WRONLY, 0600));
  close(fd);
}

static void check(void) {
  char byte;
  EXPECT(read(watcher, &byte, 1) < 0 && errno == EAGAIN, "there are events that nobody made");
  touch("/tmp/watched/one");
  expect_event("directory", directory, IN_CREATE, "one");
  MUST(unlink("/tmp/watched/one"));
  int fd;
  MUST(fd = open("/tmp/watched-file", O_WRONLY));
  MUST(write(fd, "x", 1));
  close(fd);
  expect_event("file", file, IN_MODIFY, NULL);
  MUST(fd = open("/etc/passwd", O_RDONLY));
  close(fd);
  expect_event("host's file", host, IN_CLOSE_NOWRITE, NULL);
  MUST(chmod("/etc/hostname", 0644));
  expect_event("copied file", copied, IN_ATTRIB, NULL);
  EXPECT_EQUAL("number of the file's watch", file, inotify_add_watch(watcher, "/tmp/watched-file", IN_MODIFY));
  EXPECT(read(watcher, &byte, 1) < 0 && errno == EAGAIN, "there are too many events");
}

int main(int count, char **arguments) {
  int first;
  MUST(watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  MUST(mkdir("/tmp/watched", 0700));
  touch("/tmp/watched-file");
  int fd;
  MUST(fd = open("/etc/hostname", O_WRONLY | O_APPEND));
  MUST(write(fd, "\n", 1));
  close(fd);
  MUST(first = inotify_add_watch(watcher, "/usr", IN_CREATE));
  MUST(directory = inotify_add_watch(watcher, "/tmp/watched", IN_CREATE | IN_ONLYDIR));
  MUST(inotify_rm_watch(watcher, first));
  char buffer[64];
  MUST(read(watcher, buffer, sizeof(buffer)));
  MUST(file = inotify_add_watch(watcher, "/tmp/watched-file", IN_MODIFY));
  MUST(host = inotify_add_watch(watcher, "/etc/passwd", IN_CLOSE_NOWRITE | IN_EXCL_UNLINK));
  MUST(copied = inotify_add_watch(watcher, "/etc/hostname", IN_ATTRIB));
  if (count > 1 && strcmp(arguments[1], "unread") == 0)
    touch("/tmp/watched/unread");
  victim_serve(check);
}
