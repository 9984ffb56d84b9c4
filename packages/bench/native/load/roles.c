/* What each kind of connection does with a packet. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long ready_count, echo_count, created_count, assigned_count, no_job_count, noop_count, fan_count;
int64_t assigned_at;

static long submitted_count;

static const char *next_unique_id(void) {
  static char unique_id[32];
  if (options.unique == 0) return "";
  long number = options.unique < 0 ? submitted_count : submitted_count % options.unique;
  snprintf(unique_id, sizeof unique_id, "unique-%010ld", number);
  return unique_id;
}

/* With a limit for the whole run nothing is sent that would be one too many. */
static bool may_submit(void) {
  return phase != MEASURED && (options.jobs == 0 || submitted_count < options.jobs);
}

void submit_background(conn_t *conn) {
  if (!may_submit()) return;
  send_submit(conn, SUBMIT_JOB_BG, conn->index, next_unique_id());
  submitted_count++;
  conn->sent_at[conn->head++ % (unsigned)options.window] = now;
}

static void submit_slot(conn_t *conn, int slot) {
  if (!may_submit()) return;
  send_submit(conn, SUBMIT_JOB, slot, next_unique_id());
  submitted_count++;
  conn->sent_at[slot] = now;
}

void start_client(conn_t *conn) {
  for (int slot = 0; slot < options.window; slot++) submit_slot(conn, slot);
}

void grab(conn_t *conn) {
  for (; conn->outstanding < options.pipeline; conn->outstanding++) send_packet(conn, GRAB_JOB, "", 0);
  conn->is_asleep = false;
}

static void on_submitter(conn_t *conn) {
  if (conn->type == ECHO_RES) {
    echo_count++;
    return;
  }
  if (conn->type != JOB_CREATED) fail("a submitter got packet %u", conn->type);
  created_count++;
  job_done(now - conn->sent_at[conn->tail++ % (unsigned)options.window]);
  submit_background(conn);
}

static void on_client(conn_t *conn) {
  if (conn->type == JOB_CREATED) return;
  if (conn->type != WORK_COMPLETE) fail("a client got packet %u", conn->type);
  char digits[SLOT_BYTES + 1] = {0};
  memcpy(digits, conn->start, SLOT_BYTES);
  long slot = strtol(digits, NULL, 16);
  if (slot < 0 || slot >= options.window || conn->sent_at[slot] == 0) fail("a result for no job");
  int64_t took = now - conn->sent_at[slot];
  conn->sent_at[slot] = 0;
  job_done(took);
  submit_slot(conn, (int)slot);
}

static void on_worker(conn_t *conn) {
  switch (conn->type) {
    case ECHO_RES:
      echo_count++;
      break;
    case NOOP:
      noop_count++;
      if (conn->is_asleep) grab(conn);
      break;
    case NO_JOB:
      no_job_count++;
      conn->outstanding--;
      if (conn->outstanding > 0) break;
      conn->is_asleep = true;
      send_packet(conn, PRE_SLEEP, "", 0);
      break;
    case JOB_ASSIGN:
      assigned_count++;
      assigned_at = now;
      conn->outstanding--;
      send_complete(conn);
      /* Asked for again only while somebody may still have one. */
      if (phase != MEASURED) grab(conn);
      break;
    default:
      fail("a worker got packet %u", conn->type);
  }
}

static void on_fan(conn_t *conn) {
  if (conn->type == JOB_CREATED) created_count++;
  else if (conn->type == WORK_COMPLETE) fan_count++;
  else fail("a client got packet %u", conn->type);
}

static void on_responder(conn_t *conn) {
  static const char handle[] = "H:instant:1000";
  if (conn->type == SUBMIT_JOB_BG) send_packet(conn, JOB_CREATED, handle, sizeof handle - 1);
}

void on_packet(conn_t *conn) {
  switch (conn->role) {
    case SUBMITTER:
      on_submitter(conn);
      break;
    case CLIENT:
      on_client(conn);
      break;
    case WORKER:
    case IDLER:
      on_worker(conn);
      break;
    case FAN:
      on_fan(conn);
      break;
    case RESPONDER:
      on_responder(conn);
      break;
    default:
      fail("a packet for nobody");
  }
}
