// thread_exec TINY: a thread that is not the first one of its process calls
// exec. The new image keeps the pid of the process, not the thread's.

#include <pthread.h>
#include <unistd.h>

static void* replace(void* path) {
  execl((const char*)path, (const char*)path, "from-thread", "9", (char*)0);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  pthread_t thread;
  if (pthread_create(&thread, 0, replace, argv[1]) != 0) return 1;
  for (;;)
    pause();
}
