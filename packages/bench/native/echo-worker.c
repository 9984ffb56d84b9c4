/* A worker of libgearman that gives every job of `echo` back: echo-worker PORT. It says `ready` and runs until it is killed. */
#include <libgearman-1.0/gearman.h>
#include <stdio.h>
#include <stdlib.h>

static gearman_return_t echo(gearman_job_st *job, void *context) {
  (void)context;
  return gearman_job_send_complete(job, gearman_job_workload(job), gearman_job_workload_size(job));
}

int main(int argc, char **argv) {
  gearman_worker_st *worker = gearman_worker_create(NULL);
  gearman_function_t function = gearman_function_create(echo);
  if (argc != 2 || worker == NULL) return 2;
  gearman_worker_add_server(worker, "127.0.0.1", (in_port_t)atoi(argv[1]));
  if (gearman_failed(gearman_worker_define_function(worker, "echo", 4, function, 0, NULL))) return 2;
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
