// What tests use.

export { FakeClock } from './fake-clock.ts';
export { FakeDial, FakeTransport, type FakeTransportHandlers, turn } from './fake-dial.ts';
export { FakePeer } from './fake-peer.ts';
export {
  type FakeScript,
  FakeServer,
  type FakeServerOptions,
  fakeServer,
  type OnMessage,
} from './fake-server.ts';
export { jobServer } from './job-server.ts';
export { type LeakWatch, watchLeaks } from './leak-check.ts';
export { startOurServer } from './our-server.ts';
export { RawConnection } from './raw-connection.ts';
export { type RawHandler, type RawJob, type RawWorker, startRawWorker } from './raw-worker.ts';
export { type Rudeness, rude } from './rude.ts';
export {
  findGearmand,
  freePort,
  shouldTestGearmand,
  startGearmand,
  type TestServer,
} from './test-servers.ts';
