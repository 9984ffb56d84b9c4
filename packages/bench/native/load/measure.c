/* Phases, latencies, and what the processes used. */
#include "load.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Each power of two has so many buckets: a value is off by 0.2 % at most. */
#define SUB_BITS 8
#define SUB_BUCKETS (1 << SUB_BITS)
#define BUCKETS (SUB_BUCKETS * 48)

phase_t phase = WARM_UP;
long done_count, wrong_count;

static uint32_t buckets[BUCKETS];
static int64_t begun_at, started_at, ended_at;
static double own_cpu, server_cpu;
static long jobs_at_start, jobs_measured, rss_before;

static int bucket_of(int64_t value) {
  if (value < 2 * SUB_BUCKETS) return value < 0 ? 0 : (int)value;
  int shift = 63 - __builtin_clzll((uint64_t)value) - SUB_BITS;
  return (shift + 1) * SUB_BUCKETS + (int)((value >> shift) - SUB_BUCKETS);
}

static int64_t value_of(int bucket) {
  if (bucket < 2 * SUB_BUCKETS) return bucket;
  int shift = bucket / SUB_BUCKETS - 1;
  return ((int64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << shift) + ((1LL << shift) >> 1);
}

void record(int64_t took_ns) {
  int bucket = bucket_of(took_ns);
  buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

void job_done(int64_t took_ns) {
  done_count++;
  if (phase == MEASURING && took_ns >= 0) record(took_ns);
}

static double own_cpu_ms(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* Of all threads, in nanoseconds; the usual file counts in ticks of 10 ms. */
static double server_cpu_ms(void) {
  if (options.pid == 0) return 0;
  char path[300];
  snprintf(path, sizeof path, "/proc/%d/task", options.pid);
  DIR *tasks = opendir(path);
  if (tasks == NULL) fail("process %d is gone", options.pid);
  double sum = 0;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", options.pid, task->d_name);
    FILE *file = fopen(path, "r");
    double ran = 0;
    if (file == NULL) continue;
    if (fscanf(file, "%lf", &ran) == 1) sum += ran;
    fclose(file);
  }
  closedir(tasks);
  return sum / 1e6;
}

long resident_bytes(void) {
  if (options.pid == 0) return 0;
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/statm", options.pid);
  FILE *file = fopen(path, "r");
  long pages = 0;
  if (file == NULL) fail("process %d is gone", options.pid);
  if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

void begin(void) {
  begun_at = now = clock_ns();
  rss_before = resident_bytes();
  if (options.warm_ms == 0 && options.warm_jobs == 0) measure_now();
}

void measure_now(void) {
  phase = MEASURING;
  jobs_at_start = done_count;
  own_cpu = own_cpu_ms();
  server_cpu = server_cpu_ms();
  started_at = now = clock_ns();
}

void stop_measuring(void) {
  phase = MEASURED;
  ended_at = now = clock_ns();
  jobs_measured = done_count - jobs_at_start;
  own_cpu = own_cpu_ms() - own_cpu;
  server_cpu = server_cpu_ms() - server_cpu;
}

static bool is_over(int64_t since, long ms, long jobs) {
  return (ms > 0 && now - since >= ms * 1000000LL) || (jobs > 0 && done_count >= jobs);
}

void look_at_clock(void) {
  if (phase == WARM_UP && is_over(begun_at, options.warm_ms, options.warm_jobs)) measure_now();
  else if (phase == MEASURING && is_over(started_at, options.ms, options.jobs)) stop_measuring();
}

void report(void) {
  printf("{\"jobs\":%ld,\"elapsedMs\":%.3f,\"cpuMs\":%.3f,\"serverCpuMs\":%.3f,\"wrong\":%ld", jobs_measured,
         (double)(ended_at - started_at) / 1e6, own_cpu, server_cpu, wrong_count);
  printf(",\"rssBeforeBytes\":%ld,\"rssAfterBytes\":%ld,\"latency\":[", rss_before, resident_bytes());
  bool is_first = true;
  for (int i = 0; i < BUCKETS; i++) {
    if (buckets[i] == 0) continue;
    printf("%s[%lld,%u]", is_first ? "" : ",", (long long)value_of(i), buckets[i]);
    is_first = false;
  }
  printf("]");
}
