// storm COUNT RATE PREFIX TINY [SECONDS_LIMIT]
//
// Starts TINY with vfork and exec COUNT times, RATE a second (0: as fast as it
// can), each with its own argument "PREFIX-I" and exit code I % 251, and checks
// how each ended. Prints one line "I PID CODE" per program that ran, then
// "launched N seconds S": the launcher's own count is the truth of the test.

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_until(double when_s) {
  double left = when_s - now_s();
  if (left <= 0) return;
  struct timespec t = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
  nanosleep(&t, NULL);
}

// Its own function: a local variable of the caller could be clobbered by vfork.
static pid_t launch(char** child, const char* path) {
  pid_t pid = vfork();
  if (pid == 0) {
    execve(path, child, environ);
    _exit(255);
  }
  return pid;
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  int count = atoi(argv[1]);
  double rate = atof(argv[2]);
  int* pids = calloc((size_t)count, sizeof *pids);
  double start = now_s();
  int launched = 0;
  for (; launched < count; ++launched) {
    if (rate > 0) wait_until(start + launched / rate);
    char name[64], code[8];
    snprintf(name, sizeof name, "%s-%d", argv[3], launched);
    snprintf(code, sizeof code, "%d", launched % 251);
    char* child[] = {argv[4], name, code, NULL};
    pid_t pid = launch(child, argv[4]);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != launched % 251) {
      perror("storm: a program did not run as it should");
      return 1;
    }
    pids[launched] = pid;
  }
  double seconds = now_s() - start;
  for (int i = 0; i < launched; ++i)
    printf("%d %d %d\n", i, pids[i], i % 251);
  printf("launched %d seconds %.3f\n", launched, seconds);
  return 0;
}
