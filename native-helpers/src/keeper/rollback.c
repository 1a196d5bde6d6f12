/*
 * A rollback of an instance that is found as it was known.
 *
 * Who goes back again and again, to try one thing after the other, mostly is found as the time before: then the same is to be
 * mended, for what is wanted of pages and registers never depends on what they are. The daemon need not be asked again.
 */
#include "keeper.h"

#include <sys/mman.h>
#include <sys/stat.h>

static bool was_known(const struct freeze_job *job, const struct record *record) {
  struct stat status;
  int table = job->fds[job->table];

  if (fstat(table, &status) < 0 || (uint64_t)status.st_size < job->first_known + sizeof(struct vas_known))
    return false;
  size_t length = (size_t)status.st_size;
  const uint8_t *map = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, table, 0);
  if (map == MAP_FAILED)
    return false;
  const struct vas_known *known = (const void *)(map + job->first_known);
  bool is = known->length <= length - job->first_known && is_as_known(known, known->length, record->base, record->length);
  munmap((void *)(uintptr_t)map, length);
  return is;
}

struct telling {
  const struct freeze_job *job;
  struct vas_rolled_back *result;
};

static void tell(void *context, int error, uint32_t stage, const struct vas_mended *mended) {
  struct telling *telling = context;

  telling->result->mended = *mended;
  answer(&telling->job->header, error, stage, telling->result, sizeof(*telling->result), -1);
}

void rollback_run(struct instance *instance, struct freeze_job *job) {
  struct frozen frozen;
  int error = freeze_do(instance, job, &frozen);
  struct vas_rolled_back result = {.frozen = frozen.result};

  if (error >= 0 && was_known(job, &frozen.record)) {
    struct mend_order order = {
        .request = &job->mend, .fds = job->fds + job->table, .fd_count = job->fd_count - (int)job->table};
    order.vmas = pages_vmas(frozen.pages, &order.vma_count);
    struct telling telling = {job, &result};
    result.was_known = 1;
    mend_do(instance, &order, tell, &telling);
  } else {
    answer(&job->header, error, frozen.stage, &result, sizeof(result), -1);
  }
  frozen_close(&frozen);
  freeze_job_free(job);
}
