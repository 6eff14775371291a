/* The program that leaks: copies the files of one folder into another, as the
 * viruses did that put private documents into the folder shared by Winny and Share.
 *   leak PRIVATE SHARED */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int copy(const char* from, const char* to) {
  char buffer[65536];
  size_t got;
  FILE* in = fopen(from, "rb");
  FILE* out = fopen(to, "wb");
  if (!in || !out) {
    perror(in ? to : from);
    return 1;
  }
  while ((got = fread(buffer, 1, sizeof buffer, in)) > 0)
    if (fwrite(buffer, 1, got, out) != got) {
      perror(to);
      return 1;
    }
  fclose(in);
  return fclose(out) != 0;
}

int main(int argc, char** argv) {
  char from[4096], to[4096];
  struct dirent* entry;
  int failed = 0;
  DIR* folder = argc == 3 ? opendir(argv[1]) : NULL;
  if (!folder) {
    fprintf(stderr, "usage: leak PRIVATE SHARED\n");
    return 2;
  }
  while ((entry = readdir(folder))) {
    if (entry->d_name[0] == '.') continue;
    snprintf(from, sizeof from, "%s/%s", argv[1], entry->d_name);
    snprintf(to, sizeof to, "%s/%s", argv[2], entry->d_name);
    failed |= copy(from, to);
  }
  closedir(folder);
  return failed;
}
