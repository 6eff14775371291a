// Installed setuid root by its test: sends one datagram to 127.0.0.1:PORT and
// prints "REAL_UID EFFECTIVE_UID".

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (sendto(fd, "hello", 5, 0, (struct sockaddr*)&to, sizeof to) != 5) return 1;
  printf("%d %d\n", (int)getuid(), (int)geteuid());
  return 0;
}
