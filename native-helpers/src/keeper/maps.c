#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

/* linux/fs.h, Linux 6.11 */
struct procmap_query {
  uint64_t size, query_flags, query_addr;
  uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
  uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
  uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)
#define PROCMAP_QUERY_VMA_READABLE 0x01
#define PROCMAP_QUERY_VMA_WRITABLE 0x02
#define PROCMAP_QUERY_VMA_EXECUTABLE 0x04
#define PROCMAP_QUERY_VMA_SHARED 0x08

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
    vma.anonymous = !vma.shared && vma.inode == 0 &&
                    (*at == '\n' || strncmp(at, "[heap]", 6) == 0 || strncmp(at, "[stack]", 7) == 0 ||
                     strncmp(at, "[anon:", 6) == 0);
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

int find_vma(pid_t pid, uint64_t address, struct vma *vma) {
  struct procmap_query query = {.size = sizeof(query), .query_addr = address};
  char name[32];

  snprintf(name, sizeof(name), "%d/maps", pid);
  cleanup_close int maps = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  if (maps < 0 || ioctl(maps, PROCMAP_QUERY, &query) < 0)
    return -errno;
  *vma = (struct vma){.start = query.vma_start,
                      .end = query.vma_end,
                      .offset = query.vma_offset,
                      .device = makedev(query.dev_major, query.dev_minor),
                      .inode = query.inode,
                      .readable = query.vma_flags & PROCMAP_QUERY_VMA_READABLE,
                      .writable = query.vma_flags & PROCMAP_QUERY_VMA_WRITABLE,
                      .executable = query.vma_flags & PROCMAP_QUERY_VMA_EXECUTABLE,
                      .shared = query.vma_flags & PROCMAP_QUERY_VMA_SHARED};
  return 0;
}
