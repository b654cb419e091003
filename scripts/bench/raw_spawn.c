/* The physical limit the bench compares with: N posix_spawn + waitpid of one
 * command, C at a time, output to /dev/null. Prints seconds and microseconds
 * per spawn: raw_spawn COUNT CONCURRENCY COMMAND [ARG...] */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "raw_spawn COUNT CONCURRENCY COMMAND [ARG...]\n");
    return 2;
  }
  int count = atoi(argv[1]), width = atoi(argv[2]), live = 0, started = 0;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  while (started < count || live > 0) {
    while (live < width && started < count) {
      pid_t pid;
      if (posix_spawn(&pid, argv[3], &files, NULL, argv + 3, environ) != 0) {
        perror("posix_spawn");
        return 1;
      }
      started++;
      live++;
    }
    int status;
    if (wait(&status) > 0) {
      live--;
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 1;
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  double seconds = (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9;
  printf("%.6f %.1f\n", seconds, seconds * 1e6 / count);
  return 0;
}
