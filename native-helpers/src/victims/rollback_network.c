/*
 * rollback_network ADDRESS PORT [reuse]
 *
 * On SIGUSR2, when there is such an address, listens there, with "reuse" by SO_REUSEADDR. Tells each connection how many
 * there were before, and closes it first, which leaves it in TIME_WAIT here; but one that sends "k" is kept open. On SIGUSR1 it listens no more.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int listener, served;

static int option(int level, int name) {
  int value = 0;
  socklen_t length = sizeof(value);
  MUST(getsockopt(listener, level, name, &value, &length));
  return value;
}

static void stop(int signal) {
  (void)signal;
  close(listener);
  victim_say("closed");
  for (;;)
    pause();
}

static void serve(void) {
  char text[16], byte;
  int connection, length = snprintf(text, sizeof(text), "%d\n", served);

  MUST(connection = accept(listener, NULL, NULL));
  served++;
  MUST(write(connection, text, (size_t)length));
  if (read(connection, &byte, 1) != 1 || byte != 'k')
    close(connection);
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  sigset_t go;
  int reuse = argc > 3;

  if (argc < 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
    return 2;
  address.sin_port = htons((uint16_t)atoi(argv[2]));
  sigemptyset(&go);
  sigaddset(&go, SIGUSR2);
  sigprocmask(SIG_BLOCK, &go, NULL);
  victim_say("ready");
  while (sigwaitinfo(&go, NULL) != SIGUSR2)
    ;
  MUST(listener = socket(AF_INET, SOCK_STREAM, 0));
  MUST(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)));
  MUST(bind(listener, (struct sockaddr *)&address, sizeof(address)));
  MUST(listen(listener, 5));
  signal(SIGUSR1, stop);
  victim_say("listening");
  for (;;) {
    serve();
    EXPECT_EQUAL("SO_REUSEADDR", reuse, option(SOL_SOCKET, SO_REUSEADDR));
    EXPECT_EQUAL("IP_FREEBIND", 0, option(IPPROTO_IP, IP_FREEBIND));
  }
}
