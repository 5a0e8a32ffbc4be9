/* Starts Bun with the program beside it: bin/virnucpro -> lib/bun lib/virnucpro/dist/cli/main.js ARGUMENTS.
 * It is linked statically and asks no shell, so that it runs, and can say what is missing, in a root without either. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static int fail(const char *what, const char *why) {
  fprintf(stderr, "virnucpro: %s: %s\n", what, why);
  return 69;
}

/* The folder that holds bin and lib. /proc is not everywhere; the kernel gives every program the name it was started by. */
static int find_root(char *root) {
  char named[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", named, sizeof named - 1);
  if (length > 0) {
    named[length] = 0;
  } else {
    const char *given = (const char *)getauxval(AT_EXECFN);
    if (given == NULL || strlen(given) >= sizeof named) return -1;
    strcpy(named, given);
  }
  if (realpath(named, root) == NULL) return -1;
  for (int up = 0; up < 2; up++) {
    char *slash = strrchr(root, '/');
    if (slash == NULL) return -1;
    *slash = 0;
  }
  return 0;
}

int main(int argc, char **argv) {
  static char root[PATH_MAX], bun[PATH_MAX + 16], program[PATH_MAX + 64];
  if (find_root(root) != 0) return fail("cannot find its own folder", strerror(errno));
  snprintf(bun, sizeof bun, "%s/lib/bun", root);
  snprintf(program, sizeof program, "%s/lib/virnucpro/dist/cli/main.js", root);
  char **words = calloc((size_t)argc + 2, sizeof *words);
  if (words == NULL) return fail("cannot start", strerror(errno));
  words[0] = bun;
  words[1] = program;
  for (int i = 1; i < argc; i++) words[i + 1] = argv[i];
  execv(bun, words);
  /* The file is there, and what it names as its loader is not. */
  if (errno == ENOENT && access(bun, F_OK) == 0)
    return fail("this system has no GNU C library",
                "glibc 2.28 or later is needed; systems with musl, such as Alpine Linux, are not supported");
  return fail(bun, strerror(errno));
}
