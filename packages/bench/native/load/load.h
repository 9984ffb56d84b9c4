/*
 * A load generator for job servers: one thread, one epoll loop, many connections. It keeps as many jobs in flight as it
 * is told, checks what comes back, and prints one line of JSON. It must never be what limits a measurement: it parses in
 * place, copies no large payload, reads the clock once per wake-up, and writes once per connection and wake-up.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of a packet is looked at in one piece: all arguments in front of the payload are shorter. */
#define HEAD_BYTES 512
#define CARRY_BYTES 1024
#define MAX_WINDOW 1024
#define HANDLE_BYTES 65
/* A payload begins with the number of its slot, as so many hexadecimal digits. */
#define SLOT_BYTES 8
/* A worker gives back so much of what it got; behind it all payloads are alike. */
#define START_BYTES 64

typedef struct {
  int port;
  /* Process whose processor time and memory are reported; 0 without. */
  int pid;
  int clients, window;
  int workers, pipeline;
  int functions;
  size_t bytes;
  /* 0: no unique ids, -1: one for each job, n: that many in turn. */
  long unique;
  /* Ends of the warm-up and of the measurement: whichever of time and jobs comes first. 0: no end. */
  long warm_ms, ms, warm_jobs, jobs;
} options_t;

extern options_t options;

typedef enum { SUBMITTER, CLIENT, WORKER, IDLER, FAN, RESPONDER, PRODUCER, CONSUMER } role_t;

typedef struct {
  /* NULL: in the connection's own output. */
  const char *outside;
  size_t at, length;
} segment_t;

typedef struct conn {
  int fd;
  role_t role;
  int index;
  bool is_dirty, waits_to_write, is_ready, is_asleep, is_listener;
  /* The packet at hand, and how much of it is still to come. */
  uint32_t type;
  size_t skip, payload_at;
  char handle[HANDLE_BYTES];
  char start[START_BYTES];
  size_t start_bytes;
  /* Worker: GRAB_JOBs without an answer. Client: which job is next. */
  int outstanding;
  /* When each slot's job went out: a ring for submitters. */
  int64_t *sent_at;
  unsigned head, tail;
  size_t carried;
  char carry[CARRY_BYTES];
  char *out;
  size_t out_length, out_capacity;
  segment_t *segments;
  int segment_count, segment_capacity, first_segment;
  size_t first_done;
} conn_t;

/* net.c */
conn_t *dial(role_t role, int index);
conn_t *adopt(int fd, role_t role);
int listen_anywhere(void);
void put(conn_t *conn, const void *bytes, size_t length);
/* The bytes must stay as they are until they are written. */
void put_outside(conn_t *conn, const void *bytes, size_t length);
void turn(int timeout_ms);
extern int64_t now;
int64_t clock_ns(void);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* gearman.c */
size_t gearman_feed(conn_t *conn, const char *bytes, size_t length);
void send_packet(conn_t *conn, uint32_t type, const void *body, size_t length);
void send_submit(conn_t *conn, uint32_t type, int slot, const char *unique_id);
void send_complete(conn_t *conn);
void can_do_all(conn_t *conn);
void make_payload(void);

enum {
  CAN_DO = 1,
  PRE_SLEEP = 4,
  NOOP = 6,
  SUBMIT_JOB = 7,
  JOB_CREATED = 8,
  GRAB_JOB = 9,
  NO_JOB = 10,
  JOB_ASSIGN = 11,
  WORK_COMPLETE = 13,
  ECHO_REQ = 16,
  ECHO_RES = 17,
  SUBMIT_JOB_BG = 18,
  ERROR_PACKET = 19,
};

/* roles.c: what to do with a whole packet */
void on_packet(conn_t *conn);
void submit_background(conn_t *conn);
void grab(conn_t *conn);
void start_client(conn_t *conn);
extern long ready_count, echo_count, created_count, assigned_count, no_job_count, noop_count, fan_count;
extern int64_t assigned_at;

/* beanstalk.c */
size_t beanstalk_feed(conn_t *conn, const char *bytes, size_t length);
void produce(conn_t *conn);
void consume(conn_t *conn);

/* measure.c */
typedef enum { WARM_UP, MEASURING, MEASURED } phase_t;
extern phase_t phase;
extern long done_count, wrong_count;
/* A job is over: counts it, and notes how long it took unless that is NO_LATENCY. */
#define NO_LATENCY (-1)
void job_done(int64_t took_ns);
void begin(void);
void look_at_clock(void);
void measure_now(void);
void stop_measuring(void);
void record(int64_t took_ns);
long resident_bytes(void);
/* Starts the line of JSON; the caller may add members and closes it. */
void report(void);

#endif
