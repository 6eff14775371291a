// exec_loop COUNT PROGRAM [ARG...]: starts PROGRAM COUNT times, one after the
// other (vfork and exec), and waits for each. With --fork, by fork and exec.
// Prints CPU nanoseconds per process, of this process and its children.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static double cpu_ns(int who) {
  struct rusage u;
  getrusage(who, &u);
  return 1e9 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e3 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static pid_t start_child(int is_fork, char** argv) {
  const pid_t child = is_fork ? fork() : vfork();
  if (child == 0) {
    execve(argv[0], argv, environ);
    _exit(127);
  }
  return child;
}

int main(int argc, char** argv) {
  const int is_fork = argc > 1 && strcmp(argv[1], "--fork") == 0;
  argv += 1 + is_fork;
  argc -= 1 + is_fork;
  const long count = argc > 1 ? atol(argv[0]) : 0;
  if (count < 1) {
    fputs("usage: exec_loop [--fork] COUNT PROGRAM [ARG...]\n", stderr);
    return 2;
  }
  const double start = cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN);
  for (long i = 0; i < count; ++i) {
    const pid_t child = start_child(is_fork, argv + 1);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      fprintf(stderr, "exec_loop: %s ended with wait status %d\n", argv[1], status);
      return 1;
    }
  }
  printf("%.0f\n", (cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN) - start) / (double)count);
  return 0;
}
