/* Addresses that the kernel keeps for each thread: robust futex list, tid to clear at exit, restartable sequences. */
#define _GNU_SOURCE
#include "victim.h"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#define THREADS 4

static uint64_t robust[THREADS], tid_address[THREADS];
static pid_t tids[THREADS];
static pthread_mutex_t mutex;

static void read_pointers(uint64_t *list, uint64_t *clear_at) {
  size_t length = 0;
  syscall(SYS_get_robust_list, 0, list, &length);
  EXPECT_EQUAL("length of the robust list's head", sizeof(struct robust_list_head), length);
  prctl(PR_GET_TID_ADDRESS, clear_at, 0, 0, 0);
}

static void set_up(int index) {
  tids[index] = gettid();
  read_pointers(&robust[index], &tid_address[index]);
}

static void *die_with_mutex(void *argument) {
  (void)argument;
  pthread_mutex_lock(&mutex);
  return NULL;
}

static void check(int index) {
  uint64_t list, clear_at;
  read_pointers(&list, &clear_at);
  EXPECT(tids[index] == gettid(), "thread %d has tid %d, had %d", index, gettid(), tids[index]);
  EXPECT(list == robust[index], "thread %d: the robust list is elsewhere", index);
  EXPECT(clear_at == tid_address[index], "thread %d: the tid to clear is elsewhere", index);
  if (__rseq_size != 0) {
    struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
    unsigned processor = 0;
    /* The kernel writes the processor's number only where an area is registered. */
    area->cpu_id_start = 77;
    area->cpu_id = 77;
    for (int i = 0; i < 1000 && area->cpu_id == 77; i++)
      usleep(1000);
    syscall(SYS_getcpu, &processor, NULL, NULL);
    EXPECT(area->cpu_id < 77, "thread %d: restartable sequences are not registered (cpu_id is %u)", index, area->cpu_id);
    EXPECT(syscall(SYS_rseq, area, 32, 0, RSEQ_SIG) < 0 && errno == EBUSY,
           "thread %d: restartable sequences are registered with another length or signature", index);
  }
  if (index == 1) {
    pthread_t thread;
    pthread_create(&thread, NULL, die_with_mutex, NULL);
    pthread_join(thread, NULL);
    EXPECT(pthread_mutex_lock(&mutex) == EOWNERDEAD, "a robust mutex does not tell that its owner died");
    pthread_mutex_consistent(&mutex);
    pthread_mutex_unlock(&mutex);
  }
}

int main(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  victim_serve_crew(THREADS, set_up, check);
}
