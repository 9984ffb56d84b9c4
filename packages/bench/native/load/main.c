/* load KIND name=value...: see usage(). */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Connections that are opened at a time: gearmand lets no more than 32 wait. */
#define BATCH 16
/* Nothing for so long, and a server has come to rest. */
#define QUIET_MS 5

options_t options = {.clients = 1, .window = 1, .workers = 1, .pipeline = 1, .functions = 1, .bytes = 10};

static const struct {
  const char *name;
  enum { INT, LONG, SIZE } kind;
  void *value;
} NAMES[] = {
    {"port", INT, &options.port},         {"pid", INT, &options.pid},
    {"clients", INT, &options.clients},   {"window", INT, &options.window},
    {"workers", INT, &options.workers},   {"pipeline", INT, &options.pipeline},
    {"functions", INT, &options.functions}, {"bytes", SIZE, &options.bytes},
    {"unique", LONG, &options.unique},    {"warmMs", LONG, &options.warm_ms},
    {"ms", LONG, &options.ms},            {"warmJobs", LONG, &options.warm_jobs},
    {"jobs", LONG, &options.jobs},
};

static void set(const char *argument) {
  const char *equals = strchr(argument, '=');
  for (size_t i = 0; equals != NULL && i < sizeof NAMES / sizeof *NAMES; i++) {
    if (strncmp(NAMES[i].name, argument, (size_t)(equals - argument)) != 0) continue;
    if (strlen(NAMES[i].name) != (size_t)(equals - argument)) continue;
    long value = atol(equals + 1);
    if (NAMES[i].kind == INT) *(int *)NAMES[i].value = (int)value;
    else if (NAMES[i].kind == LONG) *(long *)NAMES[i].value = value;
    else *(size_t *)NAMES[i].value = (size_t)value;
    return;
  }
  fail("unknown argument %s", argument);
}

static void await(const long *count, long goal) {
  while (*count < goal) turn(1000);
}

static void until_measured(void) {
  while (phase != MEASURED) {
    turn(100);
    look_at_clock();
  }
}

static conn_t **dial_many(role_t role, int count, void (*hello)(conn_t *)) {
  conn_t **conns = calloc((size_t)count + 1, sizeof *conns);
  if (conns == NULL) fail("no memory");
  for (int i = 0; i < count;) {
    long before = echo_count;
    int batch = 0;
    for (; batch < BATCH && i < count; batch++, i++) {
      conns[i] = dial(role, i);
      hello(conns[i]);
    }
    if (role == WORKER || role == IDLER || role == SUBMITTER) await(&echo_count, before + batch);
  }
  return conns;
}

static void say_nothing(conn_t *conn) { (void)conn; }

static void ping(conn_t *conn) { send_packet(conn, ECHO_REQ, "there?", 6); }

static void hello_worker(conn_t *conn) {
  can_do_all(conn);
  ping(conn);
}

static void hello_idler(conn_t *conn) {
  can_do_all(conn);
  send_packet(conn, PRE_SLEEP, "", 0);
  conn->is_asleep = true;
  ping(conn);
}

/* Background jobs that nobody takes. */
static void run_submit(role_t role, void (*submit)(conn_t *)) {
  conn_t **conns = dial_many(role, options.clients, role == SUBMITTER ? ping : say_nothing);
  begin();
  for (int job = 0; job < options.window; job++)
    for (int i = 0; i < options.clients; i++) submit(conns[i]);
  until_measured();
}

/* Takes `jobs` jobs that are there, and gives each back. */
static void run_drain(void) {
  conn_t **conns = dial_many(WORKER, options.workers, hello_worker);
  begin();
  for (int i = 0; i < options.workers; i++) grab(conns[i]);
  while (assigned_count < options.jobs) {
    long before = assigned_count;
    turn(1000);
    for (long i = before; i < assigned_count; i++) job_done(NO_LATENCY);
    if (phase == WARM_UP) look_at_clock();
  }
  /* The last ones have been taken in when the server answers something that came behind them. */
  long before = echo_count;
  for (int i = 0; i < options.workers; i++) ping(conns[i]);
  await(&echo_count, before + options.workers);
  stop_measuring();
}

