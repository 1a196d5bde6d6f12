/* Whether an instance is found as it was known: its record against a pattern of it, and a few facts of the host. */
#include "keeper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is left of something that is read from begin to end. */
struct reading {
  const uint8_t *at, *end;
};

static const void *take(struct reading *reading, uint64_t length) {
  const uint8_t *at = reading->at;

  if (length > (uint64_t)(reading->end - at))
    return NULL;
  reading->at += length;
  return at;
}

static bool skip_lines(struct reading *text, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *newline = memchr(text->at, '\n', (size_t)(text->end - text->at));
    if (newline == NULL)
      return false;
    text->at = newline + 1;
  }
  return true;
}

/* Whether the payload goes on as the pattern says; both are moved on behind that. */
static bool matches_piece(struct reading *pattern, struct reading *payload) {
  const struct vas_known_piece *piece = take(pattern, sizeof(*piece));
  const void *bytes, *found;

  if (piece == NULL)
    return false;
  switch (piece->kind) {
  case VAS_KNOWN_BYTES:
    bytes = take(pattern, ALIGN_UP((uint64_t)piece->length, 8));
    found = take(payload, piece->length);
    return bytes != NULL && found != NULL && memcmp(bytes, found, piece->length) == 0;
  case VAS_KNOWN_ANY:
    return take(payload, piece->length) != NULL;
  case VAS_KNOWN_WORD:
    while (payload->at < payload->end && *payload->at != ' ' && *payload->at != '\n')
      payload->at++;
    return true;
  case VAS_KNOWN_LINES:
    return skip_lines(payload, piece->length);
  case VAS_KNOWN_CLEAR: {
    uint64_t bits, word;
    bytes = take(pattern, sizeof(bits));
    found = take(payload, sizeof(word));
    if (bytes == NULL || found == NULL)
      return false;
    memcpy(&bits, bytes, sizeof(bits));
    memcpy(&word, found, sizeof(word));
    return (word & bits) == 0;
  }
  default:
    return false;
  }
}

static bool matches_entry(struct reading *pattern, struct reading *record) {
  const struct vas_known_entry *known = take(pattern, sizeof(*known));
  const struct vas_entry *entry = take(record, sizeof(*entry));

  if (known == NULL || entry == NULL || entry->type != known->type || entry->pid != known->pid || entry->tid != known->tid ||
      entry->index != known->index)
    return false;
  const uint8_t *bytes = take(record, ALIGN_UP((uint64_t)entry->length, 8));
  if (bytes == NULL)
    return false;
  struct reading payload = {bytes, bytes + entry->length};
  for (uint32_t i = 0; i < known->piece_count; i++)
    if (!matches_piece(pattern, &payload))
      return false;
  return payload.at == payload.end;
}

/* Whatever happens to a file but being read changes the time of its last change. */
static bool is_same_file(const struct vas_known_fact *fact, const char *path) {
  struct stat status;

  if (fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return !fact->is_there;
  return fact->is_there && status.st_dev == fact->device && status.st_ino == fact->inode &&
         (uint64_t)status.st_size == fact->size && status.st_ctim.tv_sec == fact->ctime_seconds &&
         status.st_ctim.tv_nsec == fact->ctime_nanos;
}

static bool still_holds(struct reading *pattern) {
  const struct vas_known_fact *fact = take(pattern, sizeof(*fact));
  const char *path = fact == NULL ? NULL : take(pattern, fact->length);

  if (path == NULL || fact->length == 0 || path[fact->length - 1] != 0)
    return false;
  if (fact->kind == VAS_KNOWN_FILE)
    return is_same_file(fact, path);
  char text[4096];
  ssize_t length = readlink(path, text, sizeof(text) - 1);
  if (length < 0)
    return !fact->is_there;
  text[length] = 0;
  const char *known = path + strlen(path) + 1;
  return fact->is_there && known < path + fact->length && strcmp(known, text) == 0;
}

bool is_as_known(const void *known, size_t known_length, const void *record, size_t record_length) {
  struct reading pattern = {known, (const uint8_t *)known + known_length};
  struct reading found = {record, (const uint8_t *)record + record_length};
  const struct vas_known *header = take(&pattern, sizeof(*header));

  if (header == NULL)
    return false;
  for (uint32_t i = 0; i < header->entry_count; i++)
    if (!matches_entry(&pattern, &found))
      return false;
  if (found.at != found.end)
    return false;
  for (uint32_t i = 0; i < header->fact_count; i++)
    if (!still_holds(&pattern))
      return false;
  return true;
}
