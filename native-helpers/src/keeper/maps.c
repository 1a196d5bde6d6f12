#include "keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static uint64_t hex(const char **at) {
  char *end;
  uint64_t value = strtoull(*at, &end, 16);
  *at = end;
  return value;
}

ssize_t read_vmas(pid_t pid, struct vma **list) {
  char name[32], *text = NULL;
  size_t capacity = 0, count = 0, room = 0;
  struct vma *vmas = NULL;

  snprintf(name, sizeof(name), "%d/maps", pid);
  ssize_t length = read_file_at(proc_directory, name, &text, &capacity);
  if (length < 0)
    return length;
  for (const char *at = text; *at;) {
    struct vma vma = {0};
    vma.start = hex(&at);
    at++;
    vma.end = hex(&at);
    at++;
    vma.readable = at[0] == 'r';
    vma.writable = at[1] == 'w';
    vma.executable = at[2] == 'x';
    vma.shared = at[3] == 's';
    at += 5;
    vma.offset = hex(&at);
    at++;
    uint64_t major = hex(&at);
    at++;
    uint64_t minor = hex(&at);
    vma.device = makedev((unsigned)major, (unsigned)minor);
    char *end;
    vma.inode = strtoull(at, &end, 10);
    at = end + strspn(end, " ");
    vma.special = strncmp(at, "[v", 2) == 0;
    at = strchrnul(at, '\n');
    if (*at)
      at++;
    if (count == room) {
      room = room ? room * 2 : 256;
      struct vma *moved = realloc(vmas, room * sizeof(*vmas));
      if (moved == NULL) {
        free(vmas);
        free(text);
        return -ENOMEM;
      }
      vmas = moved;
    }
    vmas[count++] = vma;
  }
  free(text);
  *list = vmas;
  return (ssize_t)count;
}
