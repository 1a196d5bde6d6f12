/* A hash table from the daemon's numbers to descriptors: open addressing, a power of two of slots, at most half full. */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct slot {
  uint64_t id;
  int fd; /* -1: free; -2: was used */
};

static struct slot *slots;
static size_t slot_count, used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place(uint64_t id) { return (size_t)(id * 0x9e3779b97f4a7c15ULL >> 20) & (slot_count - 1); }

static struct slot *find(uint64_t id) {
  if (slot_count == 0)
    return NULL;
  for (size_t i = place(id);; i = (i + 1) & (slot_count - 1)) {
    if (slots[i].fd == -1)
      return NULL;
    if (slots[i].fd >= 0 && slots[i].id == id)
      return &slots[i];
  }
}

static int put(uint64_t id, int fd);

static int grow(void) {
  size_t old_count = slot_count, new_count = old_count ? old_count * 2 : 64;
  struct slot *old = slots, *fresh = malloc(new_count * sizeof(*fresh));
  if (fresh == NULL)
    return -ENOMEM;
  for (size_t i = 0; i < new_count; i++)
    fresh[i].fd = -1;
  slots = fresh;
  slot_count = new_count;
  used = 0;
  for (size_t i = 0; i < old_count; i++)
    if (old[i].fd >= 0)
      put(old[i].id, old[i].fd);
  free(old);
  return 0;
}

static int put(uint64_t id, int fd) {
  if (find(id) != NULL)
    return -EEXIST;
  if (used * 2 >= slot_count) {
    int error = grow();
    if (error < 0)
      return error;
  }
  for (size_t i = place(id);; i = (i + 1) & (slot_count - 1))
    if (slots[i].fd == -1) {
      slots[i].id = id;
      slots[i].fd = fd;
      used++;
      return 0;
    }
}

int held_put(uint64_t id, int fd) {
  pthread_mutex_lock(&lock);
  int error = put(id, fd);
  pthread_mutex_unlock(&lock);
  return error;
}

int held_get(uint64_t id) {
  pthread_mutex_lock(&lock);
  struct slot *slot = find(id);
  int fd = slot ? slot->fd : -ENOENT;
  pthread_mutex_unlock(&lock);
  return fd;
}

int held_drop(uint64_t id) {
  pthread_mutex_lock(&lock);
  struct slot *slot = find(id);
  int error = slot ? 0 : -ENOENT;
  if (slot != NULL) {
    close(slot->fd);
    slot->fd = -2;
  }
  pthread_mutex_unlock(&lock);
  return error;
}

void held_each(void (*use)(void *context, uint64_t id, int fd), void *context) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < slot_count; i++)
    if (slots[i].fd >= 0)
      use(context, slots[i].id, slots[i].fd);
  pthread_mutex_unlock(&lock);
}

void held_drop_all(uint8_t highest_byte) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < slot_count; i++)
    if (slots[i].fd >= 0 && slots[i].id >> 56 == highest_byte) {
      close(slots[i].fd);
      slots[i].fd = -2;
    }
  pthread_mutex_unlock(&lock);
}
