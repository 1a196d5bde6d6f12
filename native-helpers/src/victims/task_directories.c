/* The working directory, and with "jail" a root directory of its own below it. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/stat.h>

static char expected[4096];
static bool jailed;

static void check(void) {
  char path[4096];
  struct stat marker;
  EXPECT(getcwd(path, sizeof(path)) != NULL, "there is no working directory: %s", strerror(errno));
  EXPECT(strcmp(path, expected) == 0, "the working directory is %s, was %s", path, expected);
  EXPECT(stat("marker", &marker) == 0 && S_ISREG(marker.st_mode), "the working directory holds something else");
  if (jailed)
    EXPECT(stat("/inside/marker", &marker) == 0, "the root directory is another");
}

int main(int count, char **arguments) {
  jailed = count > 1 && strcmp(arguments[1], "jail") == 0;
  MUST(mkdir("/tmp/victim jail", 0700));
  MUST(mkdir("/tmp/victim jail/inside", 0700));
  MUST(close(open("/tmp/victim jail/inside/marker", O_CREAT | O_WRONLY, 0600)));
  if (jailed)
    MUST(chroot("/tmp/victim jail"));
  MUST(chdir(jailed ? "/inside" : "/tmp/victim jail/inside"));
  if (getcwd(expected, sizeof(expected)) == NULL)
    return 2;
  victim_serve(check);
}
