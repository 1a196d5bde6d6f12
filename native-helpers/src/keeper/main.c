/*
 * vas-keeper SOCKET [LOG]   becomes the init of a new pid namespace and serves the daemon at SOCKET
 * vas-keeper --layout       prints the layouts that C and Java share
 *
 * Another version of it takes over in the same process, see takeover.c.
 *
 * VAS_ENDS_WITH=PID in the environment: it ends when that process has, in whatever way that ends.
 *
 * As the init of a pid namespace the keeper takes all instances with it when it ends: memory that nobody guards would
 * show old bytes, and an end is better.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int proc_directory = -1, host_proc_directory = -1, own_pid_namespace = -1;
uint64_t vdso_start, vdso_length;

extern const uint8_t vas_executor_start[], vas_executor_end[];
const uint8_t *executor_code;
size_t executor_length;

static pid_t host_pid_of_keeper;
static int listener = -1, followed = -1;
static char **arguments;

static int serve_signal(struct instance *instance, void *context) {
  const struct vas_signal *body = context;
  return syscall(SYS_pidfd_send_signal, instance->pidfd, body->signal, NULL, 0) < 0 ? -errno : 0;
}

/* Returns false when the keeper is to end. */
static bool serve(int connection, struct request *request) {
  struct vas_message *header = &request->header;
  int status = -EBADMSG;

  switch (header->type) {
  case VAS_HELLO: {
    struct vas_hello hello = {.version = VAS_PROTOCOL_VERSION, .pid = host_pid_of_keeper};
    answer(header, 0, 0, &hello, sizeof(hello), -1);
    return true;
  }
  case VAS_HOLD:
    if (request->fd_count == 1) {
      status = held_put(header->subject, request->fds[0]);
      if (status >= 0)
        request->fd_count = 0;
    }
    break;
  case VAS_DROP:
    status = held_drop(header->subject);
    break;
  case VAS_DROP_ALL:
    held_drop_all((uint8_t)(header->subject >> 56));
    status = 0;
    break;
  case VAS_TAKE: {
    int fd = held_get(header->subject);
    answer(header, fd < 0 ? fd : 0, 0, NULL, 0, fd);
    return true;
  }
  case VAS_SPAWN:
    spawn(request);
    return true;
  case VAS_FREEZE:
  case VAS_ROLLBACK: {
    struct freeze_job *job = header->type == VAS_FREEZE ? freeze_job_of(request) : rollback_job_of(request);
    if (job == NULL)
      break;
    status = instance_post(header->subject, job);
    if (status >= 0)
      return true;
    freeze_job_free(job);
    break;
  }
  case VAS_PAUSE:
  case VAS_RESUME:
  case VAS_YIELD:
  case VAS_MEND: {
    struct freeze_job *job = pause_job_of(request);
    status = job == NULL ? -ENOMEM : instance_post(header->subject, job);
    if (status >= 0)
      return true;
    if (job != NULL)
      freeze_job_free(job);
    break;
  }
  case VAS_RENAME:
    if (request->body_length >= sizeof(struct vas_rename))
      status = instance_rename(header->subject, ((const struct vas_rename *)(const void *)request->body)->id);
    break;
  case VAS_SUCCEED:
    if (request->body_length >= sizeof(struct vas_rename))
      status = instance_succeed(header->subject, ((const struct vas_rename *)(const void *)request->body)->id);
    break;
  case VAS_SIGNAL:
    if (request->body_length >= sizeof(struct vas_signal))
      status = instance_use(header->subject, serve_signal, request->body);
    break;
  case VAS_LIST: {
    static struct vas_listed list[(VAS_MESSAGE_MAX - sizeof(struct vas_message)) / sizeof(struct vas_listed)];
    size_t count = instance_list(list, sizeof(list) / sizeof(list[0]));
    answer(header, 0, 0, list, count * sizeof(list[0]), -1);
    return true;
  }
  case VAS_REPLACE:
    if (request->fd_count == 1)
      status = hand_over(header, request->fds[0], listener, connection, followed, arguments);
    break;
  case VAS_SHUTDOWN:
    answer(header, 0, 0, NULL, 0, -1);
    return false;
  default:
    status = -ENOSYS;
    break;
  }
  answer(header, status, 0, NULL, 0, -1);
  return true;
}

static bool serve_connection(int connection) {
  static struct request request;

  set_connection(connection);
  instances_accompanied();
  for (;;) {
    int got = receive_request(connection, &request);
    if (got == -EBADMSG)
      continue;
    if (got <= 0)
      break;
    bool go_on = serve(connection, &request);
    close_request_fds(&request);
    if (!go_on)
      return false;
  }
  set_connection(-1);
  instances_left_alone();
  return true;
}

/* A procfs of this process's pid namespace that is mounted nowhere. */
static int open_procfs(void) {
  cleanup_close int context = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
  if (context < 0)
    return -errno;
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return -errno;
  int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
  return mount < 0 ? -errno : mount;
}

static void find_vdso(void) {
  char *text = NULL;
  size_t capacity = 0;

  if (read_file_at(proc_directory, "self/maps", &text, &capacity) > 0)
    for (char *line = text; *line;) {
      char *end = strchrnul(line, '\n'), *rest;
      uint64_t from = strtoull(line, &rest, 16), to = strtoull(rest + 1, NULL, 16);
      char *name = memmem(line, (size_t)(end - line), "[v", 2);
      if (name != NULL && strncmp(name, "[vsyscall]", 10) != 0) {
        if (vdso_start == 0)
          vdso_start = from;
        vdso_length = to - vdso_start;
      }
      line = *end ? end + 1 : end;
    }
  free(text);
}

