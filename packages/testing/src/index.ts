// What tests use.

export { FakeClock } from './fake-clock.ts';
export { type LeakWatch, watchLeaks } from './leak-check.ts';
export { startOurServer } from './our-server.ts';
export { RawConnection } from './raw-connection.ts';
export { type RawHandler, type RawJob, type RawWorker, startRawWorker } from './raw-worker.ts';
export {
  findGearmand,
  freePort,
  shouldTestGearmand,
  startGearmand,
  type TestServer,
} from './test-servers.ts';
