// Our job server, ready to listen as soon as it is told where, so that a restart takes no time.
import { createServer } from '@gearman/server';

process.once('message', ({ port }) => {
  void createServer()
    .listen({ host: '127.0.0.1', port })
    .then(() => process.send('listening'));
});
process.on('disconnect', () => process.exit(0));
