// uring connect PORT MODE   socket, connect, send, recv, close by io_uring only
// uring accept PORT MODE    accept, recv, send, close by io_uring only
//
// MODE: inline, async (worker threads of the kernel), sqpoll (kernel thread).
// The connecting side sends 5 bytes and receives 7. Prints "ready" when it
// listens, "PORT COOKIE" of the connection before it closes.

#include <arpa/inet.h>
#include <inttypes.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

static struct io_uring ring;
static unsigned sqe_flags;

static struct io_uring_sqe* next(void) { return io_uring_get_sqe(&ring); }

static int complete(struct io_uring_sqe* sqe, const char* what) {
  io_uring_sqe_set_flags(sqe, sqe_flags);
  struct io_uring_cqe* cqe;
  if (io_uring_submit(&ring) < 0 || io_uring_wait_cqe(&ring, &cqe) < 0) exit(1);
  int result = cqe->res;
  io_uring_cqe_seen(&ring, cqe);
  if (result < 0) {
    fprintf(stderr, "uring %s: %s\n", what, strerror(-result));
    exit(result == -EINVAL || result == -ENOSYS ? 77 : 1);
  }
  return result;
}

static void tell_truth(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
  struct sockaddr_in local;
  length = sizeof local;
  getsockname(fd, (struct sockaddr*)&local, &length);
  printf("%d %" PRIx64 "\n", ntohs(local.sin_port), cookie);
  fflush(stdout);
}

static int send_text(int fd, const char* text) {
  struct io_uring_sqe* sqe = next();
  io_uring_prep_send(sqe, fd, text, strlen(text), 0);
  return complete(sqe, "send");
}

static int receive(int fd, unsigned bytes) {
  char text[16];
  struct io_uring_sqe* sqe = next();
  io_uring_prep_recv(sqe, fd, text, bytes, MSG_WAITALL);
  return complete(sqe, "recv");
}

static int connect_out(struct sockaddr_in* to) {
  struct io_uring_sqe* sqe = next();
  io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
  int fd = complete(sqe, "socket");
  sqe = next();
  io_uring_prep_connect(sqe, fd, (struct sockaddr*)to, sizeof *to);
  complete(sqe, "connect");
  return fd;
}

static int accept_in(struct sockaddr_in* at) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr*)at, sizeof *at) != 0 || listen(listener, 8) != 0) exit(1);
  puts("ready");
  fflush(stdout);
  struct io_uring_sqe* sqe = next();
  io_uring_prep_accept(sqe, listener, NULL, NULL, 0);
  return complete(sqe, "accept");
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  struct io_uring_params parameters = {0};
  if (strcmp(argv[3], "sqpoll") == 0) {
    parameters.flags = IORING_SETUP_SQPOLL;
    parameters.sq_thread_idle = 100;
  }
  if (strcmp(argv[3], "async") == 0) sqe_flags = IOSQE_ASYNC;
  if (io_uring_queue_init_params(8, &ring, &parameters) != 0) return 77;
  struct sockaddr_in end = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  end.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int is_client = strcmp(argv[1], "connect") == 0;
  int fd = is_client ? connect_out(&end) : accept_in(&end);
  if (is_client) {
    send_text(fd, "hello");
    receive(fd, 7);
  } else {
    receive(fd, 5);
    send_text(fd, "welcome");
  }
  tell_truth(fd);
  struct io_uring_sqe* sqe = next();
  io_uring_prep_close(sqe, fd);
  complete(sqe, "close");
  return 0;
}
