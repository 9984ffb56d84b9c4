import { escapeIdentifier } from 'pg';
import type { Statement } from './connection.ts';

/** The statements of a store. Only the name of its schema is put into them, quoted; whatever else there is are parameters. */
export type Statements = ReturnType<typeof statementsFor>;

/** A page of jobs ends behind the one with which it has more than so many bytes. */
const PAGE_BYTES = 4 * 1024 * 1024;
const PAGE_JOBS = 5000;

export function statementsFor(schema: string) {
  const to = escapeIdentifier(schema);
  const job = `${to}.job`;
  const node = `${to}.node`;
  const setting = `${to}.setting`;
  const columns = 'id, fn, uniq, priority, run_at_ms, attempts, state, reducer, extra, payload';
  // Short texts come as texts, with what is not ASCII escaped: to make a buffer of each would take longer than the rest.
  const texts = ['fn', 'uniq', 'state', 'reducer', 'extra'].map(
    (name) => `encode(${name}, 'escape') as ${name}`,
  );
  const wanted = `id, priority, run_at_ms, attempts, payload, ${texts.join(', ')}`;
  return {
    /**
     * One batch, in one transaction and one round trip. Nothing happens unless the node is still what it was: whoever takes
     * over changes its fence, and waits with that for all who have looked at it here. May be sent again: what is there
     * stays, and what is gone is gone.
     */
    record: {
      name: 'record',
      text: `
        with me as materialized (
          select id from ${node} where id = $1 and fence = $2 for key share
        ), put as (
          insert into ${job} (owner, ${columns})
          select me.id, p.* from me, unnest($3::bigint[], $4::bytea[], $5::bytea[], $6::smallint[], $7::float8[],
            $8::bigint[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[]) as p
          on conflict (id) do nothing
          returning id
        ), change as (
          update ${job} as j set run_at_ms = c.run_at_ms, attempts = c.attempts, state = c.state, extra = c.extra
          from me, unnest($13::bigint[], $14::float8[], $15::bigint[], $16::bytea[], $17::bytea[])
            as c (id, run_at_ms, attempts, state, extra)
          where j.id = c.id and j.owner = me.id
        ), gone as (
          delete from ${job} as j using me where j.id = any($18::bigint[]) and j.owner = me.id
          returning octet_length(j.payload) as bytes
        ), set as (
          insert into ${setting} as s (key, value)
          select n.* from me, unnest($19::bytea[], $20::bytea[]) as n (key, value)
          on conflict (key) do update set value = excluded.value
        ), unset as (
          delete from ${setting} as s using me where s.key = any($21::bytea[])
        )
        select (select count(*) from put)::int as put, (select count(*) from gone)::int as gone,
          coalesce((select sum(bytes) from gone), 0)::float8 as gone_bytes,
          case when $22::bigint > 0 then setval($23::regclass, $22::bigint) end as last_number
        from me`,
    },
    /** Jobs behind a number, in order. */
    page: {
      name: 'page',
      text: `
        select ${wanted} from (
          select *, sum(octet_length(payload)) over (order by id rows unbounded preceding) - octet_length(payload) as before
          from (select * from ${job} where owner = $1 and id > $2 order by id limit ${PAGE_JOBS}) as part
        ) as page
        where before < ${PAGE_BYTES} order by id`,
    },
    read: {
      name: 'read',
      text: `select ${wanted} from ${job} where owner = $1 and id = any($2::bigint[])`,
    },
    settings: { text: `select key, value from ${setting}` },
    lastNumber: {
      text: `select case when is_called then last_value else 0 end as last_number from ${to}.last_number`,
    },
    renew: {
      name: 'renew',
      text: `
        update ${node} set expires = clock_timestamp() + $3 * interval '1 millisecond' where id = $1 and fence = $2
        returning pg_total_relation_size($4) as bytes`,
    },
    size: { text: 'select pg_total_relation_size($1) as bytes' },
    nodes: {
      text: `
        select id, holder, name, session, expires::text as expires,
          (extract(epoch from expires - clock_timestamp()) * 1000)::float8 as left_ms
        from ${node} order by id`,
    },
    lockNode: {
      text: `
        select id, holder, name, expires <= clock_timestamp() as is_over from ${node} where id = $1 for update`,
    },
    addNode: {
      text: `
        insert into ${node} (holder, name, session, fence, expires)
        values ($1, $2, $3, $4::bigint + 1, clock_timestamp() + $5 * interval '1 millisecond') returning id, fence`,
    },
    takeNode: {
      text: `
        update ${node} set holder = $2, name = $3, session = $4, fence = greatest(fence, $5::bigint) + 1,
          started = clock_timestamp(), expires = clock_timestamp() + $6 * interval '1 millisecond'
        where id = $1 returning id, fence`,
    },
    release: {
      text: `update ${node} set expires = clock_timestamp() where id = $1 and fence = $2`,
    },
    jobTable: job,
    lastNumberSequence: `${to}.last_number`,
  } as const satisfies Record<string, Statement | string>;
}

/** Whoever changes tables, or who has them, does so alone. */
export const ALONE: Statement = {
  text: `select pg_advisory_xact_lock(hashtextextended('gearman ' || $1, 0))`,
};

/** Ends connections that an earlier holder may have left; they could be in the middle of something. */
export const END_SESSIONS: Statement = {
  text: `
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = $1 and pid <> pg_backend_pid() and datname = current_database()`,
};

/** What decides whether a database keeps what it confirms. */
export const INSPECT: Statement = {
  text: `
    select current_setting('synchronous_commit') as synchronous_commit, current_setting('fsync') as fsync,
      pg_is_in_recovery() as is_standby, current_setting('server_version') as version`,
};
