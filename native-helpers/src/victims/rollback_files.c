/*
 * Has files of many kinds, in directories of its own and in /etc, some of them open or mapped, and changes some each time that it
 * gets SIGUSR2: as its argument says. Asked by SIGUSR1 it says whether all is as it was in the beginning, as a rollback must have
 * made it.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define PAGE 4096UL
#define ROOT "/files"
#define TEXT_MAX 65536

static int reader, appender, writer, doomed, directory, place = -1, watcher = -1;
static const char *shared, *mapped;
static char *private, *lone;
static char before[TEXT_MAX], now[TEXT_MAX];
static size_t length;
static int descriptors;

/* ---- what there is, as a text ---- */

static void put(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t room = TEXT_MAX - length, more = (size_t)vsnprintf(now + length, room, format, arguments);
  va_end(arguments);
  length += more < room ? more : room - 1;
}

static void describe_contents(const char *path, int64_t size) {
  uint64_t sum = 14695981039346656037u;
  char bytes[PAGE];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int64_t count = 0;
  for (ssize_t n; fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0; count += n)
    for (ssize_t i = 0; i < n; i++)
      sum = (sum ^ (uint8_t)bytes[i]) * 1099511628211u;
  put(" %lx%s", (unsigned long)sum, count == size ? "" : " read in part");
  if (fd >= 0)
    put(" hole at %ld", (long)lseek(fd, 0, SEEK_HOLE));
  close(fd);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void describe(const char *path);

static void describe_entries(const char *path) {
  struct dirent **list;
  int count = scandir(path, &list, NULL, by_name);
  for (int i = 0; i < count; i++) {
    char below[512];
    snprintf(below, sizeof(below), "%s/%s", path, list[i]->d_name);
    if (strcmp(list[i]->d_name, ".") != 0 && strcmp(list[i]->d_name, "..") != 0)
      describe(below);
    free(list[i]);
  }
  if (count >= 0)
    free(list);
}

static void describe_one(const char *path) {
  struct stat status;
  char value[256];
  if (lstat(path, &status) < 0) {
    put("%s: %d\n", path, errno);
    return;
  }
  put("%s %o %u:%u %ld.%09ld", path, status.st_mode, status.st_uid, status.st_gid, (long)status.st_mtim.tv_sec,
      (long)status.st_mtim.tv_nsec);
  if (S_ISREG(status.st_mode)) {
    put(" %ld bytes %d names", (long)status.st_size, (int)status.st_nlink);
    describe_contents(path, status.st_size);
  }
  ssize_t n = S_ISLNK(status.st_mode) ? readlink(path, value, sizeof(value) - 1) : -1;
  if (n < 0 && !S_ISLNK(status.st_mode))
    n = getxattr(path, "user.colour", value, sizeof(value) - 1);
  put("%s%.*s\n", n > 0 ? " " : "", n > 0 ? (int)n : 0, value);
}

static void describe(const char *path) {
  struct stat status;
  describe_one(path);
  if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode))
    describe_entries(path);
}

static void describe_all(void) {
  length = 0;
  describe(ROOT);
  describe_one("/etc");
  describe_one("/etc/passwd");
  describe_one("/etc/group");
  describe_one("/etc/new");
}

/* ---- the check ---- */

static int count_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 1000; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

/* Of what change_map() maps. */
static int count_mappings(void) {
  static const char *const names[] = {ROOT "/mapped-new", ROOT "/unnamed", "/memfd:memory", "/dev/zero"};
  char line[512];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "re");
  while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
      count += strstr(line, names[i]) != NULL;
  if (maps != NULL)
    fclose(maps);
  return count;
}

static void expect_open(const char *what, int fd, const char *path, int flags, off_t position) {
  struct stat one, other;
  EXPECT(fstat(fd, &one) == 0 && stat(path, &other) == 0 && one.st_ino == other.st_ino && one.st_size == other.st_size,
         "the %s has another file than %s", what, path);
  EXPECT_EQUAL(what, position, lseek(fd, 0, SEEK_CUR));
  EXPECT_EQUAL(what, flags, fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_DIRECTORY));
}

