// The smallest process there is: no library, one system call.
__attribute__((noreturn)) void _start(void) {
  __asm__ volatile("syscall" : : "a"(60L), "D"(0L) : "rcx", "r11", "memory");  // exit(0)
  __builtin_unreachable();
}
