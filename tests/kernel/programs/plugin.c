// A shared library that a test opens with dlopen.

int alibi_test_plugin(void) { return 42; }