/* Nothing is opened once a failure has been told: whoever was told may go back, which would find it open. */
static void check(void) {
  char bytes[16];
  char cwd[64];

  describe_all();
  for (size_t i = 0, line = 0; i < length && !victim_failed; i++) {
    EXPECT(now[i] == before[i], "%.*s: %.*s", (int)strcspn(before + line, "\n"), before + line, (int)strcspn(now + line, "\n"),
           now + line);
    if (now[i] == '\n')
      line = i + 1;
  }
  EXPECT_EQUAL("length of the text", strlen(before), length);
  if (victim_failed)
    return; /* what is mapped may not be there */
  expect_open("reader", reader, ROOT "/kept", O_RDONLY, 2);
  EXPECT(pread(reader, bytes, 5, 0) == 4 && memcmp(bytes, "kept", 4) == 0, "the reader reads \"%.4s\"", bytes);
  expect_open("appender", appender, ROOT "/grown", O_RDWR | O_APPEND, 5);
  expect_open("writer", writer, ROOT "/shrunk", O_WRONLY, 7);
  expect_open("one who reads what may be deleted", doomed, ROOT "/deleted", O_RDONLY, 3);
  expect_open("directory", directory, ROOT "/sub", O_RDONLY | O_DIRECTORY, 0);
  EXPECT(pread(doomed, bytes, 8, 0) == 7 && memcmp(bytes, "deleted", 7) == 0, "what may be deleted holds \"%.7s\"", bytes);
  EXPECT(memcmp(shared, "shared", 6) == 0 && shared[2 * PAGE] == 's', "the shared mapping shows \"%.6s\"", shared);
  EXPECT(memcmp(mapped, "mapped", 6) == 0 && mapped[2 * PAGE] == 'm', "the mapping shows \"%.6s\"", mapped);
  EXPECT(memcmp(private, "mapped", 6) == 0 && memcmp(private + PAGE, "own", 3) == 0 && private[2 * PAGE] == 'm',
         "the private mapping shows \"%.6s\" and \"%.3s\"", private, private + PAGE);
  EXPECT(memcmp(lone, "lone", 4) == 0 && lone[2 * PAGE] == 'l' && memcmp(lone + PAGE, "own", 3) == 0,
         "the lone mapping shows \"%.4s\" and \"%.3s\"", lone, lone + PAGE);
  EXPECT_EQUAL("new mappings", 0, count_mappings());
  EXPECT(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, ROOT "/sub") == 0, "the working directory is %s", cwd);
  EXPECT(access("a", F_OK) == 0, "the working directory is another one");
  EXPECT_EQUAL("descriptors", descriptors, count_descriptors());
}

/* ---- kinds of changes, and what each does ---- */

static int must_open(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0644);
  MUST(fd);
  return fd;
}

static void put_file(const char *path, const char *text) {
  int fd = must_open(path, O_RDWR | O_CREAT | O_TRUNC);
  MUST(write(fd, text, strlen(text)));
  close(fd);
}

static void put_pages(const char *path, char letter, const char *text) {
  static char bytes[3 * PAGE];
  int fd = must_open(path, O_RDWR | O_CREAT);
  memset(bytes, letter, sizeof(bytes));
  memcpy(bytes, text, strlen(text));
  MUST(write(fd, bytes, sizeof(bytes)));
  close(fd);
}

static void change_rewrite(void) {
  put_file(ROOT "/kept", "other");
  put_file(ROOT "/kept", "rewr");
}

/* Through what is open and mapped, with the same size. */
static void change_through(void) {
  int fd = must_open(ROOT "/shared", O_RDWR);
  char *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  MUST(map == MAP_FAILED ? -1 : 0);
  memcpy(map, "change", 6);
  MUST(munmap(map, 3 * PAGE));
  close(fd);
  MUST(write(appender, " and more", 9));
  MUST(pwrite(writer, "xy", 2, 0));
  MUST(lseek(reader, 0, SEEK_SET));
}

static void change_mapped(void) {
  int fd = must_open(ROOT "/mapped", O_RDWR);
  MUST(pwrite(fd, "changed", 7, 0));
  MUST(pwrite(fd, "changed", 7, PAGE));
  private[2 * PAGE] = 'X';
  close(fd);
}

/* Which takes away the process's own pages, too. */
static void change_truncate(void) {
  MUST(truncate(ROOT "/kept", 0));
  MUST(truncate(ROOT "/shrunk", 3));
  MUST(truncate(ROOT "/mapped", 10));
  MUST(truncate(ROOT "/holes", 600000));
}

static void change_extend(void) {
  int fd = must_open(ROOT "/grown", O_WRONLY);
  MUST(pwrite(fd, "far", 3, 300000));
  close(fd);
  fd = must_open(ROOT "/holes", O_WRONLY);
  MUST(pwrite(fd, "no hole", 7, 20000));
  MUST(pwrite(fd, "end", 3, 2000000));
  close(fd);
}

