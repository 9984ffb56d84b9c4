/*
 * A worker of libgearman: echo-worker PORT [echo|stamp]. It says `ready` and runs until it is killed. `echo` gives every
 * job back, `stamp` gives the moment in which the job came to it, in nanoseconds of the system's monotonic clock.
 */
#include <libgearman-1.0/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static gearman_return_t echo(gearman_job_st *job, void *context) {
  (void)context;
  return gearman_job_send_complete(job, gearman_job_workload(job), gearman_job_workload_size(job));
}

static gearman_return_t stamp(gearman_job_st *job, void *context) {
  (void)context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char text[24];
  int length = snprintf(text, sizeof text, "%lld", now.tv_sec * 1000000000LL + now.tv_nsec);
  return gearman_job_send_complete(job, text, (size_t)length);
}

int main(int argc, char **argv) {
  gearman_worker_st *worker = gearman_worker_create(NULL);
  if (argc < 2 || argc > 3 || worker == NULL) return 2;
  const char *name = argc == 3 ? argv[2] : "echo";
  gearman_function_t function = gearman_function_create(strcmp(name, "stamp") == 0 ? stamp : echo);
  gearman_worker_add_server(worker, "127.0.0.1", (in_port_t)atoi(argv[1]));
  if (gearman_failed(gearman_worker_define_function(worker, name, strlen(name), function, 0, NULL))) return 2;
  /* An answer means that the server knows us. */
  if (gearman_failed(gearman_worker_echo(worker, "ping", 4))) return 2;
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (gearman_failed(gearman_worker_work(worker))) {
      fprintf(stderr, "%s\n", gearman_worker_error(worker));
      return 1;
    }
  }
}
