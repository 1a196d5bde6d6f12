/*
 * Ids, groups, capability sets, securebits and no_new_privs, which each thread has for itself. It uses no capability that
 * docker's default set lacks.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define THREADS 4

struct credentials {
  unsigned uids[4], gids[4];
  int group_count;
  gid_t groups[32];
  struct __user_cap_data_struct capabilities[2];
  uint64_t bounding, ambient;
  int securebits, no_new_privs;
};

static struct credentials before[THREADS];

static void read_credentials(struct credentials *credentials) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  memset(credentials, 0, sizeof(*credentials));
  getresuid(&credentials->uids[0], &credentials->uids[1], &credentials->uids[2]);
  credentials->uids[3] = (unsigned)syscall(SYS_setfsuid, -1);
  getresgid(&credentials->gids[0], &credentials->gids[1], &credentials->gids[2]);
  credentials->gids[3] = (unsigned)syscall(SYS_setfsgid, -1);
  credentials->group_count = getgroups(32, credentials->groups);
  syscall(SYS_capget, &header, credentials->capabilities);
  for (int i = 0; i < 64; i++) {
    if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
      credentials->bounding |= 1ULL << i;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1)
      credentials->ambient |= 1ULL << i;
  }
  credentials->securebits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  credentials->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
      {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
  };
  MUST(syscall(SYS_capset, &header, data));
}

#define BIT(capability) (1ULL << (capability))

/* The raw calls are for the calling thread; the C library's wrappers are for all. */
static void set_up(int index) {
  const gid_t groups[] = {10, 20, 30, 4000, 50000};
  switch (index) {
  case 0: /* as it was started */
    break;
  case 1: /* an ordinary user, as setuid programs become one */
    MUST(syscall(SYS_setgroups, 5, groups));
    MUST(syscall(SYS_setresgid, 1001, 1001, 1001));
    MUST(syscall(SYS_setresuid, 1000, 1000, 1000));
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    break;
  case 2: /* one that keeps some capabilities, and can come back */
    MUST(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT, 0, 0, 0));
    MUST(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
    MUST(syscall(SYS_setgroups, 0, NULL));
    MUST(syscall(SYS_setresgid, 5, 6, 7));
    MUST(syscall(SYS_setresuid, 2001, 2002, 2003));
    MUST(syscall(SYS_setfsgid, 8));
    MUST(syscall(SYS_setfsuid, 2004));
    set_capabilities(BIT(CAP_CHOWN) | BIT(CAP_KILL), BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE),
                     BIT(CAP_NET_BIND_SERVICE));
    MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
    break;
  case 3: /* root, locked, with an inheritable capability that has left the bounding set */
    set_capabilities(BIT(CAP_SETPCAP) | BIT(CAP_CHOWN), BIT(CAP_SETPCAP) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER),
                     BIT(CAP_FOWNER) | BIT(CAP_CHOWN));
    MUST(prctl(PR_CAPBSET_DROP, CAP_FOWNER, 0, 0, 0));
    MUST(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0));
    break;
  }
  read_credentials(&before[index]);
}

static void check(int index) {
  struct credentials now;
  read_credentials(&now);
  for (int i = 0; i < 4; i++) {
    EXPECT(now.uids[i] == before[index].uids[i], "thread %d: uid %d is %u, was %u", index, i, now.uids[i],
           before[index].uids[i]);
    EXPECT(now.gids[i] == before[index].gids[i], "thread %d: gid %d is %u, was %u", index, i, now.gids[i],
           before[index].gids[i]);
  }
  EXPECT(now.group_count == before[index].group_count, "thread %d has %d groups, had %d", index, now.group_count,
         before[index].group_count);
  EXPECT_SAME_BYTES("list of groups", before[index].groups, now.groups, sizeof(now.groups));
  for (int i = 0; i < 2; i++)
    EXPECT(memcmp(&now.capabilities[i], &before[index].capabilities[i], sizeof(now.capabilities[i])) == 0,
           "thread %d: capabilities (effective, permitted, inheritable; word %d) are %x %x %x, were %x %x %x", index, i,
           now.capabilities[i].effective, now.capabilities[i].permitted, now.capabilities[i].inheritable,
           before[index].capabilities[i].effective, before[index].capabilities[i].permitted,
           before[index].capabilities[i].inheritable);
  EXPECT(now.bounding == before[index].bounding, "thread %d: the bounding set is %llx, was %llx", index,
         (unsigned long long)now.bounding, (unsigned long long)before[index].bounding);
  EXPECT(now.ambient == before[index].ambient, "thread %d: the ambient set is %llx, was %llx", index,
         (unsigned long long)now.ambient, (unsigned long long)before[index].ambient);
  EXPECT_EQUAL("securebits", before[index].securebits, now.securebits);
  EXPECT_EQUAL("no_new_privs", before[index].no_new_privs, now.no_new_privs);
}

int main(void) {
  victim_serve_crew(THREADS, set_up, check);
}
