/*
 * What `vas demo` runs where there is no Redis: a store of values in memory that listens on a port.
 *
 *   vas-demo-store serve                   listens on 127.0.0.1:6380 until it is ended
 *   vas-demo-store ask load FROM TO        fills values FROM to TO (excluded) with made-up bytes
 *   vas-demo-store ask digest              one number for all that is stored
 *   vas-demo-store ask set NUMBER TEXT     writes one value
 *   vas-demo-store ask get NUMBER          its text
 *
 * A question is a line, and so is its answer; each has a connection of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 6380
#define VALUE_BYTES 4096
#define VALUE_WORDS (VALUE_BYTES / sizeof(uint64_t))
#define VALUES_MAX (1 << 18)
#define LINE_BYTES 256

static uint64_t (*values)[VALUE_WORDS];
static size_t count;

static int fail(const char *what)
{
  fprintf(stderr, "vas-demo-store: %s: %s\n", what, strerror(errno));
  return 1;
}

/* splitmix64: bytes that neither compress nor repeat. */
static uint64_t made_up(uint64_t seed)
{
  uint64_t z = seed + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static bool load(size_t from, size_t to)
{
  if (from > to || to > VALUES_MAX)
    return false;
  if (to > count) {
    void *larger = realloc(values, to * VALUE_BYTES);
    if (larger == NULL)
      return false;
    values = larger;
    memset(values[count], 0, (to - count) * VALUE_BYTES);
    count = to;
  }
  for (size_t i = from; i < to; i++)
    for (size_t j = 0; j < VALUE_WORDS; j++)
      values[i][j] = made_up(i * VALUE_WORDS + j);
  return true;
}

/* The place of a word counts, not only its value. */
static uint64_t digest(void)
{
  uint64_t sum = count;
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < VALUE_WORDS; j++)
      sum = (sum ^ values[i][j]) * 0x100000001b3u + (sum >> 47);
  return sum;
}

static void answer(const char *line, char *reply)
{
  size_t a;
  size_t b;
  int text = 0;
  if (sscanf(line, "load %zu %zu", &a, &b) == 2 && load(a, b))
    snprintf(reply, LINE_BYTES, "ok %zu\n", count);
  else if (strcmp(line, "digest") == 0)
    snprintf(reply, LINE_BYTES, "%016" PRIx64 "\n", digest());
  else if (sscanf(line, "set %zu %n", &a, &text) == 1 && text > 0 && a < count) {
    snprintf((char *)values[a], VALUE_BYTES, "%s", line + text);
    snprintf(reply, LINE_BYTES, "ok\n");
  } else if (sscanf(line, "get %zu", &a) == 1 && a < count)
    snprintf(reply, LINE_BYTES, "%.200s\n", (const char *)values[a]);
  else
    snprintf(reply, LINE_BYTES, "error: %.200s\n", line);
}

static bool read_line(int fd, char *line)
{
  size_t length = 0;
  while (length < LINE_BYTES - 1) {
    ssize_t n = read(fd, line + length, LINE_BYTES - 1 - length);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    length += (size_t)n;
    if (line[length - 1] == '\n') {
      line[length - 1] = '\0';
      return true;
    }
  }
  return false;
}

static bool write_all(int fd, const char *text)
{
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return false;
    text += n;
    left -= (size_t)n;
  }
  return true;
}

static const struct sockaddr_in address = {
    .sin_family = AF_INET,
    .sin_port = __builtin_bswap16(PORT),
    .sin_addr = {.s_addr = __builtin_bswap32(INADDR_LOOPBACK)},
};

static int serve(void)
{
  const int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0)
    return fail("socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) < 0)
    return fail("bind");
  if (listen(listener, 64) < 0)
    return fail("listen");
  printf("vas-demo-store: listening on port %d\n", PORT);
  fflush(stdout);
  for (;;) {
    char line[LINE_BYTES];
    char reply[LINE_BYTES];
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) {
      if (errno == EINTR || errno == ECONNABORTED)
        continue;
      return fail("accept");
    }
    if (read_line(client, line)) {
      answer(line, reply);
      write_all(client, reply);
    }
    close(client);
  }
}

static int ask(int words, char **word)
{
  char line[LINE_BYTES] = "";
  for (int i = 0; i < words; i++) {
    if (strlen(line) + strlen(word[i]) + 3 > sizeof(line)) {
      fprintf(stderr, "vas-demo-store: question too long\n");
      return 2;
    }
    strcat(line, word[i]);
    strcat(line, i + 1 < words ? " " : "\n");
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fail("socket");
  if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
    return fail("connect");
  if (!write_all(fd, line))
    return fail("write");
  if (!read_line(fd, line))
    return fail("read");
  puts(line);
  return strncmp(line, "error", 5) == 0;
}

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "serve") == 0)
    return serve();
  if (argc > 2 && strcmp(argv[1], "ask") == 0)
    return ask(argc - 2, argv + 2);
  fprintf(stderr, "usage: vas-demo-store serve | ask WORD...\n");
  return 2;
}