static void run_consume(void) {
  conn_t **conns = dial_many(CONSUMER, options.workers, say_nothing);
  begin();
  for (int i = 0; i < options.workers; i++)
    for (int job = 0; job < options.pipeline; job++) consume(conns[i]);
  until_measured();
}

/* Jobs there and back. */
static void run_echo(void) {
  conn_t **workers = dial_many(WORKER, options.workers, hello_worker);
  conn_t **clients = dial_many(CLIENT, options.clients, say_nothing);
  begin();
  for (int i = 0; i < options.workers; i++) grab(workers[i]);
  /* Without clients of its own it works for others until it is killed. */
  if (options.clients == 0) puts("ready");
  fflush(stdout);
  for (int i = 0; i < options.clients; i++) start_client(clients[i]);
  until_measured();
}

/* Sleeping workers, and `jobs` single jobs among them. */
static void run_idle(void) {
  conn_t *client = dial(FAN, 0);
  long rss = resident_bytes();
  long jobs = options.jobs;
  dial_many(IDLER, options.workers, hello_idler);
  long bytes = resident_bytes() - rss;
  begin();
  measure_now();
  long woken = noop_count;
  for (long job = 0; job < jobs; job++) {
    int64_t sent_at = clock_ns();
    now = sent_at;
    long before = assigned_count;
    send_submit(client, SUBMIT_JOB_BG, 0, "");
    await(&assigned_count, before + 1);
    done_count++;
    record(assigned_at - sent_at);
    for (;;) {
      long seen = noop_count + no_job_count + created_count;
      turn(QUIET_MS);
      if (seen == noop_count + no_job_count + created_count) break;
    }
  }
  stop_measuring();
  report();
  printf(",\"connectionBytes\":%.1f,\"wakeUpsPerJob\":%.2f}\n", (double)bytes / options.workers,
         jobs > 0 ? (double)(noop_count - woken) / (double)jobs : 0);
}

/* One job for which all clients wait, again and again. */
static void run_fan(void) {
  conn_t **worker = dial_many(WORKER, 1, hello_worker);
  conn_t **clients = dial_many(FAN, options.clients, say_nothing);
  /* It asks only when it is told. */
  options.pipeline = 0;
  begin();
  while (phase != MEASURED) {
    created_count = fan_count = 0;
    for (int i = 0; i < options.clients; i++) send_submit(clients[i], SUBMIT_JOB, i, "same");
    await(&created_count, options.clients);
    /* All have merged into one job: now it may run. */
    long before = assigned_count;
    worker[0]->outstanding = 1;
    send_packet(worker[0], GRAB_JOB, "", 0);
    await(&assigned_count, before + 1);
    await(&fan_count, options.clients);
    for (int i = 0; i < options.clients; i++) job_done(NO_LATENCY);
    look_at_clock();
  }
}

static void run_respond(void) {
  printf("%d\n", listen_anywhere());
  fflush(stdout);
  for (;;) turn(100);
}

static void usage(void) {
  fprintf(stderr, "load submit|drain|echo|idle|fan|put|reserve|respond name=value...\n");
  exit(2);
}

int main(int argc, char **argv) {
  if (argc < 2) usage();
  for (int i = 2; i < argc; i++) set(argv[i]);
  if (options.bytes < SLOT_BYTES || options.window < 1 || options.window > MAX_WINDOW) usage();
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  make_payload();
  const char *kind = argv[1];
  if (strcmp(kind, "submit") == 0) run_submit(SUBMITTER, submit_background);
  else if (strcmp(kind, "put") == 0) run_submit(PRODUCER, produce);
  else if (strcmp(kind, "drain") == 0) run_drain();
  else if (strcmp(kind, "reserve") == 0) run_consume();
  else if (strcmp(kind, "echo") == 0) run_echo();
  else if (strcmp(kind, "fan") == 0) run_fan();
  else if (strcmp(kind, "respond") == 0) run_respond();
  else if (strcmp(kind, "idle") == 0) {
    run_idle();
    return 0;
  } else usage();
  report();
  printf("}\n");
  return 0;
}
