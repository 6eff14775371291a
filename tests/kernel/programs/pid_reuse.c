// pid_reuse TINY: runs TINY twice with the same pid, chosen with clone3's
// set_tid, as "first" and "second". Prints the pid. Exit 77: not permitted, or
// somebody else took the pid meanwhile.

#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static pid_t run(pid_t wanted, char** argv) {
  struct clone_args arguments = {.exit_signal = SIGCHLD};
  if (wanted) {
    arguments.set_tid = (uint64_t)(uintptr_t)&wanted;
    arguments.set_tid_size = 1;
  }
  pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) {
    execve(argv[0], argv, environ);
    _exit(127);
  }
  return pid;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  int status;
  pid_t pid = run(0, (char*[]){argv[1], "first", "11", NULL});
  if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 11) return 1;
  struct timespec pause = {0, 20000000};
  nanosleep(&pause, NULL);
  pid_t again = run(pid, (char*[]){argv[1], "second", "22", NULL});
  if (again < 0) return 77;
  if (waitpid(again, &status, 0) != again || WEXITSTATUS(status) != 22) return 1;
  printf("%d\n", (int)pid);
  return 0;
}
