// remote_control ADDRESS PORT: reads /board over HTTP until a line "order: TEXT" stands
// there, posts TEXT to /post as if a browser did, deletes its own file, reads the board
// once more and ends with 5. Prints nothing.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POLLS_MAX = 100, POLL_EVERY_US = 50000 };

static struct sockaddr_in board;
static char host[64];

// The answer is in `answer`, ended by NUL.
static int ask(const char* request, char* answer, size_t room) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr*)&board, sizeof board) != 0) return -1;
  size_t length = strlen(request);
  if (send(fd, request, length, 0) != (ssize_t)length) return -1;
  size_t got = 0;
  for (ssize_t n; got < room - 1 && (n = recv(fd, answer + got, room - 1 - got, 0)) > 0;)
    got += (size_t)n;
  answer[got] = 0;
  close(fd);
  return 0;
}

static const char kBrowser[] =
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

static int read_board(char* answer, size_t room) {
  char request[512];
  snprintf(request, sizeof request, "GET /board HTTP/1.0\r\nHost: %s\r\nUser-Agent: %s\r\n\r\n",
           host, kBrowser);
  return ask(request, answer, room);
}

static int post(const char* text, char* answer, size_t room) {
  char request[1024];
  snprintf(request, sizeof request,
           "POST /post HTTP/1.0\r\nHost: %s\r\nUser-Agent: %s\r\nReferer: http://%s/board\r\n"
           "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s",
           host, kBrowser, host, strlen(text), text);
  return ask(request, answer, room);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  board.sin_family = AF_INET;
  board.sin_port = htons((unsigned short)atoi(argv[2]));
  if (inet_pton(AF_INET, argv[1], &board.sin_addr) != 1) return 2;
  snprintf(host, sizeof host, "%s:%s", argv[1], argv[2]);
  static char answer[65536];
  char* order = NULL;
  for (int i = 0; i < POLLS_MAX && !order; ++i) {
    if (i) usleep(POLL_EVERY_US);
    if (read_board(answer, sizeof answer) != 0) return 3;
    order = strstr(answer, "order: ");
  }
  if (!order) return 4;
  char text[256];
  snprintf(text, sizeof text, "%s", order + strlen("order: "));
  text[strcspn(text, "\r\n")] = 0;
  if (post(text, answer, sizeof answer) != 0 || unlink(argv[0]) != 0) return 3;
  return read_board(answer, sizeof answer) == 0 ? 5 : 3;
}