static void change_delete(void) {
  MUST(unlink(ROOT "/deleted"));
  MUST(unlink(ROOT "/plain"));
  MUST(unlink(ROOT "/link"));
  MUST(unlink(ROOT "/fifo"));
}

static void change_rename(void) {
  put_file(ROOT "/temporary", "renamed");
  MUST(rename(ROOT "/temporary", ROOT "/plain"));
  put_file(ROOT "/temporary", "over");
  MUST(rename(ROOT "/temporary", ROOT "/deleted"));
  MUST(rename(ROOT "/kept", ROOT "/moved"));
  MUST(lseek(reader, 1, SEEK_SET));
}

static void change_exchange(void) { MUST(renameat2(AT_FDCWD, ROOT "/kept", AT_FDCWD, ROOT "/deleted", RENAME_EXCHANGE)); }

static void change_create(void) {
  put_file(ROOT "/new", "new");
  put_file(ROOT "/sub/new", "new");
  MUST(mkdir(ROOT "/more", 0700));
  MUST(mkdir(ROOT "/more/deep", 0755));
  put_file(ROOT "/more/deep/file", "deep");
  MUST(symlink("nowhere", ROOT "/more/link"));
  MUST(mkfifo(ROOT "/more/fifo", 0600));
}

/* In a directory whose times do not tell of it. */
static void change_unseen(void) {
  struct stat status;
  MUST(stat(ROOT "/sub", &status));
  put_file(ROOT "/sub/new", "new");
  MUST(unlink(ROOT "/sub/a"));
  MUST(utimensat(AT_FDCWD, ROOT "/sub", (const struct timespec[2]){status.st_atim, status.st_mtim}, 0));
}

static void change_remove(void) {
  MUST(rmdir(ROOT "/empty"));
  MUST(unlink(ROOT "/tree/one"));
  MUST(unlink(ROOT "/tree/deep/two"));
  MUST(rmdir(ROOT "/tree/deep"));
  MUST(rmdir(ROOT "/tree"));
}

/* What lies in lower layers is hidden by the new directory. */
static void change_opaque(void) {
  change_remove();
  MUST(mkdir(ROOT "/tree", 0711));
  put_file(ROOT "/tree/one", "another");
  MUST(mkdir(ROOT "/empty", 0700));
  put_file(ROOT "/empty/not", "empty");
}

static void change_types(void) {
  MUST(unlink(ROOT "/plain"));
  MUST(mkdir(ROOT "/plain", 0755));
  put_file(ROOT "/plain/file", "below");
  change_remove();
  put_file(ROOT "/tree", "a file");
  MUST(symlink("kept", ROOT "/empty"));
  MUST(unlink(ROOT "/link"));
  MUST(symlink("grown", ROOT "/link"));
}

static void change_attributes(void) {
  struct timespec times[2] = {{1000000000, 5}, {1234567890, 987654321}};
  MUST(chmod(ROOT "/kept", 0600));
  MUST(chown(ROOT "/set-id", 1000, 1000));
  MUST(chmod(ROOT "/sub", 0500));
  MUST(lchown(ROOT "/link", 5, 6));
  MUST(utimensat(AT_FDCWD, ROOT "/grown", times, 0));
  MUST(utimensat(AT_FDCWD, ROOT "/tree/deep", times, 0));
  MUST(setxattr(ROOT "/plain", "user.colour", "red", 3, 0));
  MUST(removexattr(ROOT "/attribute", "user.colour"));
  MUST(chown(ROOT "/fifo", 7, 8));
}

/* To write takes the set-id bits away. */
static void change_set_id(void) { put_file(ROOT "/set-id", "new"); }

/* Which lie in the host's root, or in the snapshot's layer. */
static void change_host(void) {
  int fd = must_open("/etc/passwd", O_WRONLY | O_APPEND);
  MUST(write(fd, "more\n", 5));
  close(fd);
  MUST(unlink("/etc/group"));
  put_file("/etc/new", "new");
}

static void change_descriptors(void) {
  close(reader);
  close(writer);
  close(appender);
  MUST(dup2(must_open(ROOT "/newly", O_RDWR | O_CREAT), reader));
  MUST(dup2(must_open(ROOT "/gone", O_RDWR | O_CREAT), writer));
  MUST(unlink(ROOT "/gone"));
  MUST(unlink(ROOT "/grown"));
  close(doomed);
  MUST(unlink(ROOT "/deleted"));
  MUST(open(ROOT, O_RDONLY | O_TMPFILE | O_RDWR, 0600));
}

static void change_cwd(void) {
  MUST(mkdir(ROOT "/elsewhere", 0755));
  MUST(chdir(ROOT "/elsewhere"));
}

