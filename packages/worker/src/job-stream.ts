import { Duplex, Readable } from 'node:stream';
import type { RunningJob } from './job.ts';

/** How much of a payload one read brings, in bytes. */
const SLICE_BYTES = 64 * 1024;

/** See {@link WorkerJob.stream}. */
export function createJobStream(job: RunningJob): Duplex {
  const slice = sliced(job.payload);
  const stream = new Duplex({
    read() {
      this.push(slice());
    },
    write(chunk: Uint8Array, _encoding, done) {
      void tell(job.write(chunk), done);
    },
    final(done) {
      job.complete();
      done();
    },
    destroy(error, done) {
      job.signal.removeEventListener('abort', onAbort);
      if (!job.ended) job.onThrow(error ?? new Error('the stream of the job was destroyed before its end'));
      done(error);
    },
  });
  const onAbort = (): void => {
    // The reason is always an error of ours.
    stream.destroy(job.signal.reason as Error);
  };
  if (job.signal.aborted) onAbort();
  else job.signal.addEventListener('abort', onAbort, { once: true });
  // Whoever reads or writes hears of it; a stream that nobody listens to must not end the process.
  stream.on('error', () => {});
  return stream;
}

async function tell(writing: Promise<void>, done: (error?: Error) => void): Promise<void> {
  try {
    await writing;
  } catch (error) {
    // What write() rejects with is always an error.
    done(error as Error);
    return;
  }
  done();
}

/** The payload of a job as a stream. */
export function createPayloadStream(payload: Uint8Array): Readable {
  const slice = sliced(payload);
  return new Readable({
    read() {
      this.push(slice());
    },
  });
}

/** The next part of the bytes at each call, null after the last. */
function sliced(bytes: Uint8Array): () => Uint8Array | null {
  let at = 0;
  return () => {
    if (at >= bytes.length) return null;
    const part = bytes.subarray(at, at + SLICE_BYTES);
    at += SLICE_BYTES;
    return part;
  };
}
