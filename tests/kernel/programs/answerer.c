// answerer PORT: accepts on 127.0.0.1:PORT, reads 5 bytes, answers 7, waits for
// the other side to close. One connection at a time, until it is killed.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr*)&at, sizeof at) != 0 || listen(listener, 512) != 0) {
    perror("answerer");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) return 1;
    char text[8];
    if (recv(fd, text, 5, MSG_WAITALL) == 5 && send(fd, "welcome", 7, MSG_NOSIGNAL) == 7) {
      while (recv(fd, text, sizeof text, 0) > 0) {
      }
    }
    close(fd);
  }
}
