/* is_as_known KNOWN RECORD: whether the record in one file is as known by the other: 0, or 1 if it is not. */
#include "../keeper/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static uint8_t known[1 << 20], record[1 << 20];

static ssize_t read_all(const char *name, uint8_t *buffer, size_t size) {
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, buffer, size);

  close_fd(&fd);
  return length;
}

int main(int argc, char **argv) {
  ssize_t known_length = argc == 3 ? read_all(argv[1], known, sizeof(known)) : -1;
  ssize_t record_length = argc == 3 ? read_all(argv[2], record, sizeof(record)) : -1;

  if (known_length < 0 || record_length < 0) {
    fprintf(stderr, "usage: is_as_known KNOWN RECORD\n");
    return 2;
  }
  return is_as_known(known, (size_t)known_length, record, (size_t)record_length) ? 0 : 1;
}