/* What was made since is mapped, too, with and without a name, and memory is shared. */
static void change_map(void) {
  put_pages(ROOT "/mapped-new", 'n', "new");
  put_pages(ROOT "/unnamed", 'u', "unnamed");
  int fd = must_open(ROOT "/mapped-new", O_RDWR), unnamed = must_open(ROOT "/unnamed", O_RDWR);
  int memory = memfd_create("memory", MFD_CLOEXEC);
  MUST(unlink(ROOT "/unnamed"));
  MUST(ftruncate(memory, PAGE));
  MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
  MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE) == MAP_FAILED ? -1 : 0);
  MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, unnamed, 0) == MAP_FAILED ? -1 : 0);
  MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED ? -1 : 0);
  MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  close(fd);
}

/* Another file is put in the place of one that is mapped. */
static void change_lone(void) {
  put_pages(ROOT "/temporary", 't', "another");
  MUST(rename(ROOT "/temporary", ROOT "/lone"));
}

static void change_remove_cwd(void) {
  MUST(unlink(ROOT "/sub/a"));
  MUST(rmdir(ROOT "/sub"));
}

static void change_renew_cwd(void) {
  change_remove_cwd();
  MUST(mkdir(ROOT "/sub", 0755));
  put_file(ROOT "/sub/a", "another");
}

static void change_all(void) {
  change_create();
  change_through();
  change_rename();
  change_opaque();
  change_extend();
  change_host();
  change_cwd();
}

/* Not to be put back in place. */

static void change_link(void) { MUST(link(ROOT "/kept", ROOT "/another")); }

static void change_relink(void) {
  MUST(unlink(ROOT "/twin-b"));
  MUST(unlink(ROOT "/twin-c"));
  MUST(link(ROOT "/twin-d", ROOT "/twin-b"));
  MUST(link(ROOT "/twin-a", ROOT "/twin-c"));
}

static void change_socket(void) { MUST(unlink(ROOT "/socket")); }

static void change_much(void) { MUST(unlink(ROOT "/much")); }

static void change_many(void) {
  for (int i = 0; i < 2100; i++) {
    char path[64];
    snprintf(path, sizeof(path), ROOT "/many-%d", i);
    put_file(path, "");
  }
}

/* Which is open as it was, but another one. */
static void change_reopen(void) {
  MUST(unlink(ROOT "/link"));
  MUST(symlink("grown", ROOT "/link"));
  MUST(dup2(must_open(ROOT "/link", O_PATH | O_NOFOLLOW), place));
}

/* All the time a file is watched. */
static void change_watched(void) { change_rewrite(); }

static void change_flags(void) {
  put_file(ROOT "/plain", "for good");
  MUST(system("chattr +i " ROOT "/plain") == 0 ? 0 : -1);
}

static void change_mount(void) {
  MUST(mkdir(ROOT "/mount", 0755));
  MUST(system("mount -t tmpfs tmpfs " ROOT "/mount") == 0 ? 0 : -1);
  put_file(ROOT "/mount/file", "mounted");
}

static const struct victim_change changes[] = {
    {"rewrite", change_rewrite},
    {"through", change_through},
    {"mapped", change_mapped},
    {"truncate", change_truncate},
    {"extend", change_extend},
    {"delete", change_delete},
    {"rename", change_rename},
    {"exchange", change_exchange},
    {"create", change_create},
    {"unseen", change_unseen},
    {"remove", change_remove},
    {"opaque", change_opaque},
    {"types", change_types},
    {"attributes", change_attributes},
    {"set-id", change_set_id},
    {"host", change_host},
    {"descriptors", change_descriptors},
    {"cwd", change_cwd},
    {"map", change_map},
    {"lone", change_lone},
    {"remove-cwd", change_remove_cwd},
    {"renew-cwd", change_renew_cwd},
    {"all", change_all},
    {"reopen", change_reopen},
    {"link", change_link},
    {"relink", change_relink},
    {"socket", change_socket},
    {"much", change_much},
    {"many", change_many},
    {"watched", change_watched},
    {"flags", change_flags},
    {"mount", change_mount},
};

static void bind_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strcpy(address.sun_path, path);
  MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(fd, 1));
}

