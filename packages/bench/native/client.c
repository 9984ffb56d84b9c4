/*
 * A client of libgearman that keeps WINDOW jobs of `echo` in flight: client PORT WINDOW WARM_UP_MS MS rolling|batches.
 * `rolling` adds a task whenever one completes, `batches` adds WINDOW tasks whenever all have.
 * Each result is compared with what was sent. One line of JSON says how it went.
 */
#include <libgearman-1.0/gearman.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PAYLOAD_BYTES 10
#define MAX_WINDOW 4096

typedef struct {
  char payload[PAYLOAD_BYTES + 1];
} slot_t;

static gearman_client_st client;
static slot_t slots[MAX_WINDOW];
static long added, completed, wrong;
static double until_ms;
static bool rolling;

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static void add(slot_t *slot) {
  gearman_return_t result;
  /* Longer than it may get: the compiler counts on any number. */
  char text[24];
  snprintf(text, sizeof text, "%010ld", added++ % 10000000000L);
  memcpy(slot->payload, text, PAYLOAD_BYTES);
  gearman_client_add_task(&client, NULL, slot, "echo", NULL, slot->payload, PAYLOAD_BYTES, &result);
  if (gearman_failed(result)) {
    fprintf(stderr, "%s\n", gearman_client_error(&client));
    exit(1);
  }
}

static gearman_return_t on_complete(gearman_task_st *task) {
  slot_t *slot = gearman_task_context(task);
  if (gearman_task_data_size(task) != PAYLOAD_BYTES ||
      memcmp(gearman_task_data(task), slot->payload, PAYLOAD_BYTES) != 0)
    wrong++;
  completed++;
  if (rolling && now_ms() < until_ms) add(slot);
  return GEARMAN_SUCCESS;
}

static void run(double ms, int window) {
  until_ms = now_ms() + ms;
  while (now_ms() < until_ms) {
    for (int i = 0; i < window; i++) add(&slots[i]);
    if (gearman_failed(gearman_client_run_tasks(&client))) {
      fprintf(stderr, "%s\n", gearman_client_error(&client));
      exit(1);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int window = atoi(argv[2]);
  if (window < 1 || window > MAX_WINDOW) return 2;
  rolling = strcmp(argv[5], "rolling") == 0;
  if (gearman_client_create(&client) == NULL) return 2;
  gearman_client_add_options(&client, GEARMAN_CLIENT_FREE_TASKS);
  gearman_client_add_server(&client, "127.0.0.1", (in_port_t)atoi(argv[1]));
  gearman_client_set_complete_fn(&client, on_complete);
  run(atof(argv[3]), window);
  long before = completed;
  double started = now_ms(), cpu_before = cpu_ms();
  run(atof(argv[4]), window);
  printf("{\"jobs\":%ld,\"elapsedMs\":%.1f,\"cpuMs\":%.1f,\"wrong\":%ld}\n", completed - before, now_ms() - started,
         cpu_ms() - cpu_before, wrong);
  gearman_client_free(&client);
  return 0;
}
