/* All resource limits. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/resource.h>

static struct rlimit before[RLIM_NLIMITS];

static void lower(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit = {soft, hard};
  MUST(setrlimit(resource, &limit));
}

static void check(void) {
  for (int i = 0; i < RLIM_NLIMITS; i++) {
    struct rlimit now;
    getrlimit(i, &now);
    EXPECT(now.rlim_cur == before[i].rlim_cur && now.rlim_max == before[i].rlim_max,
           "limit %d is %llu of %llu, was %llu of %llu", i, (unsigned long long)now.rlim_cur, (unsigned long long)now.rlim_max,
           (unsigned long long)before[i].rlim_cur, (unsigned long long)before[i].rlim_max);
  }
}

int main(void) {
  lower(RLIMIT_NOFILE, 123, 234);
  lower(RLIMIT_CORE, 0, 4096);
  lower(RLIMIT_FSIZE, 1 << 20, RLIM_INFINITY);
  lower(RLIMIT_NPROC, 50, 60);
  lower(RLIMIT_MEMLOCK, 65536, 131072);
  lower(RLIMIT_SIGPENDING, 100, 200);
  lower(RLIMIT_AS, 1ULL << 40, 1ULL << 41);
  lower(RLIMIT_CPU, 1000000, RLIM_INFINITY);
  for (int i = 0; i < RLIM_NLIMITS; i++)
    MUST(getrlimit(i, &before[i]));
  victim_serve(check);
}
