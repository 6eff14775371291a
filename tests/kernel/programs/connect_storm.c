// connect_storm COUNT RATE PORT
//
// Connects COUNT times to 127.0.0.1:PORT, RATE a second (0: as fast as it can),
// sends 5 bytes, reads 7, closes. Prints "COOKIE LOCAL_PORT" per connection.

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

static int converse(struct sockaddr_in* to) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr*)to, sizeof *to) != 0) return -1;
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  struct sockaddr_in local;
  length = sizeof local;
  getsockname(fd, (struct sockaddr*)&local, &length);
  char answer[8];
  if (send(fd, "hello", 5, 0) != 5 || recv(fd, answer, 7, MSG_WAITALL) != 7) return -1;
  close(fd);
  printf("%" PRIx64 " %d\n", cookie, ntohs(local.sin_port));
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  double rate = atof(argv[2]);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < atoi(argv[1]); ++i) {
    if (converse(&to) != 0) {
      perror("connect_storm");
      return 1;
    }
    if (rate > 0) {
      struct timespec pause = {0, (long)(1e9 / rate)};
      nanosleep(&pause, NULL);
    }
  }
  return 0;
}
