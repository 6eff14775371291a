// The smallest program: exits with the number in its last argument. Static and
// without libc, so that a storm of it is limited by the kernel alone.

static void finish(int code) {
  __asm__ volatile("syscall" ::"a"(231 /* exit_group */), "D"(code));
  __builtin_unreachable();
}

__attribute__((used)) static void start(const long* stack) {
  long count = stack[0];
  const char* text = count > 1 ? (const char*)stack[count] : "0";
  int code = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    code = code * 10 + (*text - '0');
  finish(code & 0xff);
}

__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start\n");