static void set_up_files(void) {
  MUST(mkdir(ROOT, 0755));
  MUST(mkdir(ROOT "/sub", 0755));
  MUST(mkdir(ROOT "/empty", 0755));
  MUST(mkdir(ROOT "/tree", 0750));
  MUST(mkdir(ROOT "/tree/deep", 0755));
  put_file(ROOT "/tree/one", "one");
  put_file(ROOT "/tree/deep/two", "two");
  put_file(ROOT "/sub/a", "a");
  put_file(ROOT "/kept", "kept");
  put_file(ROOT "/grown", "grown");
  put_file(ROOT "/shrunk", "shrunk, but not yet");
  put_file(ROOT "/deleted", "deleted");
  put_file(ROOT "/plain", "plain");
  put_file(ROOT "/attribute", "attribute");
  MUST(setxattr(ROOT "/attribute", "user.colour", "blue", 4, 0));
  put_file(ROOT "/set-id", "set-id");
  MUST(chmod(ROOT "/set-id", 06755));
  put_pages(ROOT "/shared", 's', "shared");
  put_pages(ROOT "/mapped", 'm', "mapped");
  put_pages(ROOT "/lone", 'l', "lone");
  int fd = must_open(ROOT "/holes", O_RDWR | O_CREAT);
  MUST(pwrite(fd, "in the midst", 12, 500000));
  MUST(ftruncate(fd, 1000000));
  close(fd);
  MUST(symlink("kept", ROOT "/link"));
  MUST(mkfifo(ROOT "/fifo", 0640));
}

static void set_up_special(void (*change)(void)) {
  if (change == change_relink) {
    put_file(ROOT "/twin-a", "twin");
    put_file(ROOT "/twin-c", "twin");
    MUST(link(ROOT "/twin-a", ROOT "/twin-b"));
    MUST(link(ROOT "/twin-c", ROOT "/twin-d"));
    /* So that only which names are of one file tells. */
    struct timespec times[2] = {{1, 0}, {1, 0}};
    MUST(utimensat(AT_FDCWD, ROOT "/twin-a", times, 0));
    MUST(utimensat(AT_FDCWD, ROOT "/twin-c", times, 0));
  }
  if (change == change_socket)
    bind_socket(ROOT "/socket");
  if (change == change_reopen)
    place = must_open(ROOT "/link", O_PATH | O_NOFOLLOW);
  if (change == change_watched) {
    watcher = inotify_init1(IN_CLOEXEC);
    MUST(inotify_add_watch(watcher, ROOT "/plain", IN_MODIFY));
  }
  if (change == change_much) {
    int fd = must_open(ROOT "/much", O_RDWR | O_CREAT);
    MUST(ftruncate(fd, 65 << 20));
    close(fd);
  }
}

static void open_files(void) {
  reader = must_open(ROOT "/kept", O_RDONLY);
  MUST(lseek(reader, 2, SEEK_SET));
  appender = must_open(ROOT "/grown", O_RDWR | O_APPEND);
  MUST(lseek(appender, 5, SEEK_SET));
  writer = must_open(ROOT "/shrunk", O_WRONLY);
  MUST(lseek(writer, 7, SEEK_SET));
  doomed = must_open(ROOT "/deleted", O_RDONLY);
  MUST(lseek(doomed, 3, SEEK_SET));
  directory = must_open(ROOT "/sub", O_RDONLY | O_DIRECTORY);
  int fd = must_open(ROOT "/shared", O_RDONLY);
  shared = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  MUST(shared == MAP_FAILED ? -1 : 0);
  close(fd);
  fd = must_open(ROOT "/mapped", O_RDONLY);
  mapped = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  private = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  MUST(mapped == MAP_FAILED || private == MAP_FAILED ? -1 : 0);
  memcpy(private + PAGE, "own", 3);
  close(fd);
  fd = must_open(ROOT "/lone", O_RDONLY);
  lone = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  MUST(lone == MAP_FAILED ? -1 : 0);
  memcpy(lone + PAGE, "own", 3);
  close(fd);
  MUST(chdir(ROOT "/sub"));
}

int main(int argc, char **argv) {
  sigset_t questions;
  void (*change)(void) = victim_choose(changes, sizeof(changes) / sizeof(changes[0]), argc, argv)->change;

  sigemptyset(&questions);
  sigaddset(&questions, SIGUSR1);
  sigaddset(&questions, SIGUSR2);
  sigprocmask(SIG_BLOCK, &questions, NULL);
  set_up_files();
  set_up_special(change);
  open_files();
  descriptors = count_descriptors();
  describe_all();
  memcpy(before, now, TEXT_MAX);
  victim_say("ready");
  for (;;) {
    siginfo_t info;
    int number = sigwaitinfo(&questions, &info);
    victim_failed = false;
    if (number == SIGUSR2) {
      change();
      victim_say("changed");
    } else if (number == SIGUSR1) {
      check();
      if (!victim_failed)
        victim_say("ok");
    }
  }
}
