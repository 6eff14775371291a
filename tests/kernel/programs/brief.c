// brief PORT: connects to 127.0.0.1:PORT, sends 5 bytes and dies without close:
// a process that lives for about a millisecond. Prints nothing.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0) return 1;
  if (send(fd, "hello", 5, 0) != 5) return 1;
  _exit(7);
}
