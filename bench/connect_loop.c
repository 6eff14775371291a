// connect_loop COUNT [BYTES]: short loopback TCP connections, both ends in this
// one thread, so that the figure holds no scheduling. Each: connect, accept,
// BYTES (default 64) there and back, close. Prints CPU nanoseconds per connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { BYTES_MAX = 65536 };
static char bytes[BYTES_MAX];

static void need(int is_ok, const char* what) {
  if (is_ok) return;
  perror(what);
  exit(1);
}

static double cpu_ns(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return 1e9 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e3 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void move(int from, int to, size_t n) {
  if (n == 0) return;
  need(write(from, bytes, n) == (ssize_t)n, "write");
  for (size_t got = 0; got < n;) {
    const ssize_t r = read(to, bytes, n - got);
    need(r > 0, "read");
    got += (size_t)r;
  }
}

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 10000;
  const size_t n = argc > 2 ? (size_t)atol(argv[2]) : 64;
  if (count < 1 || n > BYTES_MAX) {
    fprintf(stderr, "usage: connect_loop COUNT [BYTES up to %d]\n", BYTES_MAX);
    return 2;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(address);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  need(listener >= 0, "socket");
  need(bind(listener, (struct sockaddr*)&address, size) == 0, "bind");
  need(listen(listener, 16) == 0, "listen");
  need(getsockname(listener, (struct sockaddr*)&address, &size) == 0, "getsockname");

  const double start = cpu_ns();
  for (long i = 0; i < count; ++i) {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    need(client >= 0, "socket");
    need(connect(client, (struct sockaddr*)&address, size) == 0, "connect");
    const int server = accept(listener, NULL, NULL);
    need(server >= 0, "accept");
    move(client, server, n);
    move(server, client, n);
    close(client);
    close(server);
  }
  printf("%.0f\n", (cpu_ns() - start) / (double)count);
  return 0;
}