static int fail(const char *what) {
  fprintf(stderr, "vas-keeper: %s: %s\n", what, strerror(errno));
  return 1;
}

/* Waits for the process to end with. */
static void *follow(void *pidfd) {
  struct pollfd process = {.fd = (int)(intptr_t)pidfd, .events = POLLIN};

  while (poll(&process, 1, -1) != 1)
    ;
  dprintf(STDERR_FILENO, "the process that the keeper was to end with has ended\n");
  _exit(0);
}

static int start_following(int pidfd) {
  enum { STACK = 64 << 10 };
  pthread_attr_t attributes;
  pthread_t thread;
  void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

  if (stack == MAP_FAILED)
    return -1;
  madvise(stack, STACK, MADV_DONTFORK); /* or every spawned child would inherit it */
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, STACK);
  errno = pthread_create(&thread, &attributes, follow, (void *)(intptr_t)pidfd);
  return errno == 0 ? 0 : -1;
}

static int prepare(void) {
  struct rlimit files;

  executor_code = vas_executor_start;
  executor_length = (size_t)(vas_executor_end - vas_executor_start);
  proc_directory = open_procfs();
  if (proc_directory < 0) {
    errno = -proc_directory;
    return fail("procfs");
  }
  own_pid_namespace = openat(proc_directory, "self/ns/pid", O_RDONLY | O_CLOEXEC);
  if (own_pid_namespace < 0)
    return fail("own pid namespace");
  find_vdso();
  prctl(PR_SET_NAME, "vas-keeper");
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  char *text = NULL;
  size_t capacity = 0;
  if (read_file_at(host_proc_directory, "self/stat", &text, &capacity) > 0)
    host_pid_of_keeper = (pid_t)strtol(text, NULL, 10);
  free(text);
  int error = aides_start();
  if (error < 0) {
    errno = -error;
    return fail("launcher");
  }
  error = guard_counts_make();
  if (error < 0) {
    errno = -error;
    return fail("counts of the guard");
  }
  return 0;
}

/* connection: of the daemon, or -1. */
static int keeper(int connection) {
  for (;;) {
    if (connection < 0)
      connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
      continue;
    bool go_on = serve_connection(connection);
    close_fd(&connection);
    if (!go_on)
      return 0;
  }
}

static int keeper_again(void) {
  int connection = -1;

  if (prepare() != 0)
    return 1;
  int error = take_over(&listener, &connection, &followed);
  if (error < 0) {
    errno = -error;
    return fail("taking over");
  }
  if (followed >= 0 && start_following(followed) < 0)
    return fail("following a process");
  dprintf(STDERR_FILENO, "another version of the keeper has taken over\n");
  return keeper(connection);
}

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};

  if (strlen(path) >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (made < 0)
    return -1;
  unlink(path);
  mode_t old = umask(0177);
  int bound = bind(made, (struct sockaddr *)&address, sizeof(address));
  umask(old);
  if (bound < 0 || listen(made, 4) < 0) {
    close_fd(&made);
    return -1;
  }
  return made;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--layout") == 0)
    return vas_print_layout();
  if (argc < 2 || argc > 3 || argv[1][0] == '-') {
    fprintf(stderr, "usage: vas-keeper SOCKET [LOG] | vas-keeper --layout\n");
    return 2;
  }
  /* A child must not inherit a registered restartable sequence: the C library must not register any. */
  static const char tunable[] = "glibc.pthread.rseq=0";
  const char *tunables = getenv("GLIBC_TUNABLES");
  if (tunables == NULL || strstr(tunables, tunable) == NULL) {
    setenv("GLIBC_TUNABLES", tunable, 1);
    execv("/proc/self/exe", argv);
    return fail("exec of itself");
  }
  mallopt(M_ARENA_MAX, 1);
  host_proc_directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (host_proc_directory < 0)
    return fail("/proc");
  int status;
  if (only_tries(&status))
    return status;
  arguments = argv;
  if (takes_over())
    return keeper_again();
  const char *followed_pid = getenv("VAS_ENDS_WITH");
  followed = followed_pid == NULL ? -1 : (int)syscall(SYS_pidfd_open, atoi(followed_pid), 0);
  if (followed_pid != NULL && followed < 0)
    return fail("the process VAS_ENDS_WITH");
  listener = listen_at(argv[1]);
  if (listener < 0)
    return fail(argv[1]);
  /* Signals of a terminal or a service manager are the daemon's business. */
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  umask(0022);
  if (unshare(CLONE_NEWPID) < 0)
    return fail("new pid namespace");
  pid_t child = fork();
  if (child < 0)
    return fail("fork");
  if (child > 0) {
    printf("ready\n");
    return 0;
  }
  setsid();
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  int log = argc == 3 ? open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(log >= 0 ? log : null, STDERR_FILENO);
  if (chdir("/") < 0)
    return fail("/");
  if (followed >= 0 && start_following(followed) < 0)
    return fail("following a process");
  return prepare() == 0 ? keeper(-1) : 1;
}
